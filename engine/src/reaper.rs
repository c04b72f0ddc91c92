//! Ends holds whose time is over, each as a command of its own. Any number of processes may do so:
//! the commit lets one of them, by the database's clock, and the others find nothing left to do.

use std::time::Duration;

use futures_util::future::join_all;
use schema::audit_log::Origin;
use tokio::sync::watch;

use crate::command::{Command, Request};
use crate::engine::Engine;
use crate::failure::{Failure, Refusal};
use crate::scheduling::placement::Asker;

/// Holds ended at a time.
const CHUNK: i64 = 64;
/// Rounds between two removals of rows that are older.
const ROUNDS: u32 = 600;

/// Looks every `every`, first at once: what has expired while nobody ran is ended at the start.
pub(crate) async fn run(engine: Engine, every: Duration, mut stopping: watch::Receiver<bool>) {
    let mut round: u32 = 0;
    loop {
        match reap(&engine).await {
            // There may be more: no pause.
            Ok(ended) if ended == CHUNK as usize && !*stopping.borrow() => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot end holds"),
        }
        if round.is_multiple_of(ROUNDS)
            && let Err(error) = engine.parts().store.forget_holds().await
        {
            tracing::warn!(%error, "cannot remove old holds");
        }
        round = round.wrapping_add(1);
        tokio::select! {
            // In this order, so that simulated runs are the same each time; what is rare comes first.
            biased;
            changed = stopping.changed() => {
                if changed.is_err() || *stopping.borrow() {
                    return;
                }
            }
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// Ends what has expired; answers how many holds this process has ended.
async fn reap(engine: &Engine) -> Result<usize, Failure> {
    let expired = engine.parts().store.holds_expired(CHUNK).await?;
    let endings = expired.into_iter().map(|(tenant, hold)| {
        engine.execute(Request {
            tenant,
            asker: Asker::Staff,
            principal: "expiry".to_owned(),
            user: None,
            origin: Origin::default(),
            key: None,
            command: Command::Expire { hold },
        })
    });
    let mut ended = 0;
    for outcome in join_all(endings).await {
        match outcome {
            Ok(_) => ended += 1,
            // Confirmed, released or ended by another process meanwhile.
            Err(Refusal::Rejected(_)) => {}
            Err(Refusal::Failed(failure)) => return Err(failure),
        }
    }
    Ok(ended)
}
