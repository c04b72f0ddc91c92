//! More than the engine takes: some are told to come back, nothing is lost, and it goes on.

use std::sync::{Arc, Mutex};

use engine::command::{Command, Reply};
use engine::failure::{Failure, Refusal};
use engine::feed::{Delta, Follower};
use engine::settings::Settings;
use futures_util::future::join_all;
use futures_util::poll;
use schema::test_db::practice::Size;
use tokio::sync::oneshot;

use super::session::{HELD_UP, count, run, until};
use super::support::{World, settings, start};

const SIZE: Size = Size {
    dentists: 1,
    operatories: 1,
    patients: 40,
};

fn is_busy(answer: &Result<Reply, Refusal>) -> bool {
    matches!(answer, Err(Refusal::Failed(Failure::Busy)))
}

#[actix_rt::test]
async fn beyond_the_bound_of_commands_the_answer_is_busy() {
    const MAX: usize = 8;
    let world = World::with(
        SIZE,
        Settings {
            commands_max: MAX,
            ..settings()
        },
    )
    .await;
    let mut session = world.owner().await;
    let mut watch = world.owner().await;
    run(&mut session, "BEGIN; SELECT FROM calendars FOR UPDATE").await;
    // No two want the same time: nothing but the bound refuses.
    let ask = |patient: usize| {
        let nth = i64::try_from(patient % 20).unwrap();
        let start = world.at(1 + patient as u64 / 20, 8, 0).plus(30 * nth);
        world
            .engine
            .execute(world.request(Command::Book(world.book(patient, 0, start))))
    };
    let mut asked: Vec<_> = (0..20).map(|patient| Box::pin(ask(patient))).collect();
    let mut refused = Vec::new();
    for (patient, one) in asked.iter_mut().enumerate() {
        if let std::task::Poll::Ready(answer) = poll!(one) {
            assert!(is_busy(&answer), "{answer:?}");
            refused.push(patient);
        }
    }
    // Those who came first are in, the others know at once.
    assert_eq!(refused, (MAX..20).collect::<Vec<_>>());
    until(&mut watch, HELD_UP, 1).await;
    assert_eq!(count(&mut watch, "appointments").await, 0);
    assert!(is_busy(&ask(20).await), "still as many in flight");
    // A caller who goes away takes nothing back, and frees no place before its command is over.
    let (gone, waiting) = asked
        .drain(..MAX)
        .enumerate()
        .partition::<Vec<_>, _>(|(n, _)| n % 2 == 0);
    drop(gone);
    assert!(is_busy(&ask(20).await), "a caller is not its command");

    run(&mut session, "COMMIT").await;
    for (_, answer) in waiting {
        answer.await.unwrap();
    }
    drop(asked);
    until(&mut watch, "appointments", MAX as i64).await;
    // Places come free when the commands end, soon after their commits.
    let mut late = Vec::new();
    for patient in MAX..SIZE.patients {
        late.push(loop {
            let answer = ask(patient).await;
            if !is_busy(&answer) {
                break answer;
            }
            actix_rt::task::yield_now().await;
        });
    }
    assert!(late.iter().all(Result::is_ok), "{late:?}");
    assert_eq!(
        count(&mut watch, "appointments").await,
        SIZE.patients as i64
    );
    world.assert_clean().await;
}

/// Keeps the thread that tells it of an event, which nobody else may do.
struct Jam(Mutex<Option<(oneshot::Sender<()>, std::sync::mpsc::Receiver<()>)>>);

impl Follower for Jam {
    fn delta(&self, _: Arc<Delta>) {
        let jam = self.0.lock().unwrap().take();
        if let Some((begun, end)) = jam {
            let _ = begun.send(());
            let _ = end.recv();
        }
    }
}

#[actix_rt::test]
async fn a_calendars_mailbox_has_a_bound() {
    const MAX: usize = 4;
    let world = World::with(
        SIZE,
        Settings {
            arbiters: 1,
            mailbox_max: MAX,
            ..settings()
        },
    )
    .await;
    world.load_everything().await;
    let (begun, has_begun) = oneshot::channel();
    let (end, ends) = std::sync::mpsc::channel();
    let jam = Arc::new(Jam(Mutex::new(Some((begun, ends)))));
    let dentist = world.practice.dentists[0].1;
    let (_, following) = world.engine.follow(dentist, jam).await.unwrap();

    // The actors' only thread stands still while it tells of what another process has booked; meanwhile
    // commands gather, and when it goes on they all ask the operatory before that may answer any.
    let elsewhere = start(&world.db.url, settings()).await;
    let first = world.request(Command::Book(world.book(0, 0, world.at(1, 8, 0))));
    elsewhere.execute(first).await.unwrap();
    elsewhere.stop().await;
    has_begun.await.unwrap();
    let ask = |patient: usize| {
        let nth = i64::try_from(patient).unwrap();
        let start = world.at(2, 8, 0).plus(15 * nth);
        world
            .engine
            .execute(world.request(Command::Book(world.book(patient, 0, start))))
    };
    let mut asked: Vec<_> = (1..=20)
        .map(|patient| Box::pin(ask(2 * patient - 1)))
        .collect();
    for one in &mut asked {
        assert!(poll!(one).is_pending());
    }
    end.send(()).unwrap();
    let answers = join_all(asked).await;
    let busy = answers.iter().filter(|answer| is_busy(answer)).count();
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!((done, busy), (MAX, 20 - MAX));

    // Whoever was refused is served when they come again.
    drop(following);
    for (n, answer) in answers.into_iter().enumerate() {
        if answer.is_err() {
            ask(2 * n + 1).await.unwrap();
        }
    }
    let mut watch = world.owner().await;
    assert_eq!(count(&mut watch, "appointments").await, 21);
    world.assert_clean().await;
}
