//! Whether a refusal had a reason at some moment between question and answer: a claim that was
//! committed, and somebody else's; a rule that held.

use engine::command::{Command, PatientRef};
use engine::scheduling::rejection::{Conflict, Missing, Rejection};
use schema::ids::{AppointmentId, CalendarId, HoldId, ProviderId, TreatmentId};
use schema::models::appointment::Status;
use schema::models::claim::Claim;
use schema::span::Span;

use super::replay::capped;
use super::{Evidence, Replay, Snapshot};
use crate::records::Sent;
use crate::world::CAP;

pub(super) fn is_justified(
    evidence: &Evidence,
    replay: &Replay,
    sent: &Sent,
    until: usize,
    rejection: &Rejection,
) -> bool {
    let reason = Reason {
        evidence,
        replay,
        sent,
    };
    let first = sent.from.saturating_sub(1);
    let between = replay.after.get(first..until.min(replay.after.len()));
    let mut between = between.unwrap_or_default().iter();
    between.any(|now| reason.holds(now, rejection))
}

struct Reason<'a> {
    evidence: &'a Evidence,
    replay: &'a Replay,
    sent: &'a Sent,
}

/// What a command would take.
struct Wanted {
    span: Span,
    provider: ProviderId,
    treatment: TreatmentId,
    patient: Option<CalendarId>,
}

impl Reason<'_> {
    fn holds(&self, now: &Snapshot, rejection: &Rejection) -> bool {
        match rejection {
            Rejection::SlotTaken(conflict) => self.is_taken(now, *conflict),
            Rejection::PatientBusy => {
                let wanted = self.wanted(now);
                let busy = wanted.and_then(|wanted| {
                    let calendar = wanted.patient?;
                    Some(
                        self.others(now, calendar)
                            .any(|claim| claim.span.overlaps(wanted.span)),
                    )
                });
                busy.unwrap_or(false)
            }
            Rejection::Several(refused) => {
                !refused.is_empty() && refused.iter().all(|one| self.holds(now, &one.why))
            }
            Rejection::OutsideHours => self.by_rules(now, |wanted, place, rules| {
                !rules.is_open(place, wanted.span)
            }),
            Rejection::NotOffered => self.by_rules(now, |wanted, place, rules| {
                let long = wanted.treatment == self.evidence.world.practices[place].long;
                long && !rules.of_tenant[place].long_is_offered
            }),
            Rejection::DailyCap { .. } => self
                .wanted(now)
                .is_some_and(|wanted| capped(self.evidence, now, wanted.provider) >= CAP),
            Rejection::Stale { seen } => {
                let visit = self.visit().and_then(|id| now.appointments.get(&id));
                visit.is_some_and(|visit| visit.version != *seen)
            }
            Rejection::WrongStatus => self.visit().is_some_and(|id| {
                let visit = now.appointments.get(&id);
                visit.is_some_and(|visit| self.is_wrong(visit.status))
            }),
            Rejection::HoldExpired => self
                .hold()
                .is_some_and(|id| now.holds.get(&id).is_some_and(Option::is_some)),
            // By the clock of the node.
            Rejection::HoldLimit => matches!(self.sent.request.command, Command::Renew { .. }),
            Rejection::NotFound(Missing::Block) => match &self.sent.request.command {
                Command::Unblock(unblock) => !now.blocks.contains_key(&unblock.block),
                _ => false,
            },
            // Nobody asks for anything else that is refused: what is named was acknowledged.
            _ => false,
        }
    }

    /// Somebody else's claim is just there.
    fn is_taken(&self, now: &Snapshot, conflict: Conflict) -> bool {
        let mut others = self.others(now, conflict.calendar);
        others.any(|claim| claim.span == conflict.span)
    }

    fn others<'n>(
        &'n self,
        now: &'n Snapshot,
        calendar: CalendarId,
    ) -> impl Iterator<Item = &'n Claim> {
        let own = self.visit();
        now.claims(calendar).iter().filter(move |claim| {
            let made = self.replay.makers.get(&claim.id);
            let mine = made == Some(&self.sent.request.principal);
            !mine && own.is_none_or(|own| !claim.belongs_to(own))
        })
    }

    fn by_rules(
        &self,
        now: &Snapshot,
        refuses: impl FnOnce(&Wanted, usize, &crate::world::Rules) -> bool,
    ) -> bool {
        let place = self.evidence.world.place(self.sent.request.tenant);
        let (Some(rules), Some(place)) = (&now.rules, place) else {
            return false;
        };
        let wanted = self.wanted(now);
        wanted.is_some_and(|wanted| refuses(&wanted, place, rules))
    }

    fn visit(&self) -> Option<AppointmentId> {
        match &self.sent.request.command {
            Command::Reschedule(to) => Some(to.appointment.id),
            Command::Cancel(cancel) => Some(cancel.appointment.id),
            Command::SetStatus(to) => Some(to.appointment.id),
            Command::EditNotes { appointment, .. } => Some(appointment.id),
            _ => None,
        }
    }

    fn hold(&self) -> Option<HoldId> {
        match &self.sent.request.command {
            Command::Renew { hold } | Command::Release { hold } => Some(*hold),
            Command::Confirm(confirm) => Some(confirm.hold),
            _ => None,
        }
    }

    /// Whether a visit of that status cannot be what was asked for.
    fn is_wrong(&self, status: Status) -> bool {
        let open = matches!(status, Status::Scheduled | Status::Confirmed);
        match &self.sent.request.command {
            Command::Reschedule(_) => !open,
            Command::Cancel(_) => !status.takes_time() || status == Status::InChair,
            Command::SetStatus(to) => to.status == status || !open,
            _ => false,
        }
    }

    fn wanted(&self, now: &Snapshot) -> Option<Wanted> {
        let world = &self.evidence.world;
        let lasting = |start, treatment| Span::lasting(start, world.duration(treatment));
        let calendar = |patient: &PatientRef| patient.calendar;
        let of_patient = |wanted| {
            let mut patients = world.patients.iter();
            let found = patients.find(|(id, _)| *id == wanted);
            found.map(|(_, calendar)| *calendar)
        };
        let command = &self.sent.request.command;
        Some(match command {
            Command::Book(book) => Wanted {
                span: lasting(book.start, book.treatment)?,
                provider: book.provider,
                treatment: book.treatment,
                patient: Some(calendar(&book.patient)),
            },
            Command::Hold(hold) => Wanted {
                span: lasting(hold.start, hold.treatment)?,
                provider: hold.provider,
                treatment: hold.treatment,
                patient: hold.patient.as_ref().map(calendar),
            },
            Command::Reschedule(_) | Command::SetStatus(_) => {
                let visit = now.appointments.get(&self.visit()?)?;
                let span = match command {
                    Command::Reschedule(to) => Span::lasting(to.start, visit.span.minutes())?,
                    _ => visit.span,
                };
                Wanted {
                    span,
                    provider: visit.provider,
                    treatment: visit.treatment,
                    patient: of_patient(visit.patient),
                }
            }
            Command::Confirm(confirm) => {
                let stored = self.evidence.tables.holds.get(&confirm.hold)?;
                Wanted {
                    span: stored.hold.span,
                    provider: stored.hold.provider,
                    treatment: stored.hold.treatment,
                    patient: confirm.patient.as_ref().map(calendar),
                }
            }
            _ => return None,
        })
    }
}
