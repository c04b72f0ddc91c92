//! What could be booked instead of what was refused.

use schema::ids::{CalendarId, ProviderId, TreatmentId};
use schema::models::appointment::Appointment;
use schema::models::pattern::Role;
use schema::span::{DAY, Minute, Span};

use super::Engine;
use crate::command::{Command, Request, Target};
use crate::failure::Refusal;
use crate::scheduling::availability::{Search, Slot};
use crate::scheduling::diary::Own;
use crate::scheduling::placement;

/// How far ahead is looked, in minutes.
const WITHIN: i64 = 14 * DAY;
/// Slots that are looked at for each that is told: the patient may be elsewhere at some.
const LOOKED_AT: usize = 16;

/// The visit that was not to be.
#[derive(Clone, Debug)]
struct Wanted {
    provider: ProviderId,
    treatment: TreatmentId,
    start: Minute,
    duration: Option<i64>,
    patient: Option<CalendarId>,
    own: Own,
}

impl Engine {
    /// The next starts, at most `limit`, from the refused one on: the same provider, treatment and
    /// length, and the patient is free too. A visit that was to move does not stand in its own way.
    /// None for commands that are not about one visit.
    ///
    /// # Errors
    /// What the rules refuse; when the database is away.
    pub async fn instead_of(&self, request: &Request, limit: usize) -> Result<Vec<Slot>, Refusal> {
        let Some(wanted) = self.wanted(request).await? else {
            return Ok(Vec::new());
        };
        let rules = self.rules(request.tenant).await?;
        let (provider, treatment) = placement::named(&rules, wanted.provider, wanted.treatment)?;
        let Some(range) = Span::lasting(wanted.start, WITHIN) else {
            return Ok(Vec::new());
        };
        let search = Search {
            duration: wanted.duration,
            limit: limit.saturating_mul(LOOKED_AT),
            own: wanted.own,
            ..Search::of(treatment, vec![provider], range, request.asker)
        };
        let mut slots = self.availability(&rules, &search).await?;
        if let Some(patient) = wanted.patient {
            let timeline = self.calendar(patient).await?.timeline();
            slots.retain(|slot| {
                let mut taken = timeline.overlapping(slot.span);
                taken.all(|claim| search.own.has(claim))
            });
        }
        slots.truncate(limit);
        Ok(slots)
    }

    async fn wanted(&self, request: &Request) -> Result<Option<Wanted>, Refusal> {
        Ok(match &request.command {
            Command::Book(book) => Some(Wanted {
                provider: book.provider,
                treatment: book.treatment,
                start: book.start,
                duration: book.duration,
                patient: Some(book.patient.calendar),
                own: Own::default(),
            }),
            Command::Hold(hold) => Some(Wanted {
                provider: hold.provider,
                treatment: hold.treatment,
                start: hold.start,
                duration: hold.duration,
                patient: hold.patient.map(|patient| patient.calendar),
                own: Own::default(),
            }),
            Command::Reschedule(to) => {
                let found = self.visit(request, to.appointment).await?;
                found.map(|visit| Wanted {
                    provider: to.provider.unwrap_or(visit.provider),
                    start: to.start,
                    ..Wanted::from(visit)
                })
            }
            Command::Resize(to) => {
                let found = self.visit(request, to.appointment).await?;
                found.map(|visit| Wanted {
                    duration: Some(to.duration),
                    ..Wanted::from(visit)
                })
            }
            Command::SetStatus(to) => {
                let found = self.visit(request, to.appointment).await?;
                found.map(Wanted::from)
            }
            _ => None,
        })
    }

    async fn visit(
        &self,
        request: &Request,
        target: Target,
    ) -> Result<Option<Appointment>, Refusal> {
        let store = &self.0.parts.store;
        let found = store.appointments(request.tenant, &[target.id]).await?;
        Ok(found.into_iter().next())
    }
}

/// The visit where and as long as it is.
impl From<Appointment> for Wanted {
    fn from(visit: Appointment) -> Self {
        let patient = visit
            .pattern
            .iter()
            .find(|placed| placed.segment.role == Role::Patient);
        Self {
            provider: visit.provider,
            treatment: visit.treatment,
            start: visit.span.start(),
            duration: Some(visit.span.minutes()),
            patient: patient.map(|placed| placed.calendar_id),
            own: Own::appointment(visit.id),
        }
    }
}
