//! What is counted against somebody's limits, between nodes: each tells the others what it has let
//! through, and counts what it is told. Without a bus every node counts for itself.

use std::time::Duration;

use actix_web::{rt, web};
use engine::bus::{Ear, Heard, Topic};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::throttle::Counted;
use crate::public::limits::Requests;
use crate::rest::patients::link::throttle::Try;

/// How often public requests are told of; what could be guessing is told at once.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Something counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    Guess(Counted),
    Public(Requests),
    Link(Try),
}

/// Tells and listens until it is aborted.
pub async fn share(app: web::Data<App>, mut ear: Ear<Vec<Count>>) {
    let mut tell = rt::time::interval(TELL_EVERY);
    tell.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tell.tick() => {
                let counts: Vec<Count> =
                    app.public_limits.untold().into_iter().map(Count::Public).collect();
                if !counts.is_empty() {
                    app.engine.bus().say(Topic::Counts, &counts);
                }
            }
            heard = ear.hear() => match heard {
                Some(Heard::Said(counts)) => {
                    for count in counts {
                        match count {
                            Count::Guess(counted) => app.throttle.hear(counted),
                            Count::Public(requests) => app.public_limits.hear(&requests),
                            Count::Link(tried) => app.links.hear(&tried),
                        }
                    }
                }
                // Somebody got a little more than they should.
                Some(Heard::Missed) => {}
                None => return,
            },
        }
    }
}
