//! What somebody might ask for, given what is known to be there.

use std::cell::RefCell;
use std::collections::BTreeSet;

use engine::command::block::{NewBlock, Unblock};
use engine::command::hold::{Confirm, Hold, HoldLimits, HoldState};
use engine::command::{
    Book, Cancel, Command, PatientRef, Repeats, Reschedule, Scope, SetStatus, Target,
};
use engine::scheduling::rejection::Override;
use schema::ids::{AppointmentId, CalendarId, HoldId, ProviderId, TenantId};
use schema::models::appointment::{Appointment, Status};
use schema::models::block::{Block, BlockKind};
use schema::span::{Minute, Span};

use super::Clients;
use crate::dice::Dice;
use crate::world::local;

/// What has been answered and is known to everybody.
#[derive(Debug, Default)]
pub struct Board {
    visits: RefCell<Vec<Appointment>>,
    holds: RefCell<Vec<HoldState>>,
    blocks: RefCell<Vec<Block>>,
}

impl Board {
    pub(super) fn visit(&self, visit: Appointment) {
        let mut known = self.visits.borrow_mut();
        match known.iter_mut().find(|known| known.id == visit.id) {
            Some(old) if old.version < visit.version => *old = visit,
            Some(_) => {}
            None => known.push(visit),
        }
    }

    pub(super) fn hold(&self, hold: HoldState) {
        let mut known = self.holds.borrow_mut();
        if !known.iter().any(|known| known.id == hold.id) {
            known.push(hold);
        }
    }

    pub(super) fn block(&self, block: Block) {
        let mut known = self.blocks.borrow_mut();
        if !known.iter().any(|known| known.id == block.id) {
            known.push(block);
        }
    }
}

impl Clients {
    /// A command and the practice that it is for.
    pub(super) fn idea(&self, dice: &mut Dice) -> (TenantId, Command) {
        let idea = match dice.below(100) {
            0..14 => self.reschedule(dice),
            14..26 => self.cancel(dice),
            26..37 => self.hold(dice),
            37..49 => self.confirm(dice),
            49..52 => self.about_hold(dice, |hold| Command::Renew { hold }),
            52..56 => self.about_hold(dice, |hold| Command::Release { hold }),
            56..64 => self.block(dice),
            64..68 => self.unblock(dice),
            68..73 => self.status(dice),
            73..76 => self.notes(dice),
            _ => None,
        };
        // Nothing there to do it with: a booking.
        idea.unwrap_or_else(|| self.book(dice))
    }

    fn start(&self, dice: &mut Dice) -> Minute {
        let quarter = dice.below(self.starts);
        let minute = i16::try_from(480 + 15 * quarter).unwrap_or(480);
        local(minute).unwrap_or(Minute(0))
    }

    fn patient(&self, dice: &mut Dice) -> PatientRef {
        let (id, calendar) =
            self.database.world.patients[dice.below(self.database.world.patients.len())];
        PatientRef { id, calendar }
    }

    /// A dentist with what is to be done, and the practice.
    fn wanted(
        &self,
        dice: &mut Dice,
    ) -> (TenantId, ProviderId, CalendarId, schema::ids::TreatmentId) {
        let practices = &self.database.world.practices;
        let practice = &practices[dice.below(practices.len())];
        let (provider, calendar) = practice.dentists[dice.below(practice.dentists.len())];
        let treatment = match dice.below(100) {
            0..50 => practice.short,
            50..75 => practice.long,
            _ => practice.capped,
        };
        (practice.tenant, provider, calendar, treatment)
    }

    fn operatory(&self, dice: &mut Dice) -> Option<schema::ids::OperatoryId> {
        let chairs = &self.database.world.operatories;
        let named = dice.chance(30);
        named
            .then(|| dice.pick(chairs).map(|(id, _)| *id))
            .flatten()
    }

    fn book(&self, dice: &mut Dice) -> (TenantId, Command) {
        let (tenant, provider, _, treatment) = self.wanted(dice);
        let command = Command::Book(Book {
            patient: self.patient(dice),
            provider,
            treatment,
            start: self.start(dice),
            operatory: self.operatory(dice),
            duration: None,
            notes: None,
            overrides: BTreeSet::new(),
        });
        (tenant, command)
    }

    fn known_visit(&self, dice: &mut Dice) -> Option<(Appointment, Target)> {
        let visit = dice.pick(&self.board.visits.borrow())?.clone();
        let target = Target {
            id: visit.id,
            version: dice.chance(40).then_some(visit.version),
        };
        Some((visit, target))
    }

    fn reschedule(&self, dice: &mut Dice) -> Option<(TenantId, Command)> {
        let (visit, appointment) = self.known_visit(dice)?;
        // Also to where it is.
        let start = match dice.chance(30) {
            true => visit.span.start(),
            false => self.start(dice),
        };
        let command = Command::Reschedule(Reschedule {
            appointment,
            start,
            provider: None,
            operatory: self.operatory(dice),
            overrides: BTreeSet::new(),
        });
        Some((visit.tenant, command))
    }

    fn cancel(&self, dice: &mut Dice) -> Option<(TenantId, Command)> {
        let (visit, appointment) = self.known_visit(dice)?;
        let command = Command::Cancel(Cancel {
            appointment,
            reason: String::new(),
            code: None,
        });
        Some((visit.tenant, command))
    }

    fn status(&self, dice: &mut Dice) -> Option<(TenantId, Command)> {
        let (visit, appointment) = self.known_visit(dice)?;
        let all = [
            Status::Scheduled,
            Status::Confirmed,
            Status::Arrived,
            Status::NoShow,
        ];
        let command = Command::SetStatus(SetStatus {
            appointment,
            status: *dice.pick(&all)?,
            overrides: BTreeSet::new(),
        });
        Some((visit.tenant, command))
    }

    fn notes(&self, dice: &mut Dice) -> Option<(TenantId, Command)> {
        let (visit, appointment) = self.known_visit(dice)?;
        let notes = Some("x".to_owned());
        Some((visit.tenant, Command::EditNotes { appointment, notes }))
    }

    fn hold(&self, dice: &mut Dice) -> Option<(TenantId, Command)> {
        let (tenant, provider, _, treatment) = self.wanted(dice);
        let id = HoldId::new();
        let command = Command::Hold(Hold {
            id,
            token_hash: id.0.as_bytes().to_vec(),
            provider,
            treatment,
            start: self.start(dice),
            operatory: self.operatory(dice),
            duration: None,
            patient: dice.chance(50).then(|| self.patient(dice)),
            overrides: BTreeSet::new(),
            owner: "user:x".to_owned(),
            address: None,
            limits: HoldLimits::default(),
            offer: None,
        });
        Some((tenant, command))
    }

    fn about_hold(
        &self,
        dice: &mut Dice,
        command: impl FnOnce(HoldId) -> Command,
    ) -> Option<(TenantId, Command)> {
        let hold = dice.pick(&self.board.holds.borrow())?.clone();
        Some((hold.tenant, command(hold.id)))
    }

    fn confirm(&self, dice: &mut Dice) -> Option<(TenantId, Command)> {
        let hold = dice.pick(&self.board.holds.borrow())?.clone();
        // Where somebody's time is kept it is theirs; else whoever comes.
        let kept = hold.patient.and_then(|kept| {
            let mut patients = self.database.world.patients.iter();
            patients.find(|(id, _)| *id == kept)
        });
        let patient = match kept {
            Some((id, calendar)) => PatientRef {
                id: *id,
                calendar: *calendar,
            },
            None => self.patient(dice),
        };
        let command = Command::Confirm(Confirm {
            hold: hold.id,
            appointment: AppointmentId::new(),
            patient: Some(patient),
            applicant: self.database.world.name(patient.calendar),
            notes: None,
        });
        Some((hold.tenant, command))
    }

    fn block(&self, dice: &mut Dice) -> Option<(TenantId, Command)> {
        let (tenant, _, mut calendar, _) = self.wanted(dice);
        if dice.chance(40) {
            calendar = dice.pick(&self.database.world.operatories)?.1;
        }
        let command = Command::Block(NewBlock {
            calendar,
            kind: BlockKind::Meeting,
            title: None,
            span: Span::lasting(self.start(dice), 30)?,
            repeats: Repeats::default(),
            allow_clashes: dice.chance(50),
            overrides: [Override::OutsideHours].into(),
        });
        Some((tenant, command))
    }

    fn unblock(&self, dice: &mut Dice) -> Option<(TenantId, Command)> {
        let block = dice.pick(&self.board.blocks.borrow())?.clone();
        let command = Command::Unblock(Unblock {
            block: block.id,
            version: None,
            scope: Scope::All,
            occurrence: None,
        });
        Some((block.tenant, command))
    }

    /// A command in a trace: no fresh ids, which differ between runs.
    pub(super) fn told(&self, command: &Command) -> String {
        let calendar = |id: CalendarId| self.database.world.name(id);
        let dentist = |wanted: ProviderId| {
            let mut all = self
                .database
                .world
                .practices
                .iter()
                .flat_map(|p| &p.dentists);
            let found = all.find(|(id, _)| *id == wanted);
            found.map_or_else(String::new, |(_, id)| calendar(*id))
        };
        let visit = |id: AppointmentId| {
            let visits = self.board.visits.borrow();
            let place = visits.iter().position(|visit| visit.id == id);
            place.map_or_else(String::new, |place| format!("a{place}"))
        };
        let hold = |id: HoldId| {
            let holds = self.board.holds.borrow();
            let place = holds.iter().position(|hold| hold.id == id);
            place.map_or_else(String::new, |place| format!("h{place}"))
        };
        match command {
            Command::Book(book) => format!(
                "book {} {} {:?} {}min",
                dentist(book.provider),
                calendar(book.patient.calendar),
                book.start,
                self.database.world.duration(book.treatment)
            ),
            Command::Reschedule(to) => {
                format!("reschedule {} {:?}", visit(to.appointment.id), to.start)
            }
            Command::Cancel(cancel) => format!("cancel {}", visit(cancel.appointment.id)),
            Command::SetStatus(to) => format!("{} {}", to.status.name(), visit(to.appointment.id)),
            Command::EditNotes { appointment, .. } => format!("note {}", visit(appointment.id)),
            Command::Hold(wanted) => format!(
                "hold {} {:?} {}min",
                dentist(wanted.provider),
                wanted.start,
                self.database.world.duration(wanted.treatment)
            ),
            Command::Confirm(confirm) => {
                format!("confirm {} {}", hold(confirm.hold), confirm.applicant)
            }
            Command::Renew { hold: id } => format!("renew {}", hold(*id)),
            Command::Release { hold: id } => format!("release {}", hold(*id)),
            Command::Block(block) => format!(
                "block {} {:?}{}",
                calendar(block.calendar),
                block.span,
                if block.allow_clashes {
                    " over bookings"
                } else {
                    ""
                }
            ),
            other => other.name().to_owned(),
        }
    }
}
