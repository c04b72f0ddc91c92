//! What commands answer: the same over REST and WebSocket.

use engine::command::{Done, Reply};
use serde::Serialize;

use super::appointment::AppointmentView;
use super::block::{BlockView, UnblockedView};
use super::repeat::positions;
use super::replan::{AppointmentsView, ReplanView};
use super::series::{SeriesEditView, SeriesView};
use crate::problem::Problem;

/// The result of a command.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    Appointment(Box<AppointmentView>),
    Appointments(AppointmentsView),
    Replan(ReplanView),
    Series(Box<SeriesView>),
    SeriesEdit(SeriesEditView),
    Block(BlockView),
    Unblocked(UnblockedView),
}

impl Outcome {
    /// What a command has done.
    ///
    /// # Errors
    /// 500 for a command that clients do not give.
    pub fn of(reply: &Reply, sees_patients: bool) -> Result<Self, Problem> {
        let at = || positions(reply);
        Ok(match &reply.done {
            Done::Appointment(_) => {
                Self::Appointment(Box::new(AppointmentView::of(reply, sees_patients)?))
            }
            Done::Appointments { appointments } => {
                Self::Appointments(AppointmentsView::of(appointments, at(), sees_patients))
            }
            Done::Replanned { visits } => Self::Replan(ReplanView::of(visits, at(), sees_patients)),
            Done::Series(state) => {
                Self::Series(Box::new(SeriesView::booked(state, at(), sees_patients)))
            }
            Done::SeriesEdited(edited) => {
                Self::SeriesEdit(SeriesEditView::of(edited, at(), sees_patients))
            }
            Done::Block(state) => Self::Block(BlockView::of(state, reply)),
            Done::Unblocked { removed } => Self::Unblocked(UnblockedView {
                removed: removed.clone(),
                positions: at(),
            }),
            _ => return Err(Problem::internal("no answer of a client's command")),
        })
    }

    /// What a command would do.
    ///
    /// # Errors
    /// 500 for a command that has no preview.
    pub fn preview(done: &Done, sees_patients: bool) -> Result<Self, Problem> {
        match done {
            Done::Series(state) => {
                let view = SeriesView::preview(state, sees_patients);
                Ok(Self::Series(Box::new(view)))
            }
            Done::Replanned { visits } => {
                Ok(Self::Replan(ReplanView::preview(visits, sees_patients)))
            }
            _ => Err(Problem::internal("no answer of a preview")),
        }
    }

    /// The version of what it is about, for the ETag, where that is one thing.
    #[must_use]
    pub fn version(&self) -> Option<i64> {
        match self {
            Self::Appointment(view) => Some(view.version),
            Self::Series(view) => view.id.map(|_| view.version),
            Self::SeriesEdit(view) => Some(view.version),
            Self::Block(view) => Some(view.version),
            Self::Appointments(_) | Self::Replan(_) | Self::Unblocked(_) => None,
        }
    }
}
