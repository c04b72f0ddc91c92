//! Booking pages of many practices follow free slots while visits are booked: each change is
//! computed once, however many look, and reaches them soon.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use clap::Args;
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Outcome;
use crate::client::{Answer, Command, Protocol};
use crate::diary::{Booking, minutes};
use crate::ledger::Ledger;
use crate::light::LightSocket;
use crate::measure::{Meter, Spread, now_us};
use crate::pace::{Pace, Rate};
use crate::report::Summary;
use crate::seed::{Practice, Size};
use crate::stage::{Setup, Site, Stage};

/// Dentists of each practice.
const DENTISTS: u64 = 4;
const PATIENTS: u64 = 40;
/// Connections that book.
const CLIENTS: u64 = 64;
/// Widgets that connect at the same time.
const AT_ONCE: usize = 50;
/// Every so many widgets tell when they heard of each booking; the others only listen.
const TELLING: usize = 10;
/// Bookings a second of the calm phase before.
const CALM: f64 = 10.0;
/// Days of the month that are booked, half hours of each, and a step that visits all of them.
const DAYS: u64 = 28;
const SLOTS: u64 = DAYS * 24;
const STRIDE: u64 = 379;
/// How long the last changes may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How to play it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Widgets in all
    #[arg(long, default_value_t = 5000)]
    pub widgets: usize,
    #[arg(long, default_value_t = 50)]
    pub practices: u64,
    /// Bookings a second
    #[arg(long, default_value_t = 500.0)]
    pub rate: f64,
    /// Seconds of it
    #[arg(long, default_value_t = 15)]
    pub seconds: u64,
}

/// A slot that a widget was told to be gone: whose, when it begins, when that was heard.
type Gone = (Uuid, i64, i64);

#[derive(Deserialize)]
struct SlotsDelta {
    removed: Vec<Slot>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slot {
    start: DateTime<Utc>,
    dentist_id: Uuid,
}

/// Visits of one practice in the followed month, each handed out once.
struct Month {
    practice: Practice,
    first: NaiveDate,
    next: AtomicU64,
}

impl Month {
    fn next(&self) -> Option<Booking> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (chair, turn) = (number % DENTISTS, number / DENTISTS);
        let slot = turn * STRIDE % SLOTS;
        let day = self.first.and_hms_opt(13, 0, 0)?.and_utc();
        let day = day + TimeDelta::days(i64::try_from(slot / 24).ok()?);
        (turn < SLOTS).then(|| Booking {
            patient_id: self.practice.patient(number % PATIENTS),
            dentist_id: self.practice.dentist(chair).id,
            treatment_id: self.practice.short(),
            operatory_id: self.practice.operatory(chair).id,
            start: day + minutes(slot % 24 * 30),
        })
    }
}

struct Play {
    site: Arc<Site>,
    meter: Meter,
    ledger: Ledger,
    months: Vec<Month>,
}

/// Plays it.
///
/// # Errors
/// When it cannot be played to its end.
pub async fn run(setup: &Setup, options: &Options, seed: u64) -> Outcome<Summary> {
    let size = Size {
        tenants: options.practices.max(1),
        dentists: DENTISTS,
        patients: PATIENTS,
    };
    let stage = Stage::raise(setup, size).await?;
    let site = Arc::clone(&stage.site);
    let first = next_month(site.today.date_naive()).ok_or("a month follows")?;
    let (tell, heard) = mpsc::unbounded_channel();
    let mut widgets = open(&site, options, first, &tell).await?;
    drop(tell);
    let collecting = tokio::spawn(collect(heard));

    let months = (0..size.tenants).map(|number| Month {
        practice: size.practice(number),
        first,
        next: AtomicU64::new(0),
    });
    let play = Arc::new(Play {
        site: Arc::clone(&site),
        meter: Meter::new(Instant::now())?,
        ledger: Ledger::default(),
        months: months.collect(),
    });
    // Before the load: how long it takes when nothing else goes on.
    let calm_until = Instant::now() + Duration::from_secs(options.seconds.clamp(2, 10));
    book(&play, Rate::PerSecond(CALM), calm_until, seed).await?;
    stage.analyse().await?;
    let loaded_from = Utc::now();
    let before = stage.metrics().await?;
    let until = Instant::now() + Duration::from_secs(options.seconds);
    book(&play, Rate::PerSecond(options.rate), until, seed + 1).await?;
    let booked = stage.booked().await?;
    settle(&stage).await?;
    let after = stage.metrics().await?;
    widgets.abort_all();
    while widgets.join_next().await.is_some() {}
    let gone = collecting.await?;

    let telling = options.widgets.div_ceil(TELLING) as u64;
    let (mut calm, mut loaded) = (Spread::new()?, Spread::new()?);
    let mut missed = 0;
    let mut late = 0_u64;
    for (dentist, start, at) in &booked {
        let spread = if *at < loaded_from {
            &mut calm
        } else {
            &mut loaded
        };
        late += u64::from(*at >= loaded_from);
        let times = gone.get(&(*dentist, start.timestamp()));
        for us in times.into_iter().flatten() {
            spread.record(us - at.timestamp_micros());
        }
        let told = times.map_or(0, Vec::len) as u64;
        missed += (telling / size.tenants).saturating_sub(told);
    }
    let grown = |name: &str| {
        let value = |of: &BTreeMap<String, f64>| of.get(name).copied().unwrap_or_default();
        value(&after) - value(&before)
    };
    let computations = grown("denticloud_slot_computations_total");
    let verdict = stage.close(&play.ledger, missed).await?;
    let facts = [
        (
            "feeds",
            after
                .get("denticloud_slot_feeds")
                .copied()
                .unwrap_or_default(),
        ),
        ("bookings under load", late as f64),
        ("computations", computations),
        ("  per booking", computations / (late as f64).max(1.0)),
        (
            "  per booking, were it per widget",
            options.widgets as f64 / size.tenants as f64,
        ),
        ("commit to widget, calm, p50, ms", calm.ms(0.5)),
        ("commit to widget, calm, p99, ms", calm.ms(0.99)),
        ("commit to widget, load, p50, ms", loaded.ms(0.5)),
        ("commit to widget, load, p99, ms", loaded.ms(0.99)),
        ("commit to widget, load, max, ms", loaded.ms(1.0)),
    ];
    let setting = format!(
        "{} widgets, {} practices, {}/s for {} s, seed {seed}",
        options.widgets, size.tenants, options.rate, options.seconds
    );
    Ok(Summary::new(
        "widgets",
        setting,
        play.meter.totals(),
        facts,
        verdict,
    ))
}

fn next_month(date: NaiveDate) -> Option<NaiveDate> {
    date.with_day(1)?.checked_add_months(chrono::Months::new(1))
}

/// Connects the widgets; every tenth tells which slots it was told to be gone.
async fn open(
    site: &Arc<Site>,
    options: &Options,
    month: NaiveDate,
    tell: &mpsc::UnboundedSender<Gone>,
) -> Outcome<JoinSet<()>> {
    let mut widgets = JoinSet::new();
    let numbers: Vec<usize> = (0..options.widgets).collect();
    for some in numbers.chunks(AT_ONCE) {
        let opening = some.iter().map(|number| async move {
            let place = *number as u64 % options.practices;
            let practice = site.size.practice(place);
            let mut socket = LightSocket::open(site.address, *number).await?;
            let connect = json!({ "id": 1, "type": "connect", "practice": format!("p{place}") });
            socket.say(&connect.to_string()).await?;
            socket.next_with("\"type\":\"connected\"").await?;
            let subscribe = json!({
                "id": 2, "type": "subscribeSlots", "practice": format!("p{place}"),
                "treatment": practice.short(), "month": month.format("%Y-%m").to_string(),
            });
            socket.say(&subscribe.to_string()).await?;
            socket.next_with("\"type\":\"slots\"").await?;
            Outcome::Ok(socket)
        });
        let opened = try_join_all(opening).await?;
        for (number, mut socket) in some.iter().zip(opened) {
            // Those of one round of practices tell, so that every practice has as many.
            let round = number / usize::try_from(options.practices)?;
            let tell = (round % TELLING == 0).then(|| tell.clone());
            widgets.spawn(async move {
                while let Ok(frame) = socket.next().await {
                    let Some(tell) = &tell else { continue };
                    let now = now_us();
                    let Ok(delta) = serde_json::from_slice::<SlotsDelta>(&frame) else {
                        continue;
                    };
                    for slot in delta.removed {
                        let _ = tell.send((slot.dentist_id, slot.start.timestamp(), now));
                    }
                }
            });
        }
    }
    Ok(widgets)
}

async fn collect(mut heard: mpsc::UnboundedReceiver<Gone>) -> HashMap<(Uuid, i64), Vec<i64>> {
    let mut gone: HashMap<(Uuid, i64), Vec<i64>> = HashMap::new();
    while let Some((dentist, start, at)) = heard.recv().await {
        gone.entry((dentist, start)).or_default().push(at);
    }
    gone
}

/// Books at a rate until a moment.
async fn book(play: &Arc<Play>, rate: Rate, until: Instant, seed: u64) -> Outcome<()> {
    let pace = Arc::new(Pace::new(rate, until, seed));
    let mut working = JoinSet::new();
    for number in 0..CLIENTS {
        let (play, pace) = (Arc::clone(play), Arc::clone(&pace));
        working.spawn(async move {
            let place = usize::try_from(number)? % play.months.len();
            // A client books for the practices of its number in turn.
            let mine: Vec<usize> = (0..play.months.len())
                .filter(|n| n % usize::try_from(CLIENTS).unwrap_or(1) == place)
                .collect();
            let mut clients = Vec::new();
            for place in &mine {
                let practice = play.months[*place].practice;
                clients.push(play.site.client(Protocol::Socket, practice).await?);
            }
            let mut turn = 0;
            while let Some(due) = pace.next().await {
                let which = turn % mine.len();
                turn += 1;
                let Some(booking) = play.months[mine[which]].next() else {
                    return Err("all slots are booked".into());
                };
                let answer = clients[which]
                    .give(&Command::Book(booking.clone()), None)
                    .await;
                play.meter.record(due, &answer);
                match answer {
                    Answer::Done { appointment, .. } => play.ledger.booked(appointment, &booking),
                    Answer::Refused { ref code } if answer.may_retry() => {
                        play.ledger.unanswered(&booking);
                        eprintln!("answered {code}");
                    }
                    other => return Err(format!("not booked: {other:?}").into()),
                }
            }
            Outcome::Ok(())
        });
    }
    while let Some(done) = working.join_next().await {
        done??;
    }
    Ok(())
}

/// Waits until the server has nothing more to tell.
async fn settle(stage: &Stage) -> Outcome<()> {
    let began = Instant::now();
    let mut last = -1.0;
    while began.elapsed() < PATIENCE {
        let metrics = stage.metrics().await?;
        let told = metrics
            .get("denticloud_slot_deltas_total")
            .copied()
            .unwrap_or_default();
        if told == last {
            return Ok(());
        }
        last = told;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
