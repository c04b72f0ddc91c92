//! The simulated database's rows, and what a commit does to them: all of it or nothing, refused
//! where Postgres' constraints would refuse.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::result::{DatabaseErrorKind, Error};
use schema::blocks::BlockClaim;
use schema::calendars::{Kind, Loaded};
use schema::commit::{Answer, Change, Verdict};
use schema::holds::Stored;
use schema::ids::{AppointmentId, BlockId, CalendarId, ClaimId, HoldId, SeriesId, TenantId};
use schema::models::appointment::Appointment;
use schema::models::block::Block;
use schema::models::claim::{Claim, ClaimKind, Visit};
use schema::models::hold::Ended;
use schema::models::series::Series;
use schema::span::Span;

/// A key's name: tenant, principal, key.
pub type KeyName = (TenantId, String, String);

/// What takes time, by what a claim's row says.
#[derive(Clone, Debug)]
enum Takes {
    Appointment(AppointmentId),
    Hold(HoldId),
    Block(Option<BlockClaim>),
    External(Option<String>),
}

/// A claim's row. What it says of a visit or a hold is in their rows.
#[derive(Clone, Debug)]
struct ClaimRow {
    calendar: CalendarId,
    tenant: TenantId,
    span: Span,
    takes: Takes,
}

impl ClaimRow {
    fn is_booking(&self) -> bool {
        matches!(self.takes, Takes::Appointment(_) | Takes::Hold(_))
    }
}

/// A calendar's row.
#[derive(Clone, Debug)]
pub struct Calendar {
    pub kind: Kind,
    pub tenant: Option<TenantId>,
    pub version: i64,
}

/// Everything that is committed, but for the log.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    pub calendars: BTreeMap<CalendarId, Calendar>,
    claims: BTreeMap<ClaimId, ClaimRow>,
    pub appointments: BTreeMap<AppointmentId, Appointment>,
    pub holds: BTreeMap<HoldId, Stored>,
    pub blocks: BTreeMap<BlockId, Block>,
    pub series: BTreeMap<SeriesId, Series>,
    pub keys: BTreeMap<KeyName, (Vec<u8>, Answer)>,
}

/// What would be refused by a database.
fn refused(kind: DatabaseErrorKind, what: &str) -> Error {
    Error::DatabaseError(kind, Box::new(what.to_owned()))
}

impl Tables {
    /// Writes what has been accepted, in the order of the real statements.
    ///
    /// # Errors
    /// What the database refuses; the tables are of no use then.
    pub fn write(
        &mut self,
        changes: &[Change],
        verdicts: &[Verdict],
        at: DateTime<Utc>,
        keys_are_unique: bool,
    ) -> Result<(), Error> {
        let accepted: Vec<(&Change, &BTreeMap<CalendarId, i64>)> = changes
            .iter()
            .zip(verdicts)
            .filter_map(|(change, verdict)| match verdict {
                Verdict::Committed { positions } => Some((change, positions)),
                _ => None,
            })
            .collect();
        let mut as_decided = true;
        for (change, _) in &accepted {
            for state in &change.series {
                let before = self.series.get(&state.id).map_or(0, |row| row.version);
                as_decided &= before == state.version - 1;
                self.series.insert(state.id, state.clone());
            }
            for state in &change.blocks_put {
                let before = self.blocks.get(&state.id).map_or(0, |row| row.version);
                as_decided &= before == state.version - 1;
                self.blocks.insert(state.id, state.clone());
            }
            for state in &change.appointments {
                let before = self.appointments.get(&state.id);
                as_decided &= before.map_or(0, |row| row.version) == state.version - 1;
                self.appointments.insert(state.id, state.clone());
            }
            for hold in &change.holds.put {
                let row = self.holds.entry(hold.id).or_insert_with(|| Stored {
                    hold: hold.clone(),
                    ended: None,
                });
                as_decided &= row.ended.is_none();
                row.hold.expires_at = hold.expires_at;
            }
        }
        for id in accepted.iter().flat_map(|(change, _)| &change.claims_del) {
            as_decided &= self.claims.remove(id).is_some();
        }
        for (change, _) in &accepted {
            for (calendar, claim) in &change.claims_put {
                self.put(change, *calendar, claim)?;
            }
        }
        for (change, positions) in &accepted {
            for (calendar, version) in *positions {
                if let Some(row) = self.calendars.get_mut(calendar) {
                    row.version = *version;
                }
            }
            if let Some(key) = &change.key {
                let name = (key.tenant, key.principal.clone(), key.key.clone());
                let answer = Answer {
                    result: change.result.clone(),
                    positions: (*positions).clone(),
                };
                let first = (key.fingerprint.clone(), answer);
                if self.keys.insert(name, first).is_some() && keys_are_unique {
                    return Err(refused(DatabaseErrorKind::UniqueViolation, "a key"));
                }
            }
            for end in &change.holds.ended {
                let row = self.holds.get_mut(&end.id);
                let Some(row) = row.filter(|row| row.ended.is_none()) else {
                    as_decided = false;
                    continue;
                };
                as_decided &= end.how != Ended::Expired || row.hold.expires_at <= at;
                row.ended = Some(end.how);
            }
            for block in &change.blocks_del {
                self.blocks.remove(block);
            }
        }
        match as_decided {
            true => Ok(()),
            false => Err(Error::NotFound),
        }
    }

    fn put(&mut self, change: &Change, calendar: CalendarId, claim: &Claim) -> Result<(), Error> {
        let label = change.labels.get(&claim.id).cloned().unwrap_or_default();
        let takes = match &claim.kind {
            ClaimKind::Appointment { visit } => Takes::Appointment(visit.id),
            ClaimKind::Hold { hold } => Takes::Hold(hold.id),
            ClaimKind::Block => Takes::Block(label.block.map(|of| BlockClaim {
                id: claim.id,
                block: of.block,
                span: claim.span,
                occurrence: of.at,
                detached: of.detached,
                title: label.title,
            })),
            ClaimKind::External => Takes::External(label.source),
        };
        let row = ClaimRow {
            calendar,
            tenant: claim.tenant,
            span: claim.span,
            takes,
        };
        let overlaps = |other: &ClaimRow| {
            other.calendar == calendar && other.is_booking() && other.span.overlaps(claim.span)
        };
        if row.is_booking() && self.claims.values().any(overlaps) {
            return Err(refused(DatabaseErrorKind::ExclusionViolation, "overlap"));
        }
        match self.claims.insert(claim.id, row) {
            Some(_) => Err(refused(DatabaseErrorKind::UniqueViolation, "a claim's id")),
            None => Ok(()),
        }
    }

    /// What is taken on a calendar, as a loader reads it.
    #[must_use]
    pub fn claims_of(&self, calendar: CalendarId) -> Vec<Claim> {
        let mine = self.claims.iter();
        mine.filter(|(_, row)| row.calendar == calendar)
            .filter_map(|(id, row)| {
                Some(Claim {
                    id: *id,
                    tenant: row.tenant,
                    span: row.span,
                    kind: self.kind(row)?,
                })
            })
            .collect()
    }

    fn kind(&self, row: &ClaimRow) -> Option<ClaimKind> {
        Some(match &row.takes {
            Takes::Appointment(id) => ClaimKind::Appointment {
                visit: visit(self.appointments.get(id)?),
            },
            Takes::Hold(id) => ClaimKind::Hold {
                hold: self.holds.get(id)?.hold.reference(),
            },
            Takes::Block(_) => ClaimKind::Block,
            Takes::External(_) => ClaimKind::External,
        })
    }

    /// A calendar as it is loaded.
    #[must_use]
    pub fn load(&self, id: CalendarId) -> Option<Loaded> {
        let row = self.calendars.get(&id)?;
        Some(Loaded {
            id,
            kind: row.kind,
            tenant: row.tenant,
            version: row.version,
            claims: self.claims_of(id),
        })
    }

    /// A block's occurrences, by start.
    #[must_use]
    pub fn occurrences(&self, block: BlockId) -> Vec<BlockClaim> {
        let mut found: Vec<BlockClaim> = self
            .claims
            .values()
            .filter_map(|row| match &row.takes {
                Takes::Block(Some(claim)) if claim.block == block => Some(claim.clone()),
                _ => None,
            })
            .collect();
        found.sort_by_key(|claim| (claim.span, claim.id));
        found
    }

    /// The busy times of a source on a calendar.
    #[must_use]
    pub fn external(&self, calendar: CalendarId, wanted: &str) -> Vec<(ClaimId, Span)> {
        let mine = self.claims.iter();
        mine.filter(|(_, row)| {
            let source = match &row.takes {
                Takes::External(source) => source.as_deref(),
                _ => None,
            };
            row.calendar == calendar && source == Some(wanted)
        })
        .map(|(id, row)| (*id, row.span))
        .collect()
    }
}

fn visit(row: &Appointment) -> Visit {
    Visit {
        id: row.id,
        version: row.version,
        status: row.status,
        span: row.span,
        patient: row.patient,
        provider: row.provider,
        operatory: row.operatory,
        treatment: row.treatment,
        series: row.series,
    }
}
