//! From what a client sends to a command of the engine: the one path for REST and WebSocket. Checks
//! what the asker may do; what may be booked is the engine's to say.

mod attempt;
mod plans;

use engine::command::{
    Book, Cancel, Command, Done, PatientRef, Reply, Request, Reschedule, Resize, SetStatus, Target,
};
use engine::failure::Refusal;
use engine::scheduling::placement::Asker;
use engine::scheduling::rejection::Rejection;
use schema::ids::{AppointmentId, BlockId, CalendarId, PatientId, SeriesId};
use schema::models::appointment::Status;

use crate::app::App;
use crate::audit::Who;
use crate::auth::permissions::Permission;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::wire::appointment::{
    Cancellation, NewAppointment, NewLength, NewNotes, NewStatus, NewTime, overrides,
};
use crate::wire::block::{BlockEdit, NewBlock};
use crate::wire::replan::{NewReplan, NewSwap};
use crate::wire::series::{NewSeries, SeriesCancellation, SeriesEdit};
use crate::wire::time;

pub use attempt::attempt;
pub use plans::Occurrences;

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
    Swap(NewSwap),
    Replan(Box<NewReplan>),
    BookSeries(Box<NewSeries>),
    EditSeries(Occurrences<SeriesId>, SeriesEdit),
    CancelSeries(Occurrences<SeriesId>, SeriesCancellation),
    Block(Box<NewBlock>),
    EditBlock(Occurrences<BlockId>, BlockEdit),
    Unblock(Occurrences<BlockId>),
}

impl Action {
    fn permission(&self) -> Permission {
        match self {
            Self::Block(_) | Self::EditBlock(..) | Self::Unblock(_) => {
                Permission::CanManageSchedule
            }
            _ => Permission::CanManageAppointments,
        }
    }
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
    member.require_change(action.permission())?;
    let command = command(app, member, action).await?;
    command_of(app, member, key, command).await
}

/// Has a command done for a member, who may, under the client's key.
///
/// # Errors
/// What the rules refuse, what is taken.
pub async fn command_of(
    app: &App,
    member: &Member,
    key: Option<String>,
    command: Command,
) -> Result<Reply, Problem> {
    check_key(key.as_deref())?;
    attempt(app, request(member, key, command)).await
}

/// What it would do, if it were given now. Nothing is changed.
///
/// # Errors
/// As [`run`], but for what is refused of single visits.
pub async fn preview(app: &App, member: &Member, action: Action) -> Result<Done, Problem> {
    member.require_change(action.permission())?;
    let command = command(app, member, action).await?;
    let request = request(member, None, command);
    Ok(app.engine.preview(&request).await?)
}

fn request(member: &Member, key: Option<String>, command: Command) -> Request {
    Request {
        tenant: member.tenant(),
        asker: Asker::Staff,
        principal: member.actor(),
        user: member.user(),
        origin: Who::from(member).origin(),
        key,
        command,
    }
}

/// Whether a client's key can be one.
///
/// # Errors
/// 422 for one that is empty or too long.
pub fn check_key(key: Option<&str>) -> Result<(), Problem> {
    match key {
        Some(key) if !(1..=KEY_BYTES_MAX).contains(&key.len()) => {
            Err(Problem::invalid("Idempotency-Key", "1 to 255 characters"))
        }
        _ => Ok(()),
    }
}

/// The calendar of a patient of the practice.
async fn patient(app: &App, member: &Member, id: PatientId) -> Result<CalendarId, Problem> {
    let found = app.patients.find(&app.app_pool, member.tenant(), id);
    let card = found.await?.ok_or(Rejection::NotYourPatient)?;
    Ok(card.calendar)
}

/// Has a command run. (For those who have Diesel's `execute` in scope.)
///
/// # Errors
/// The engine's.
pub async fn execute(app: &App, request: Request) -> Result<Reply, Refusal> {
    app.engine.execute(request).await
}

async fn command(app: &App, member: &Member, action: Action) -> Result<Command, Problem> {
    Ok(match action {
        Action::Book(body) => {
            let calendar = patient(app, member, body.patient_id).await?;
            Command::Book(Book {
                patient: PatientRef {
                    id: body.patient_id,
                    calendar,
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
        Action::Cancel(appointment, body) => Command::Cancel(Cancel {
            appointment,
            reason: body.reason,
            code: body.reason_code,
        }),
        Action::SetStatus(appointment, body) if body.status == Status::Cancelled => {
            Command::Cancel(Cancel {
                appointment,
                reason: String::new(),
                code: None,
            })
        }
        Action::SetStatus(appointment, body) => Command::SetStatus(SetStatus {
            appointment,
            status: body.status,
            overrides: allowed(member, &body.overrides)?,
        }),
        Action::EditNotes(appointment, body) => Command::EditNotes {
            appointment,
            notes: body.notes.filter(|notes| !notes.trim().is_empty()),
        },
        Action::Swap(body) => Command::Swap(plans::swap(member, &body)?),
        Action::Replan(body) => Command::Replan(plans::replan(app, member, *body).await?),
        Action::BookSeries(body) => {
            Command::BookSeries(plans::new_series(app, member, *body).await?)
        }
        Action::EditSeries(of, body) => Command::EditSeries(plans::edit_series(member, of, body)?),
        Action::CancelSeries(of, body) => Command::CancelSeries(plans::cancel_series(of, body)),
        Action::Block(body) => Command::Block(plans::new_block(app, member, *body).await?),
        Action::EditBlock(of, body) => Command::EditBlock(plans::edit_block(member, of, body)?),
        Action::Unblock(of) => Command::Unblock(plans::unblock(of)),
    })
}

/// The overrides that a member asks for.
///
/// # Errors
/// 403 without the permission, 422 for a code that no override has.
pub fn allowed(
    member: &Member,
    codes: &[String],
) -> Result<std::collections::BTreeSet<engine::scheduling::rejection::Override>, Problem> {
    if !codes.is_empty() {
        member.require(Permission::CanOverrideRules)?;
    }
    overrides(codes)
}
