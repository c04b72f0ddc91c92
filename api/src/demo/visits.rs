//! Books the planned visits as a client would: through the engine, which refuses what cannot be.

use engine::Engine;
use engine::command::{Book, Command, Done, PatientRef, Request, Target};
use engine::failure::Refusal;
use engine::scheduling::placement::Asker;
use futures_util::{StreamExt, stream};
use schema::audit_log::Origin;
use schema::ids::TenantId;
use schema::models::appointment::Status;
use schema::span::Minute;

use super::plan::PlannedVisit;

/// Visits that are booked at the same time: enough to fill a commit.
const AT_ONCE: usize = 64;

/// What became of the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Booked {
    pub visits: usize,
    /// Codes of the refusals; a plan that keeps the rules has none.
    pub refused: Vec<&'static str>,
}

/// Books the visits and sets where they stand.
///
/// # Errors
/// When the engine fails, not when it refuses.
pub async fn book(engine: &Engine, plan: &[PlannedVisit]) -> Result<Booked, Refusal> {
    let mut outcomes = stream::iter(plan)
        .map(|visit| book_one(engine, visit))
        .buffer_unordered(AT_ONCE);
    let mut booked = Booked::default();
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Ok(()) => booked.visits += 1,
            Err(Refusal::Rejected(rejection)) => booked.refused.push(rejection.code()),
            Err(failure) => return Err(failure),
        }
    }
    Ok(booked)
}

async fn book_one(engine: &Engine, visit: &PlannedVisit) -> Result<(), Refusal> {
    let command = Command::Book(Book {
        patient: PatientRef {
            id: visit.patient,
            calendar: visit.patient_calendar,
        },
        provider: visit.provider,
        treatment: visit.treatment,
        start: Minute::floor(visit.start),
        operatory: Some(visit.operatory),
        duration: None,
        notes: None,
        overrides: Default::default(),
    });
    let reply = engine.execute(request(visit.tenant, command)).await?;
    let Done::Appointment(appointment) = reply.done else {
        return Ok(());
    };
    let target = Target {
        id: appointment.id,
        version: None,
    };
    let command = match visit.status {
        Status::Scheduled => return Ok(()),
        Status::Cancelled => Command::Cancel {
            appointment: target,
            reason: String::new(),
        },
        status => Command::SetStatus {
            appointment: target,
            status,
        },
    };
    engine
        .execute(request(visit.tenant, command))
        .await
        .map(drop)
}

fn request(tenant: TenantId, command: Command) -> Request {
    Request {
        tenant,
        asker: Asker::Staff,
        principal: "demo".to_owned(),
        user: None,
        origin: Origin::default(),
        key: None,
        command,
    }
}
