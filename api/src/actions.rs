//! From what a client sends to a command of the engine: the one path for REST and WebSocket. Checks
//! what the asker may do; what may be booked is the engine's to say.

use engine::command::{Book, Command, PatientRef, Reply, Request, Reschedule, Resize, Target};
use engine::scheduling::placement::Asker;
use engine::scheduling::rejection::Rejection;
use schema::ids::AppointmentId;
use schema::models::appointment::Status;

use crate::app::App;
use crate::audit::Who;
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::wire::appointment::{
    Cancellation, NewAppointment, NewLength, NewNotes, NewStatus, NewTime, overrides,
};
use crate::wire::time;

/// Longer keys are refused.
const KEY_BYTES_MAX: usize = 255;

/// Something that a client wants done.
#[derive(Clone, Debug)]
pub enum Action {
    Book(NewAppointment),
    Reschedule(Target, NewTime),
    Resize(Target, NewLength),
    Cancel(Target, Cancellation),
    SetStatus(Target, NewStatus),
    EditNotes(Target, NewNotes),
}

/// An appointment, with the version that the client has seen, if it told.
#[must_use]
pub fn target(id: AppointmentId, version: Option<i64>) -> Target {
    Target { id, version }
}

/// Has it done, for a member and under the client's key.
///
/// # Errors
/// What the member may not do, what the rules refuse, what is taken.
pub async fn run(
    app: &App,
    member: &Member,
    key: Option<String>,
    action: Action,
) -> Result<Reply, Problem> {
    member.require_change(Permission::CanManageAppointments)?;
    if let Some(key) = &key
        && !(1..=KEY_BYTES_MAX).contains(&key.len())
    {
        return Err(Problem::invalid("Idempotency-Key", "1 to 255 characters"));
    }
    let command = command(app, member, action).await?;
    let request = Request {
        tenant: member.tenant(),
        asker: Asker::Staff,
        principal: member.actor(),
        user: member.user(),
        origin: Who::from(member).origin(),
        key,
        command,
    };
    Ok(app.engine.execute(request).await?)
}

async fn command(app: &App, member: &Member, action: Action) -> Result<Command, Problem> {
    Ok(match action {
        Action::Book(body) => {
            let card = app
                .patients
                .find(&app.app_pool, member.tenant(), body.patient_id)
                .await?;
            let card = card.ok_or(Rejection::NotYourPatient)?;
            Command::Book(Book {
                patient: PatientRef {
                    id: body.patient_id,
                    calendar: card.calendar,
                },
                provider: body.dentist_id,
                treatment: body.treatment_id,
                start: time::minute("start", body.start)?,
                operatory: body.operatory_id,
                duration: body.duration,
                notes: body.notes.filter(|notes| !notes.trim().is_empty()),
                overrides: allowed(member, &body.overrides)?,
            })
        }
        Action::Reschedule(appointment, body) => Command::Reschedule(Reschedule {
            appointment,
            start: time::minute("start", body.start)?,
            provider: body.dentist_id,
            operatory: body.operatory_id,
            overrides: allowed(member, &body.overrides)?,
        }),
        Action::Resize(appointment, body) => Command::Resize(Resize {
            appointment,
            duration: body.duration,
            overrides: allowed(member, &body.overrides)?,
        }),
        Action::Cancel(appointment, body) => Command::Cancel {
            appointment,
            reason: body.reason,
        },
        Action::SetStatus(appointment, body) if body.status == Status::Cancelled => {
            Command::Cancel {
                appointment,
                reason: String::new(),
            }
        }
        Action::SetStatus(appointment, body) => Command::SetStatus {
            appointment,
            status: body.status,
        },
        Action::EditNotes(appointment, body) => Command::EditNotes {
            appointment,
            notes: body.notes.filter(|notes| !notes.trim().is_empty()),
        },
    })
}

/// The overrides that a member asks for.
fn allowed(
    member: &Member,
    codes: &[String],
) -> Result<std::collections::BTreeSet<engine::scheduling::rejection::Override>, Problem> {
    if !codes.is_empty() {
        member.require(Permission::CanOverrideRules)?;
    }
    overrides(codes)
}
