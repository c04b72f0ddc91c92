//! What followers hear: every version once and in order, whoever commits it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use engine::Engine;
use engine::command::{Cancel, Command, Target};
use engine::directory::Following;
use engine::feed::{Delta, Follower};
use engine::scheduling::timeline::Timeline;
use futures_util::future::join_all;
use load_tests::proxy::Proxy;
use schema::ids::{CalendarId, ClaimId};
use schema::models::claim::Claim;
use schema::test_db::TestDb;
use schema::test_db::practice::{Practice, Size};

use super::support::{World, settings, start};

const SIZE: Size = Size {
    dentists: 2,
    operatories: 2,
    patients: 48,
};

#[derive(Default)]
struct Ear(Mutex<Vec<Arc<Delta>>>);

impl Follower for Ear {
    fn delta(&self, delta: Arc<Delta>) {
        self.0.lock().unwrap().push(delta);
    }
}

/// Somebody who follows one calendar, from the state that they were given.
struct Listener {
    ear: Arc<Ear>,
    from: Arc<Timeline>,
    following: Following,
}

type Claims = BTreeMap<ClaimId, Claim>;

fn claims(timeline: &Timeline) -> Claims {
    timeline
        .claims()
        .map(|claim| (claim.id, (**claim).clone()))
        .collect()
}

impl Listener {
    async fn new(engine: &Engine, calendar: CalendarId) -> Self {
        let ear = Arc::<Ear>::default();
        let follower: Arc<dyn Follower> = ear.clone();
        let (from, following) = engine.follow(calendar, follower).await.unwrap();
        Self {
            ear,
            from,
            following,
        }
    }

    fn heard(&self) -> Vec<Arc<Delta>> {
        self.ear.0.lock().unwrap().clone()
    }

    /// The last version that is known here.
    fn version(&self) -> i64 {
        self.heard()
            .last()
            .map_or(self.from.version(), |delta| delta.version)
    }

    async fn until(&self, version: i64) {
        while self.version() < version {
            actix_rt::task::yield_now().await;
        }
    }

    /// The state that comes of applying each thing heard to what there was; panics unless those
    /// are the versions from then on, each once, in order.
    fn folded(&self) -> Timeline {
        let mut state = (*self.from).clone();
        for delta in self.heard() {
            assert_eq!(delta.prev, state.version());
            assert_eq!(delta.version, state.version() + 1);
            state = state.after(&delta.ops);
        }
        state
    }
}

async fn stored(world: &World, calendar: CalendarId) -> (i64, Claims) {
    let mut session = world.owner().await;
    let loaded = schema::calendars::load(&mut session, &[calendar])
        .await
        .unwrap()
        .remove(0);
    let claims = loaded.claims.into_iter().map(|claim| (claim.id, claim));
    (loaded.version, claims.collect())
}

/// Books a visit and, every third time, moves on: cancels it.
async fn come_and_go(engine: &Engine, world: &World, patient: usize) {
    let nth = i64::try_from(patient % 24).unwrap();
    let start = world.at(1 + patient as u64 / 24, 8, 0).plus(30 * nth);
    let booked = engine
        .execute(world.request(Command::Book(world.book(patient, 0, start))))
        .await;
    let booked = world.appointment(booked);
    if patient.is_multiple_of(3) {
        let appointment = Target {
            id: booked.id,
            version: None,
        };
        let reason = String::new();
        let cancel = Command::Cancel(Cancel {
            appointment,
            reason,
            code: None,
        });
        engine.execute(world.request(cancel)).await.unwrap();
    }
}

#[actix_rt::test]
async fn followers_hear_each_version_once_and_in_order() {
    let world = World::new(SIZE).await;
    let dentist = world.practice.dentists[0].1;
    let first = Listener::new(&world.engine, dentist).await;
    let left = Listener::new(&world.engine, dentist).await;
    let busy = join_all((0..SIZE.patients).map(|n| come_and_go(&world.engine, &world, n)));
    // Others join while it goes on.
    let joining = async {
        let mut joined = Vec::new();
        for version in [1, 5, 10, 20, 30, 40] {
            first.until(version).await;
            joined.push(Listener::new(&world.engine, dentist).await);
        }
        joined
    };
    let leaving = async {
        let Listener { ear, following, .. } = left;
        first.until(15).await;
        drop(following);
        let heard = ear.0.lock().unwrap().len();
        (ear, heard)
    };
    let (_, mut listeners, (ear, heard)) = futures_util::join!(busy, joining, leaving);
    assert_eq!(
        ear.0.lock().unwrap().len(),
        heard,
        "who has left hears nothing more"
    );

    let (version, claims_stored) = stored(&world, dentist).await;
    assert_eq!(version, 48 + 16);
    listeners.push(first);
    for listener in listeners {
        let state = listener.folded();
        assert_eq!(state.version(), version);
        assert_eq!(claims(&state), claims_stored);
    }
    let cell = world.engine.calendar(dentist).await.unwrap();
    assert_eq!(claims(&cell.timeline()), claims_stored);
    world.assert_clean().await;
}

#[actix_rt::test]
async fn what_another_process_commits_is_heard_as_well() {
    let world = World::new(SIZE).await;
    let other = world.another_engine().await;
    let calendars = [world.practice.dentists[0].1, world.practice.patients[0].1];
    let mut listeners = Vec::new();
    for engine in [&world.engine, &other] {
        for calendar in calendars {
            listeners.push((calendar, Listener::new(engine, calendar).await));
        }
    }
    // First one process alone, then both at once on the same calendar.
    join_all((0..12).map(|n| come_and_go(&other, &world, n))).await;
    let both = (12..SIZE.patients).map(|n| {
        let engine = [&world.engine, &other][n % 2];
        insist(engine, &world, n)
    });
    join_all(both).await;
    for (calendar, listener) in listeners {
        let (version, claims_stored) = stored(&world, calendar).await;
        assert!(version > 0);
        listener.until(version).await;
        let state = listener.folded();
        assert_eq!(state.version(), version);
        assert_eq!(claims(&state), claims_stored);
    }
    other.stop().await;
    world.assert_clean().await;
}

/// Books; where the other process was always quicker, again.
async fn insist(engine: &Engine, world: &World, patient: usize) {
    let nth = i64::try_from(patient % 24).unwrap();
    let start = world.at(1 + patient as u64 / 24, 8, 0).plus(30 * nth);
    let request = world.request(Command::Book(world.book(patient, 0, start)));
    while let Err(refusal) = engine.execute(request.clone()).await {
        assert_eq!(super::support::code(refusal), "busy");
    }
}

#[actix_rt::test]
async fn a_calendar_that_changes_while_it_is_loaded_is_not_left_stale() {
    let db = TestDb::new().await;
    let practice = Practice::seed(&db, SIZE).await;
    let proxy = Proxy::new(&db.url).await.unwrap();
    let engine = start(&proxy.url, settings()).await;
    let world = World {
        engine,
        practice,
        db,
    };
    while !world.engine.is_warm() {
        actix_rt::task::yield_now().await;
    }
    let other = world.another_engine().await;
    // Patients are loaded on use: this one is being read, and not there yet.
    let patient = world.practice.patients[0].1;
    let (read, let_go) = proxy.hold("LEFT JOIN claims k");
    let engine = world.engine.clone();
    let loading = actix_rt::spawn(async move { engine.calendar(patient).await.unwrap() });
    read.await.unwrap();
    // Meanwhile another process books the patient, and the poller hears of it.
    let books = async |patient, dentist, hour| {
        let start = world.at(1, hour, 0);
        let request = world.request(Command::Book(world.book(patient, dentist, start)));
        other.execute(request).await.unwrap().positions
    };
    let booked = books(0, 0, 9).await;
    // A later event of another calendar tells that the poll with the first one is over.
    for hour in 10..14 {
        let later = books(1, 1, hour).await;
        let dentist = world.practice.dentists[1].1;
        let listener = Listener::new(&world.engine, dentist).await;
        listener.until(later[&dentist]).await;
    }
    let_go.send(()).unwrap();
    let cell = loading.await.unwrap();
    assert_eq!(cell.version(), booked[&patient]);
    let (_, claims_stored) = stored(&world, patient).await;
    assert_eq!(claims(&cell.timeline()), claims_stored);
    other.stop().await;
    world.assert_clean().await;
}
