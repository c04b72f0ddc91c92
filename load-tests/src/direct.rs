//! The opponent: a program that books without an engine, by ordinary transactions straight to the
//! database. As good as we can make it: statements prepared once, everything that needs no answer
//! of the step before sent in one go, rows as arrays. It writes the same rows into the same tables
//! in the same role under the same row-level security, and keeps the same promise by locking the
//! calendars and looking before it inserts. It is spared the rules: it books what it is told.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use schema::ids::{
    AppointmentId, CalendarId, ClaimId, OperatoryId, PatientId, ProviderId, TenantId, TreatmentId,
    TxId,
};
use schema::models::appointment::Status;
use schema::models::claim::{Claim, ClaimKind, Op, Visit};
use schema::models::pattern::{Placed, Role, Segment};
use schema::span::{Minute, Span};
use tokio_postgres::types::Json;
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use crate::Outcome;
use crate::diary::Booking;
use crate::seed::{Practice, calendar_of};

/// Minutes of the visits that are booked: the seeded practices' short treatment.
const MINUTES: i64 = 30;

/// A connection that books, with its statements.
pub struct Direct {
    client: Client,
    lock: Statement,
    look: Statement,
    appointment: Statement,
    claims: Statement,
    events: Statement,
    versions: Statement,
    outbox: Statement,
    log: Statement,
    node: Uuid,
}

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Direct")
    }
}

/// What came of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booked {
    /// Committed, as this appointment.
    Done(Uuid),
    /// Something was there.
    Taken,
}

const LOCK: &str = "SELECT id, version FROM calendars WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
/// By the constraint's own index. Blocks and imported times are left out: it is spared those too.
const LOOK: &str = "SELECT EXISTS (SELECT FROM claims WHERE calendar_id = ANY ($1) \
    AND during && tstzrange($2, $3) AND kind IN ('appointment', 'hold'))";
const APPOINTMENT: &str = "INSERT INTO appointments (id, tenant_id, version, status, start_at, \
    end_at, patient_id, provider_id, operatory_id, treatment_id, pattern, created_by) \
    VALUES ($1, $2, 1, 'scheduled', $3, $4, $5, $6, $7, $8, $9, $10)";
const CLAIMS: &str = "INSERT INTO claims (id, calendar_id, tenant_id, kind, during, appointment_id) \
    SELECT id, calendar_id, $3, 'appointment', tstzrange($4, $5), $6 \
    FROM unnest($1::uuid[], $2::uuid[]) AS c(id, calendar_id)";
const EVENTS: &str = "INSERT INTO calendar_events (calendar_id, version, tx, node, operations) \
    SELECT calendar_id, version, $4, $5, operations \
    FROM unnest($1::uuid[], $2::bigint[], $3::jsonb[]) AS e(calendar_id, version, operations)";
const VERSIONS: &str = "UPDATE calendars SET version = version + 1 WHERE id = ANY ($1)";
const OUTBOX: &str = "INSERT INTO outbox (tenant_id, tx, kind, subject_id) \
    VALUES ($1, $2, 'appointment.booked', $3)";
const LOG: &str = "INSERT INTO audit_log (tenant_id, actor, action, subject, subject_id, tx) \
    VALUES ($1, $2, 'appointment.booked', 'appointment', $3, $4)";

impl Direct {
    /// Connects, takes the role that the engine writes in, and prepares.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn connect(url: &str) -> Outcome<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute("SET ROLE denticloud_engine").await?;
        Ok(Self {
            lock: client.prepare(LOCK).await?,
            look: client.prepare(LOOK).await?,
            appointment: client.prepare(APPOINTMENT).await?,
            claims: client.prepare(CLAIMS).await?,
            events: client.prepare(EVENTS).await?,
            versions: client.prepare(VERSIONS).await?,
            outbox: client.prepare(OUTBOX).await?,
            log: client.prepare(LOG).await?,
            node: Uuid::new_v4(),
            client,
        })
    }

    /// Books in one transaction: lock and look in one round trip, write and commit in a second.
    ///
    /// # Errors
    /// When the database refuses or is away.
    pub async fn book(&self, practice: Practice, booking: &Booking) -> Outcome<Booked> {
        let visit = NewVisit::of(practice, booking)?;
        let calendars = visit.calendars();
        let (start, end) = (booking.start, booking.start + TimeDelta::minutes(MINUTES));
        // Sent together, run one after the other: dropped futures would still be answered.
        let (_, locked, taken) = futures_util::try_join!(
            self.client.batch_execute("BEGIN"),
            async { self.client.query(&self.lock, &[&calendars]).await },
            async {
                self.client
                    .query_one(&self.look, &[&calendars, &start, &end])
                    .await
            },
        )?;
        if taken.get(0) {
            self.client.batch_execute("ROLLBACK").await?;
            return Ok(Booked::Taken);
        }
        let versions: BTreeMap<Uuid, i64> = locked
            .iter()
            .map(|row| (row.get(0), row.get::<_, i64>(1) + 1))
            .collect();
        let rows = visit.rows(&versions)?;
        let outcome = futures_util::try_join!(
            async {
                self.client
                    .execute(
                        &self.appointment,
                        &[
                            &visit.id,
                            &visit.tenant,
                            &start,
                            &end,
                            &booking.patient_id,
                            &booking.dentist_id,
                            &booking.operatory_id,
                            &booking.treatment_id,
                            &Json(&visit.pattern),
                            &visit.owner,
                        ],
                    )
                    .await
            },
            async {
                self.client
                    .execute(
                        &self.claims,
                        &[
                            &rows.claims,
                            &rows.calendars,
                            &visit.tenant,
                            &start,
                            &end,
                            &visit.id,
                        ],
                    )
                    .await
            },
            async {
                self.client
                    .execute(
                        &self.events,
                        &[
                            &rows.calendars,
                            &rows.versions,
                            &rows.operations,
                            &visit.tx,
                            &self.node,
                        ],
                    )
                    .await
            },
            async { self.client.execute(&self.versions, &[&calendars]).await },
            async {
                self.client
                    .execute(&self.outbox, &[&visit.tenant, &visit.tx, &visit.id])
                    .await
            },
            async {
                self.client
                    .execute(
                        &self.log,
                        &[&visit.tenant, &visit.actor, &visit.id, &visit.tx],
                    )
                    .await
            },
            self.client.batch_execute("COMMIT"),
        );
        match outcome {
            Ok(_) => Ok(Booked::Done(visit.id)),
            Err(error) => {
                // The constraint's word, should somebody have been quicker all the same.
                let overlap =
                    error.code() == Some(&tokio_postgres::error::SqlState::EXCLUSION_VIOLATION);
                self.client.batch_execute("ROLLBACK").await?;
                if overlap {
                    return Ok(Booked::Taken);
                }
                Err(error.into())
            }
        }
    }
}

/// A visit about to be written.
struct NewVisit {
    id: Uuid,
    tx: Uuid,
    tenant: Uuid,
    owner: Uuid,
    actor: String,
    span: Span,
    pattern: Vec<Placed>,
    state: Visit,
}

/// One row for each calendar, in the order of their ids.
struct CalendarRows {
    calendars: Vec<Uuid>,
    versions: Vec<i64>,
    claims: Vec<Uuid>,
    operations: Vec<Json<Vec<Op>>>,
}

impl NewVisit {
    fn of(practice: Practice, booking: &Booking) -> Outcome<Self> {
        let minute = Minute(booking.start.timestamp() / 60);
        let span = Span::lasting(minute, MINUTES).ok_or("a visit without length")?;
        let part = |role, resource| Placed {
            segment: Segment {
                role,
                from: 0,
                to: MINUTES,
                buffer_before: 0,
                buffer_after: 0,
            },
            calendar_id: CalendarId(calendar_of(resource)),
        };
        let (id, owner) = (Uuid::now_v7(), practice.owner());
        Ok(Self {
            id,
            tx: TxId::new().0,
            tenant: practice.tenant(),
            owner,
            actor: format!("user:{owner}"),
            span,
            pattern: vec![
                part(Role::Operatory, booking.operatory_id),
                part(Role::Dentist, booking.dentist_id),
                part(Role::Patient, booking.patient_id),
            ],
            state: Visit {
                id: AppointmentId(id),
                version: 1,
                status: Status::Scheduled,
                span,
                patient: PatientId(booking.patient_id),
                provider: ProviderId(booking.dentist_id),
                operatory: OperatoryId(booking.operatory_id),
                treatment: TreatmentId(booking.treatment_id),
                series: None,
            },
        })
    }

    fn calendars(&self) -> Vec<Uuid> {
        self.pattern.iter().map(|part| part.calendar_id.0).collect()
    }

    fn rows(&self, versions: &BTreeMap<Uuid, i64>) -> Outcome<CalendarRows> {
        if versions.len() != self.pattern.len() {
            return Err("a calendar is not there".into());
        }
        let claims: Vec<Claim> = versions
            .iter()
            .map(|_| Claim {
                id: ClaimId::new(),
                tenant: TenantId(self.tenant),
                span: self.span,
                kind: ClaimKind::Appointment {
                    visit: self.state.clone(),
                },
            })
            .collect();
        Ok(CalendarRows {
            calendars: versions.keys().copied().collect(),
            versions: versions.values().copied().collect(),
            claims: claims.iter().map(|claim| claim.id.0).collect(),
            operations: claims
                .into_iter()
                .map(|claim| Json(vec![Op::Put(claim)]))
                .collect(),
        })
    }
}
