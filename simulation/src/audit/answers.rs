//! Whether everybody was told the truth: what was acknowledged is there, once; what was refused is
//! not, and there was a reason.

use std::collections::BTreeMap;

use engine::command::{Command, Reply};
use engine::failure::{Failure, Refusal};

use super::reasons::is_justified;
use super::{Evidence, Replay};
use crate::records::{Heard, Sent};
use crate::store::{Commit, Moment};

pub(super) fn check(evidence: &Evidence, replay: &Replay, broken: &mut Vec<String>) {
    let mut first: BTreeMap<&str, &Reply> = BTreeMap::new();
    for sent in &evidence.sent {
        let mut fault = |what: &str| {
            let command = sent.request.command.name();
            broken.push(format!("{} ({command}): {what}", sent.name));
        };
        let mine = replay.by_request.get(&sent.name);
        let commits = mine.map(Vec::as_slice).unwrap_or_default();
        let command = replay.by_command.get(&sent.request.principal);
        let of_command = command.map(Vec::as_slice).unwrap_or_default();
        let Some((until, heard)) = &sent.answer else {
            fault("was never answered");
            continue;
        };
        // Known before it was sent: the answer can only be the first one again.
        let known = of_command.first().is_some_and(|number| *number < sent.from);
        match heard {
            Heard::Done(reply) => {
                if let Some(what) = done(evidence, sent, reply, commits, of_command, *until) {
                    fault(what);
                }
                if sent.request.key.is_some() && !of_command.is_empty() {
                    let before = first
                        .entry(sent.request.principal.as_str())
                        .or_insert(reply);
                    if before.done != reply.done || before.positions != reply.positions {
                        fault("got another answer than the first one");
                    }
                }
            }
            Heard::Refused(Refusal::Rejected(rejection)) => {
                if !commits.is_empty() {
                    fault("was refused, and took effect");
                } else if known {
                    fault("was refused although it had taken effect before");
                } else if !is_justified(evidence, replay, sent, *until, rejection) {
                    fault(&format!("was refused for no reason: {rejection:?}"));
                }
            }
            Heard::Refused(Refusal::Failed(Failure::Internal)) => fault("met what must not happen"),
            Heard::Refused(Refusal::Failed(Failure::OutcomeUnknown)) => {
                if evidence.calm {
                    fault("was left in doubt although nothing went wrong");
                }
            }
            Heard::Refused(Refusal::Failed(failure)) => {
                if !commits.is_empty() {
                    fault("was told that nothing had been done, and took effect");
                }
                if evidence.calm && *failure == Failure::Unavailable {
                    fault("was told that the database was away, and it was not");
                }
            }
            Heard::Lost => {}
            Heard::Nothing => fault("hangs"),
        }
    }
}

/// What is wrong with an acknowledgement.
fn done(
    evidence: &Evidence,
    sent: &Sent,
    reply: &Reply,
    commits: &[usize],
    of_command: &[usize],
    until: usize,
) -> Option<&'static str> {
    let of = match reply.replay {
        true => of_command,
        false => commits,
    };
    let Some(number) = of.first().copied() else {
        // Nothing to do: the hold had ended, in the way that was asked for.
        let about_hold = matches!(
            sent.request.command,
            Command::Release { .. } | Command::Renew { .. } | Command::Confirm(_)
        );
        return (!about_hold).then_some("was acknowledged, and is lost");
    };
    if number >= until {
        return Some("was acknowledged before it was committed");
    }
    let committed = commit(evidence, number)?;
    if committed.positions != reply.positions {
        return Some("was told other versions than it was given");
    }
    None
}

fn commit(evidence: &Evidence, number: usize) -> Option<&Commit> {
    match evidence.moments.get(number)? {
        Moment::Committed(commit) => Some(commit),
        Moment::Rules(_) => None,
    }
}
