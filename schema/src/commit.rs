//! The commit: many changes in one transaction, each fenced by what it was decided upon.
//!
//! Callers keep three rules, and the database refuses what breaks them: a calendar is in one batch
//! at a time, the changes of a batch do not overlap each other, and `fence` holds the versions that
//! their decisions have seen.

mod batch;
pub mod freed;
pub mod holds;
mod judge;
mod look;
mod merge;
mod rows;
mod write;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::audit_log::Origin;
use crate::ids::{AppointmentId, BlockId, CalendarId, ClinicId, PatientId, TenantId, TxId, UserId};
use crate::models::appointment::Appointment;
use crate::models::block::Block;
use crate::models::claim::{Claim, Op};
use crate::models::series::Series;
use holds::HoldChanges;
pub use judge::{Grounds, judge};
use write::Failure;

/// One command's effect on everything, or on nothing.
#[derive(Clone, Debug)]
pub struct Change {
    pub tx: TxId,
    pub tenant: TenantId,
    /// Who asked, for the audit log: `user:<id>`, `session:<id>`, `import`, …
    pub actor: String,
    /// In which role and from where, for the audit log.
    pub origin: Origin,
    /// What was asked, for the audit log and the outbox: `appointment.booked`, …
    pub action: &'static str,
    /// The appointment, hold or calendar that the command was about.
    pub subject: Uuid,
    /// Codes of the rules that staff overrode.
    pub overrides: Vec<String>,
    /// Ops by calendar; each calendar gets one event. Deletes come before puts.
    pub ops: BTreeMap<CalendarId, Vec<Op>>,
    /// Claims to write and delete; visits that only change their state have ops without these.
    pub claims_put: Vec<(CalendarId, Claim)>,
    pub claims_del: Vec<crate::ids::ClaimId>,
    /// Titles and import sources of claims in `claims_put`, which events do not carry.
    pub labels: HashMap<crate::ids::ClaimId, Label>,
    /// States after the change; versions are one more than before (1 for a new one).
    pub appointments: Vec<Appointment>,
    pub holds: HoldChanges,
    /// As appointments: states after the change, of the version that follows.
    pub series: Vec<Series>,
    pub blocks_put: Vec<Block>,
    /// Of which no claim is left.
    pub blocks_del: Vec<BlockId>,
    /// Two patients' records that become one; their visits are among `appointments`.
    pub merged: Option<MergedRecords>,
    /// The rules that the decision has seen.
    pub rules: RulesSeen,
    pub key: Option<Key>,
    /// What the command answers, kept for replays.
    pub result: Value,
}

/// Two patients' records that become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergedRecords {
    pub kept: PatientId,
    pub removed: PatientId,
    /// Who merges them, if it is a person.
    pub user: Option<UserId>,
}

/// What a claim's row says beside what events carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    pub title: Option<String>,
    pub source: Option<String>,
    /// Of a block's claim.
    pub block: Option<Occurrence>,
}

/// Which occurrence of a block a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub block: BlockId,
    /// The local start that the block's rule gave it; it stays when the claim moves.
    pub at: NaiveDateTime,
    /// Changed on its own: edits of the block leave it alone.
    pub detached: bool,
}

/// Versions of the rules that a decision has seen; compared inside the transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesSeen {
    pub tenants: BTreeMap<TenantId, i64>,
    pub clinics: BTreeMap<ClinicId, i64>,
}

/// A command's idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub tenant: TenantId,
    pub principal: String,
    pub key: String,
    /// SHA-256 of the canonical command.
    pub fingerprint: Vec<u8>,
}

/// The first answer of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub result: Value,
    /// The version that the command gave each calendar.
    pub positions: BTreeMap<CalendarId, i64>,
}

/// What became of one change of a committed batch.
#[derive(Clone, Debug)]
pub enum Verdict {
    Committed {
        positions: BTreeMap<CalendarId, i64>,
    },
    /// The key has been used: the stored answer and the fingerprint of its command.
    Replayed {
        answer: Answer,
        fingerprint: Vec<u8>,
    },
    /// These calendars have moved on since the decision.
    Stale { calendars: Vec<CalendarId> },
    /// Hours, treatments or policies have changed since the decision.
    StaleRules,
    /// A hold that was to expire has time left by the database's clock.
    NotExpired,
    /// The asker has as many holds as they may have.
    OverLimit,
}

/// A batch whose COMMIT was answered.
#[derive(Debug)]
pub struct Committed {
    /// One for each change, in order.
    pub verdicts: Vec<Verdict>,
    /// The database's clock in the transaction: `at` of its events.
    pub at: DateTime<Utc>,
}

/// Why a batch was not (known to be) committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The database refused an overlap, a key raced, a row had moved: one of the changes cannot
    /// be. Nothing of the batch was written. Committing one by one tells which.
    #[error("conflict: {0}")]
    Conflict(#[source] DieselError),
    /// Nothing was written and nothing of the batch was wrong: try again.
    #[error("not committed: {0}")]
    Failed(#[source] DieselError),
    /// COMMIT was sent and its answer lost. [`crate::in_doubt::outcome`] tells what became of it.
    #[error("in doubt: {0}")]
    InDoubt(#[source] DieselError, InDoubt),
}

/// A transaction whose end was not heard, with what it would have answered.
#[derive(Debug)]
pub struct InDoubt {
    pub xid: i64,
    /// One of the events that it would have written, if any.
    pub evidence: Option<Evidence>,
    pub committed: Committed,
}

/// An event that is in the log exactly if its transaction was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub calendar: CalendarId,
    pub version: i64,
    pub tx: TxId,
}

/// Commits `changes` in one transaction on a connection of the `engine` role.
///
/// `fence` has the version that the deciders have applied, for each calendar of the changes.
/// Stale and replayed members are left out; the others commit.
///
/// # Errors
/// See [`CommitError`]; after `Failed` and `InDoubt` the connection may be dead.
pub async fn commit(
    connection: &mut AsyncPgConnection,
    node: Uuid,
    fence: &HashMap<CalendarId, i64>,
    changes: &[Change],
) -> Result<Committed, CommitError> {
    let found = match look::begin(connection, changes).await {
        Ok(found) => found,
        Err(error) => return Err(abandoned(connection, error).await),
    };
    let verdicts = judge(changes, fence, &found.grounds);
    let accepted: Vec<(&Change, &BTreeMap<CalendarId, i64>)> = changes
        .iter()
        .zip(&verdicts)
        .filter_map(|(change, verdict)| match verdict {
            Verdict::Committed { positions } => Some((change, positions)),
            _ => None,
        })
        .collect();
    let (error, told) = match write::and_commit(connection, node, &accepted, &found).await {
        Ok(()) => {
            let at = found.grounds.at;
            return Ok(Committed { verdicts, at });
        }
        Err(Failure::Writing(error)) => return Err(abandoned(connection, error).await),
        // A session that still answers has told of the batch's failure, and COMMIT was none. In one
        // that does not, the error may be the end of the session, before or after COMMIT.
        Err(Failure::BesideCommit(error)) => {
            let answers = connection.batch_execute("ROLLBACK").await.is_ok();
            (error, answers)
        }
        // An error that the server sent (a deferred key) rolled it back; silence is doubt.
        Err(Failure::Commit(error)) => {
            let told = is_refusal(&error);
            (error, told)
        }
    };
    if told {
        return Err(classify(error));
    }
    let doubt = InDoubt {
        xid: found.xid,
        evidence: evidence(changes, &verdicts),
        committed: Committed {
            verdicts,
            at: found.grounds.at,
        },
    };
    Err(CommitError::InDoubt(error, doubt))
}

/// Ends a transaction whose COMMIT has not been sent.
async fn abandoned(connection: &mut AsyncPgConnection, error: DieselError) -> CommitError {
    // On a dead connection this fails too, and the transaction is gone all the same.
    let _ = connection.batch_execute("ROLLBACK").await;
    classify(error)
}

/// What to look for in the log, should the answer be lost.
fn evidence(changes: &[Change], verdicts: &[Verdict]) -> Option<Evidence> {
    changes.iter().zip(verdicts).find_map(|(change, verdict)| {
        let Verdict::Committed { positions } = verdict else {
            return None;
        };
        let (calendar, version) = positions.first_key_value()?;
        Some(Evidence {
            calendar: *calendar,
            version: *version,
            tx: change.tx,
        })
    })
}

/// What the transaction found under its locks.
struct Found {
    xid: i64,
    grounds: Grounds,
    /// The appointments that the changes are about, as they were.
    earlier: BTreeMap<AppointmentId, Appointment>,
}

/// Whether the server certainly rolled the transaction back. A terminated backend also sends an
/// error, perhaps after the commit record: that one stays in doubt.
fn is_refusal(error: &DieselError) -> bool {
    use DatabaseErrorKind as Kind;
    !matches!(
        error,
        DieselError::DatabaseError(
            Kind::ClosedConnection | Kind::UnableToSendCommand | Kind::Unknown,
            _
        )
    ) && matches!(error, DieselError::DatabaseError(..))
}

fn classify(error: DieselError) -> CommitError {
    let conflict = matches!(
        error,
        DieselError::NotFound
            | DieselError::DatabaseError(
                DatabaseErrorKind::UniqueViolation
                    | DatabaseErrorKind::ForeignKeyViolation
                    | DatabaseErrorKind::CheckViolation
                    | DatabaseErrorKind::ExclusionViolation
                    | DatabaseErrorKind::NotNullViolation
                    | DatabaseErrorKind::RestrictViolation,
                _,
            )
    );
    if conflict {
        CommitError::Conflict(error)
    } else {
        CommitError::Failed(error)
    }
}
