//! The server's side of a transaction: it goes on whatever becomes of whoever sent it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error};
use schema::commit::{Change, CommitError, Committed, Grounds, InDoubt, RulesSeen, Verdict, judge};
use schema::ids::CalendarId;
use schema::models::claim::Event;
use schema::tenancy::unavailable;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Commit, Database, Logged, Moment, RulesLogged, State};
use crate::mutation::Mutation;
use crate::weather::Fate;
use crate::world::RulesChange;

type Answer = Result<Committed, CommitError>;

/// A batch on its way.
pub(super) struct Transaction {
    pub database: Arc<Database>,
    pub port: usize,
    pub node: Uuid,
    pub fence: HashMap<CalendarId, i64>,
    pub changes: Vec<Change>,
    pub answer: oneshot::Sender<Answer>,
}

impl Transaction {
    pub(super) async fn run(self) {
        let Self {
            database,
            port,
            node,
            mut fence,
            mut changes,
            answer,
        } = self;
        let (xid, fate, writing) = {
            let mut state = database.lock();
            let state = &mut *state;
            let xid = state.begin();
            let fate = state.weather.fate(&mut state.dice);
            (xid, fate, state.weather.way(&mut state.dice))
        };
        let calendars: Vec<CalendarId> = changes
            .iter()
            .flat_map(|change| change.ops.keys().copied())
            .collect();
        database.take(xid, &calendars).await;

        let (verdicts, at) = {
            let state = database.lock();
            let mut grounds = state.grounds(&database);
            match database.mutation {
                Some(Mutation::NoVersionFence) => fence = grounds.versions.clone(),
                Some(Mutation::NoRulesVersion) => {
                    for change in &mut changes {
                        change.rules = RulesSeen::default();
                    }
                }
                Some(Mutation::NoKeys) => grounds.keys.clear(),
                _ => {}
            }
            (judge(&changes, &fence, &grounds), grounds.at)
        };
        tokio::time::sleep(writing).await;
        let committed = || Committed {
            verdicts: verdicts.clone(),
            at,
        };
        // A node that has died meanwhile has not sent COMMIT.
        let dead = database.is_dead(port);
        let answer = match fate {
            _ if dead => {
                database.end(xid);
                return;
            }
            Fate::Refused => {
                database.end(xid);
                let error = Error::DatabaseError(
                    DatabaseErrorKind::CheckViolation,
                    Box::new("by chance".to_owned()),
                );
                return drop(answer.send(Err(CommitError::Conflict(error))));
            }
            Fate::Broken { lingers } => {
                let error = unavailable("broken".to_owned());
                let _ = answer.send(Err(CommitError::Failed(error)));
                tokio::time::sleep(lingers).await;
                return database.end(xid);
            }
            Fate::Unanswered { lingers, .. } => {
                database
                    .trace
                    .line(|| format!("store     xid {xid}: COMMIT is not answered"));
                let doubt = InDoubt {
                    xid,
                    evidence: None,
                    committed: committed(),
                };
                let error = unavailable("silence".to_owned());
                let _ = answer.send(Err(CommitError::InDoubt(error, doubt)));
                tokio::time::sleep(lingers).await;
                None
            }
            Fate::Answered => Some(answer),
        };
        let outcome = match fate {
            Fate::Unanswered { applied: false, .. } => {
                database
                    .trace
                    .line(|| format!("store     xid {xid}: rolled back"));
                Ok(())
            }
            _ => database.apply(xid, node, changes, &verdicts, at),
        };
        database.end(xid);
        if let Some(answer) = answer {
            let outcome = outcome.map(|()| committed());
            let _ = answer.send(outcome.map_err(CommitError::Conflict));
        }
    }
}

impl Database {
    /// Waits until nobody else has any of the calendars, and takes them all. As good as one after
    /// the other in the order of their ids.
    async fn take(&self, xid: i64, calendars: &[CalendarId]) {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = self.lock();
                if calendars.iter().all(|id| !state.locks.contains_key(id)) {
                    state.locks.extend(calendars.iter().map(|id| (*id, xid)));
                    return;
                }
            }
            freed.await;
        }
    }

    fn end(&self, xid: i64) {
        let mut state = self.lock();
        state.running.remove(&xid);
        state.locks.retain(|_, owner| *owner != xid);
        drop(state);
        self.freed.notify_waiters();
    }

    fn is_dead(&self, port: usize) -> bool {
        let state = self.lock();
        state.plights.get(port).is_some_and(|plight| plight.dead)
    }

    fn apply(
        &self,
        xid: i64,
        node: Uuid,
        changes: Vec<Change>,
        verdicts: &[Verdict],
        at: chrono::DateTime<chrono::Utc>,
    ) -> Result<(), Error> {
        let mut state = self.lock();
        let state = &mut *state;
        let mut next = state.tables.clone();
        let keys_are_unique = self.mutation != Some(Mutation::NoKeys);
        if let Err(error) = next.write(&changes, verdicts, at, keys_are_unique) {
            self.trace
                .line(|| format!("store     xid {xid}: refused, {error}"));
            let overlap = matches!(
                error,
                Error::DatabaseError(DatabaseErrorKind::ExclusionViolation, _)
            );
            state.overlaps_refused += usize::from(overlap);
            return Err(error);
        }
        state.tables = next;
        state.committed.insert(xid);
        for (change, verdict) in changes.into_iter().zip(verdicts) {
            let name = change.origin.request_id.clone().unwrap_or_default();
            let action = change.action;
            let Verdict::Committed { positions } = verdict else {
                self.trace
                    .line(|| format!("store     xid {xid}: {name} {action} {}", said(verdict)));
                continue;
            };
            self.trace.line(|| {
                let positions = self.positions(positions);
                format!("store     xid {xid}: {name} {action} committed {positions}")
            });
            for (calendar, version) in positions {
                let event = Event {
                    calendar: *calendar,
                    version: *version,
                    tx: change.tx,
                    at,
                    ops: change.ops.get(calendar).cloned().unwrap_or_default(),
                };
                state.log.push(Logged { xid, node, event });
            }
            let commit = Commit {
                change,
                positions: positions.clone(),
                at,
            };
            state.moments.push(Moment::Committed(Box::new(commit)));
        }
        Ok(())
    }

    /// Calendars by name, with their versions.
    #[must_use]
    pub fn positions<'a>(
        &self,
        positions: impl IntoIterator<Item = (&'a CalendarId, &'a i64)>,
    ) -> String {
        let named = positions
            .into_iter()
            .map(|(id, version)| format!("{}@{version}", self.world.name(*id)));
        named.collect::<Vec<_>>().join(" ")
    }

    /// Changes rules, as an administrator's transaction does: with the calendars that they govern.
    pub async fn change_rules(&self, change: RulesChange) {
        let xid = self.lock().begin();
        self.take(xid, &self.world.governed(change)).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        {
            let mut state = self.lock();
            let state = &mut *state;
            state.rules = state.rules.after(change, &mut state.dice);
            let version = match change {
                RulesChange::Clinic => state.rules.clinic_version,
                RulesChange::Hours(place) | RulesChange::Offer(place) => {
                    let own = state.rules.of_tenant.get(place);
                    own.map_or(0, |own| own.version)
                }
            };
            state.rules_log.push(RulesLogged {
                xid,
                change,
                version,
            });
            self.trace
                .line(|| format!("rules     xid {xid}: {change:?} version {version}"));
            state.moments.push(Moment::Rules(state.rules.clone()));
        }
        self.end(xid);
    }
}

fn said(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Committed { .. } => "committed",
        Verdict::Replayed { .. } => "replayed",
        Verdict::Stale { .. } => "stale",
        Verdict::StaleRules => "stale by its rules",
        Verdict::NotExpired => "not expired",
        Verdict::OverLimit => "over a limit",
    }
}

impl State {
    fn grounds(&self, database: &Database) -> Grounds {
        let versions = self.tables.calendars.iter();
        Grounds {
            at: database.time.now(),
            versions: versions.map(|(id, row)| (*id, row.version)).collect(),
            rules: self.rules.seen(&database.world),
            keys: self.tables.keys.clone().into_iter().collect(),
            holds: Default::default(),
        }
    }
}
