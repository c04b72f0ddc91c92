//! Those who ask: each thinks, asks a node, asks again elsewhere when the answer does not come, and
//! at times asks twice at once.

mod ideas;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use engine::command::{Command, Done, Reply, Request};
use engine::failure::{Failure, Refusal};
use engine::scheduling::placement::Asker;
use futures_util::future::{join, join_all};
use schema::audit_log::Origin;
use schema::ids::{AppointmentId, HoldId};

pub use ideas::Board;

use crate::dice::Dice;
use crate::node::{Node, Nodes};
use crate::records::{Heard, Records, Sent};
use crate::store::Database;

/// Longer than anything may take, disasters included.
const HANGS: Duration = Duration::from_secs(300);
/// How often something with a key is asked again.
const AGAIN: usize = 6;

/// What clients share.
#[derive(Debug)]
pub struct Clients {
    pub database: Arc<Database>,
    pub nodes: Rc<Nodes>,
    pub records: Records,
    pub board: Board,
    /// How many starts there are to choose from: the fewer, the more collide.
    pub starts: usize,
    /// The longest pause between two of a client's commands, in milliseconds.
    pub pause_ms: u64,
}

impl Clients {
    /// One client's life.
    pub async fn live(self: Rc<Self>, number: usize, commands: usize, mut dice: Dice) {
        let mut late = Vec::new();
        for turn in 0..commands {
            let pause = dice.between(0, self.pause_ms);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let (tenant, command) = self.idea(&mut dice);
            let name = format!("c{number}.{turn}");
            let request = Request {
                tenant,
                asker: Asker::Staff,
                principal: name.clone(),
                user: None,
                origin: Origin::default(),
                key: dice.chance(65).then(|| "key".to_owned()),
                command,
            };
            let asking = Rc::clone(&self).ask(name, request, dice.split());
            match dice.chance(30) {
                // Does not wait for the answer before it goes on.
                true => late.push(actix_rt::spawn(asking)),
                false => asking.await,
            }
        }
        join_all(late).await;
    }

    async fn ask(self: Rc<Self>, name: String, request: Request, mut dice: Dice) {
        let keyed = request.key.is_some();
        let first = self.send(format!("{name}#0"), request.clone(), dice.split());
        let mut heard = if keyed && dice.chance(25) {
            // The same at another node at the same time, or a little later.
            let later = Duration::from_millis(dice.between(0, 150));
            let twin = self.send(format!("{name}#1"), again(&request), dice.split());
            let twin = async {
                tokio::time::sleep(later).await;
                twin.await
            };
            join(first, twin).await.0
        } else {
            first.await
        };
        for turn in 2..AGAIN {
            let certain = match &heard {
                Heard::Done(_) | Heard::Refused(Refusal::Rejected(_)) => true,
                Heard::Refused(Refusal::Failed(Failure::Internal)) | Heard::Nothing => true,
                Heard::Refused(Refusal::Failed(_)) | Heard::Lost => false,
            };
            // Who knows asks once more now and then: the answer must be the same.
            if !keyed || (certain && !dice.chance(10)) {
                return;
            }
            let pause = dice.between(50, 1500);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            heard = self
                .send(format!("{name}#{turn}"), again(&request), dice.split())
                .await;
        }
    }

    async fn send(&self, name: String, mut request: Request, mut dice: Dice) -> Heard {
        let mut waited = 0;
        let node: Rc<Node> = loop {
            match self.nodes.any(&mut dice) {
                Some(node) => break node,
                None if waited > 1000 => return Heard::Lost,
                None => {
                    waited += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        request.origin.request_id = Some(name.clone());
        let trace = &self.database.trace;
        trace.line(|| {
            let what = self.told(&request.command);
            let key = if request.key.is_some() {
                "with a key"
            } else {
                ""
            };
            format!("{name:<9} → {}: {what} {key}", node.name)
        });
        let place = self.records.sent(Sent {
            name: name.clone(),
            request: request.clone(),
            from: self.database.moment(),
            answer: None,
        });
        let heard = tokio::select! {
            biased;
            () = node.death() => Heard::Lost,
            answer = node.engine.execute(request) => match answer {
                Ok(reply) => Heard::Done(reply),
                Err(refusal) => Heard::Refused(refusal),
            },
            () = tokio::time::sleep(HANGS) => Heard::Nothing,
        };
        let moments = self.database.moment();
        trace.line(|| format!("{name:<9} ← {}: {}", node.name, self.answer(&heard)));
        self.records.heard(place, moments, heard.clone());
        if let Heard::Done(reply) = &heard {
            self.board.note(reply);
        }
        heard
    }

    fn answer(&self, heard: &Heard) -> String {
        match heard {
            Heard::Done(Reply {
                positions, replay, ..
            }) => {
                let again = if *replay { "as before" } else { "done" };
                format!("{again} {}", self.database.positions(positions))
            }
            Heard::Refused(Refusal::Rejected(rejection)) => {
                use engine::scheduling::rejection::Rejection;
                match rejection {
                    Rejection::SlotTaken(conflict) => format!(
                        "slot taken on {} {:?}",
                        self.database.world.name(conflict.calendar),
                        conflict.span
                    ),
                    other => other.code().to_owned(),
                }
            }
            Heard::Refused(Refusal::Failed(failure)) => format!("{failure:?}"),
            Heard::Lost => "lost".to_owned(),
            Heard::Nothing => "nothing, it hangs".to_owned(),
        }
    }
}

/// The same command again: what is made anew each time is no part of it.
fn again(request: &Request) -> Request {
    let mut request = request.clone();
    match &mut request.command {
        Command::Hold(hold) => {
            hold.id = HoldId::new();
            hold.token_hash = hold.id.0.as_bytes().to_vec();
        }
        Command::Confirm(confirm) => confirm.appointment = AppointmentId::new(),
        _ => {}
    }
    request
}

impl Board {
    fn note(&self, reply: &Reply) {
        match &reply.done {
            Done::Appointment(visit) => self.visit((**visit).clone()),
            Done::Hold(hold) => self.hold((**hold).clone()),
            Done::Block(state) => self.block(state.block.clone()),
            _ => {}
        }
    }
}
