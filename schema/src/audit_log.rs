//! The log of who did what to which row, from where, with the row before and after. No role may
//! change or delete what is in it. What the engine commits is logged in that commit; [`append`] is
//! for everything else, in the transaction of the change itself.
//!
//! Free text about a patient is never copied here: rows that cannot be deleted must not keep what a
//! patient may want deleted. Of notes the log says whether there are any.

use std::collections::BTreeMap;

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::commit::Change;
use crate::ids::{AppointmentId, TenantId};
use crate::models::appointment::Appointment;
use crate::models::claim::Op;
use crate::schema::audit_log;

/// Of a change of many times (an import, a series of blocks), this many are listed.
const CLAIMS_LISTED_MAX: usize = 50;

/// In which role and from where somebody acts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// `dentist`, `staff_receptionist`, …; absent for the program itself.
    pub role: Option<String>,
    /// The network address that the request came from.
    pub address: Option<String>,
    /// The request's `X-Request-Id`, or the session and number of a frame.
    pub request_id: Option<String>,
}

/// One line of the log.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = audit_log)]
pub struct Line {
    /// The practice concerned, if any.
    pub tenant_id: Option<TenantId>,
    /// `user:<id>`, `key:<id>`, `anonymous`, …
    pub actor: String,
    pub role: Option<String>,
    pub address: Option<String>,
    pub request_id: Option<String>,
    /// Kind of the subject and what was done to it: `patient.created`.
    pub action: String,
    /// The kind alone.
    pub subject: String,
    pub subject_id: Option<Uuid>,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Appends lines, in the transaction of what they tell.
///
/// # Errors
/// The database's own, also when a line is about a practice that the transaction may not see.
pub async fn append(connection: &mut AsyncPgConnection, lines: &[Line]) -> QueryResult<()> {
    diesel::insert_into(audit_log::table)
        .values(lines)
        .execute(connection)
        .await
        .map(drop)
}

/// Says from where the transaction comes, for lines that the database's functions write in it.
///
/// # Errors
/// When the connection is gone.
pub async fn set_origin(connection: &mut AsyncPgConnection, origin: &Origin) -> QueryResult<()> {
    diesel::sql_query(
        "SELECT set_config('app.address', $1, true), set_config('app.request_id', $2, true)",
    )
    .bind::<Text, _>(origin.address.as_deref().unwrap_or_default())
    .bind::<Text, _>(origin.request_id.as_deref().unwrap_or_default())
    .execute(connection)
    .await
    .map(drop)
}

/// What the log keeps of an appointment.
fn appointment(visit: &Appointment) -> Value {
    json!({
        "id": visit.id,
        "version": visit.version,
        "status": visit.status,
        "start": visit.span.start().to_utc(),
        "end": visit.span.end().to_utc(),
        "patientId": visit.patient,
        "dentistId": visit.provider,
        "operatoryId": visit.operatory,
        "treatmentId": visit.treatment,
        "seriesId": visit.series,
        "hasNotes": visit.notes.is_some(),
        "cancelReason": visit.cancel_reason,
    })
}

/// A commit's appointments as they were and as they are, and where there are none, its holds and
/// claims.
pub(crate) fn before_and_after(
    change: &Change,
    earlier: &BTreeMap<AppointmentId, Appointment>,
) -> (Option<Value>, Option<Value>) {
    let olds = change
        .appointments
        .iter()
        .filter_map(|visit| earlier.get(&visit.id));
    let mut before = Map::new();
    let mut after = Map::new();
    put_all(&mut before, "appointment", olds.map(appointment).collect());
    let news = change.appointments.iter().map(appointment);
    put_all(&mut after, "appointment", news.collect());
    let holds = change.holds.put.iter().map(|hold| {
        json!({
            "id": hold.id,
            "start": hold.span.start().to_utc(),
            "end": hold.span.end().to_utc(),
            "patientId": hold.patient,
            "dentistId": hold.provider,
            "operatoryId": hold.operatory,
            "treatmentId": hold.treatment,
            "expiresAt": hold.expires_at,
        })
    });
    put_all(&mut after, "hold", holds.collect());
    if change.appointments.is_empty() && change.holds.put.is_empty() {
        let mut gone = Vec::new();
        let mut come = Vec::new();
        for (calendar, ops) in &change.ops {
            for op in ops {
                let (list, kind, span) = match op {
                    Op::Put(claim) => (&mut come, Some(claim.kind.name()), claim.span),
                    Op::Del { span, .. } => (&mut gone, None, *span),
                };
                list.push(json!({
                    "calendarId": calendar,
                    "kind": kind,
                    "start": span.start().to_utc(),
                    "end": span.end().to_utc(),
                }));
            }
        }
        put_all(&mut before, "claim", gone);
        put_all(&mut after, "claim", come);
    }
    let told = |map: Map<String, Value>| (!map.is_empty()).then_some(Value::Object(map));
    (told(before), told(after))
}

/// One under `name`, several under `names`, and how many where they are too many to list.
fn put_all(map: &mut Map<String, Value>, name: &str, mut all: Vec<Value>) {
    if all.len() > 1 {
        map.insert(format!("{name}Count"), all.len().into());
        all.truncate(CLAIMS_LISTED_MAX);
        map.insert(format!("{name}s"), all.into());
    } else if let Some(only) = all.pop() {
        map.insert(name.to_owned(), only);
    }
}
