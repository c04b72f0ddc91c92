//! A refusal is held against the database before it is told: what it rests on may have been moved by
//! another node, and the command itself may have been done.

use std::collections::BTreeSet;

use schema::commit::{Answer, Key};
use schema::ids::CalendarId;
use schema::present::Present;

use crate::command::Request;
use crate::engine::Parts;
use crate::failure::{Failure, Refusal};
use crate::plan::Looked;
use crate::scheduling::rejection::Rejection;
use crate::scheduling::rulebook::RuleBook;

/// Why a command was not done.
pub(super) enum Ended {
    Refused(Rejection, Grounds),
    Failed(Failure),
}

/// What a refusal rests on.
#[derive(Clone, Copy)]
pub(super) enum Grounds {
    /// A claim that a calendar had at this version or a later one.
    Claim { calendar: CalendarId, version: i64 },
    /// Rules and timelines as this process knows them.
    Published,
    /// What the database itself has just said.
    Database,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<diesel::result::Error> for Ended {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected(rejection) => Self::Refused(rejection, Grounds::Published),
            Refusal::Failed(failure) => Self::Failed(failure),
        }
    }
}

/// What the database says of a refusal.
pub(super) enum Check {
    Stands,
    /// It rested on something that has moved, or may have.
    Again,
    /// What is in the way is this very command: sent before, its answer lost, and committed since.
    Answered(Answer, Vec<u8>),
}

/// What the database has been asked about since the command came: what is published of it now is
/// no older.
#[derive(Default)]
pub(super) struct Verified {
    calendars: BTreeSet<CalendarId>,
    rules: bool,
}

/// A refusal that is to be held against the database before it is told.
pub(super) struct Question<'a> {
    pub request: &'a Request,
    pub key: Option<&'a Key>,
    pub looked: &'a Looked,
    pub grounds: Grounds,
}

impl Question<'_> {
    /// Asks what other nodes, or a lost answer, have made of the calendars, the rules or the key.
    /// Whatever has moved is known here afterwards. What was verified before is not asked again.
    pub async fn check(&self, parts: &Parts, verified: &mut Verified) -> Result<Check, Failure> {
        let (mut calendars, book) = match self.grounds {
            Grounds::Database => (BTreeSet::new(), None),
            Grounds::Claim { calendar, .. } => {
                let mut calendars = self.looked.calendars();
                calendars.insert(calendar);
                (calendars, None)
            }
            Grounds::Published => {
                let book = parts.rules.get(self.request.tenant).await?;
                let mut calendars = self.looked.calendars();
                calendars.extend(book.iter().flat_map(|book| book.calendars()));
                (calendars, book.filter(|_| !verified.rules))
            }
        };
        calendars.retain(|id| !verified.calendars.contains(id));
        let is_known = match self.grounds {
            Grounds::Database => true,
            Grounds::Claim { calendar, .. } => !calendars.contains(&calendar),
            Grounds::Published => calendars.is_empty() && book.is_none(),
        };
        if is_known {
            calendars.clear();
            if self.key.is_none() {
                return Ok(Check::Stands);
            }
        }
        let look = parts.standing.look(&calendars, book.as_deref(), self.key);
        let present = look.await?;
        if let Some((answer, fingerprint)) = self.key.and_then(|key| present.answer(key)) {
            return Ok(Check::Answered(answer.clone(), fingerprint.clone()));
        }
        if is_known {
            return Ok(Check::Stands);
        }
        let moved = self
            .catch_up(parts, &calendars, book.as_deref(), &present)
            .await?;
        if moved {
            metrics::counter!("denticloud_refusals_reconsidered_total").increment(1);
        }
        verified.calendars.extend(calendars);
        verified.rules |= book.is_some();
        Ok(match self.grounds {
            Grounds::Claim { calendar, version }
                if present
                    .versions
                    .get(&calendar)
                    .is_none_or(|now| *now <= version) =>
            {
                Check::Stands
            }
            // What it looked at may have moved between its look and the comparison.
            _ => Check::Again,
        })
    }

    /// Makes known here what the database has beyond it; answers whether there was something.
    async fn catch_up(
        &self,
        parts: &Parts,
        calendars: &BTreeSet<CalendarId>,
        book: Option<&RuleBook>,
        present: &Present,
    ) -> Result<bool, Failure> {
        let mut moved = false;
        for id in calendars {
            let (known, now) = (parts.directory.loaded(*id), present.versions.get(id));
            let (Some(known), Some(now)) = (known, now) else {
                continue;
            };
            if known.version() < *now {
                moved = true;
                parts.directory.catch_up(*id).await?;
            }
        }
        let Some(book) = book else {
            return Ok(moved);
        };
        let newer = |seen: Option<&i64>, now: i64| seen.is_some_and(|seen| *seen < now);
        for (tenant, now) in &present.rules.tenants {
            if newer(book.seen.tenants.get(tenant), *now) {
                moved = true;
                parts.rules.tenant_changed(*tenant, *now);
            }
        }
        for (clinic, now) in &present.rules.clinics {
            if newer(book.seen.clinics.get(clinic), *now) {
                moved = true;
                parts.rules.clinic_changed(*clinic, *now);
            }
        }
        Ok(moved)
    }
}
