//! From a command to what it would change: the claims it asks for, and the rows and events it would
//! commit. Reads rules and published timelines; changes nothing.

mod appointment;
mod block;
mod hold;
mod import;
mod merge;
mod overrun;
mod replan;
mod series;
mod swap;
mod visit;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use schema::commit::holds::HoldChanges;
use schema::commit::{Change, Key};
use schema::ids::{CalendarId, TxId};
use schema::models::appointment::Appointment;
use schema::models::claim::Claim;
use schema::models::pattern::Role;
use uuid::Uuid;

use crate::command::{Command, Done, Request, Target};
use crate::directory::published::Published;
use crate::directory::{Cell, Directory};
use crate::engine::Parts;
use crate::failure::{Failure, Refusal};
use crate::scheduling::diary::Own;
use crate::scheduling::pattern;
use crate::scheduling::placement;
use crate::scheduling::placement::{Placement, Wish};
use crate::scheduling::rejection::{Missing, Override, Rejection};
use crate::scheduling::relocation::Terms;
use crate::scheduling::reservation::Ask;
use crate::scheduling::rulebook::RuleBook;
use crate::scheduling::timeline::Timeline;
use visit::{Held, VisitChange};

/// A command decided by the rules, not yet by the calendars.
pub(crate) struct Plan {
    pub change: Change,
    /// What each calendar is asked, by ascending id: the order of reservation.
    pub asks: BTreeMap<CalendarId, Ask>,
    pub cells: BTreeMap<CalendarId, Arc<Cell>>,
    /// Calendars that the engine chose and could choose otherwise.
    pub chosen: BTreeSet<CalendarId>,
    /// Patients' calendars: taken time there is told as `patient_busy`.
    pub patients: BTreeSet<CalendarId>,
    /// Whether it was decided time by time: what has been taken since is planned around, or told
    /// with all else that is in the way.
    pub again: bool,
    /// Versions that the answer tells the state of: at others it is planned again.
    pub seen: BTreeMap<CalendarId, i64>,
    pub done: Done,
}

impl Plan {
    fn new(
        change: Change,
        asks: BTreeMap<CalendarId, Ask>,
        cells: BTreeMap<CalendarId, Arc<Cell>>,
        done: Done,
    ) -> Self {
        Self {
            change,
            asks,
            cells,
            chosen: BTreeSet::new(),
            patients: BTreeSet::new(),
            again: false,
            seen: BTreeMap::new(),
            done,
        }
    }

    /// Whether there is nothing to commit.
    pub(crate) fn is_empty(&self) -> bool {
        let change = &self.change;
        change.ops.is_empty()
            && change.appointments.is_empty()
            && change.blocks_put.is_empty()
            && change.blocks_del.is_empty()
    }
}

/// What a command's plans have come upon.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    calendars: Mutex<BTreeSet<CalendarId>>,
    overtaken: AtomicBool,
}

impl Looked {
    fn at(&self, ids: &[CalendarId]) {
        let calendars = self.calendars.lock();
        calendars
            .unwrap_or_else(PoisonError::into_inner)
            .extend(ids);
    }

    /// The calendars that were looked at, beside those of the practice's rules.
    pub(crate) fn calendars(&self) -> BTreeSet<CalendarId> {
        let calendars = self.calendars.lock();
        calendars.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a plan failed because its subject was changed while it was made.
    pub(crate) fn take_overtaken(&self) -> bool {
        self.overtaken.swap(false, Ordering::AcqRel)
    }
}

/// Plans a command. `may_expire`: whether holds whose time looks over may make room.
pub(crate) async fn plan(
    parts: &Parts,
    request: &Request,
    key: Option<&Key>,
    avoid: &BTreeSet<CalendarId>,
    may_expire: bool,
    looked: &Looked,
) -> Result<Plan, Refusal> {
    let planner = Planner {
        parts,
        request,
        key,
        avoid,
        may_expire,
        looked,
    };
    let mut plan = match &request.command {
        Command::Book(book) => planner.book(book).await,
        Command::Reschedule(to) => planner.reschedule(to).await,
        Command::Resize(to) => planner.resize(to).await,
        Command::Cancel(cancel) => planner.cancel(cancel).await,
        Command::SetStatus(to) => planner.set_status(to).await,
        Command::EditNotes { appointment, notes } => {
            planner.edit_notes(*appointment, notes.clone()).await
        }
        Command::Swap(wanted) => swap::plan(&planner, wanted).await,
        Command::Replan(wanted) => replan::plan(&planner, wanted).await,
        Command::BookSeries(wanted) => series::book(&planner, wanted).await,
        Command::EditSeries(wanted) => series::edit(&planner, wanted).await,
        Command::CancelSeries(wanted) => series::cancel(&planner, wanted).await,
        Command::Block(wanted) => block::add(&planner, wanted).await,
        Command::EditBlock(wanted) => block::edit(&planner, wanted).await,
        Command::Unblock(wanted) => block::remove(&planner, wanted).await,
        Command::Extend { appointment } => overrun::plan(&planner, *appointment).await,
        Command::MergePatients(wanted) => merge::plan(&planner, wanted).await,
        Command::Import(wanted) => import::plan(&planner, wanted).await,
        Command::Hold(wanted) => planner.hold(wanted).await,
        Command::Renew { hold } => planner.renew(*hold).await,
        Command::Release { hold } => planner.release(*hold).await,
        Command::Confirm(wanted) => planner.confirm(wanted).await,
        Command::Expire { hold } => planner.expire(*hold).await,
        Command::Abandon(wanted) => planner.abandon(wanted).await,
    }?;
    planner.make_room(&mut plan).await?;
    Ok(plan)
}

/// What a command about several visits would answer, with nothing decided by the calendars.
pub(crate) async fn preview(parts: &Parts, request: &Request) -> Result<Done, Refusal> {
    let planner = Planner {
        parts,
        request,
        key: None,
        avoid: &BTreeSet::new(),
        may_expire: false,
        looked: &Looked::default(),
    };
    match &request.command {
        Command::BookSeries(wanted) => series::preview(&planner, wanted).await,
        Command::Replan(wanted) => replan::preview(&planner, wanted).await,
        _ => {
            let (none, looked) = (BTreeSet::new(), Looked::default());
            Ok(plan(parts, request, None, &none, false, &looked)
                .await?
                .done)
        }
    }
}

struct Planner<'a> {
    parts: &'a Parts,
    request: &'a Request,
    key: Option<&'a Key>,
    avoid: &'a BTreeSet<CalendarId>,
    /// Whether holds whose time is over may go: not once the database's clock has said otherwise.
    may_expire: bool,
    looked: &'a Looked,
}

impl Planner<'_> {
    async fn rules(&self) -> Result<Arc<RuleBook>, Refusal> {
        let book = self.parts.rules.get(self.request.tenant).await?;
        Ok(book.ok_or(Rejection::NotFound(Missing::Tenant))?)
    }

    fn directory(&self) -> &Directory {
        &self.parts.directory
    }

    /// The cells of those calendars, all of which exist.
    async fn cells(
        &self,
        ids: impl IntoIterator<Item = CalendarId>,
    ) -> Result<BTreeMap<CalendarId, Arc<Cell>>, Refusal> {
        let ids: Vec<CalendarId> = ids.into_iter().collect();
        // A patient's that nobody has used in a while may be forgotten while another one is loaded,
        // but not while somebody has it.
        let loaded = ids.iter().filter_map(|id| self.directory().loaded(*id));
        let kept: Vec<Arc<Cell>> = loaded.collect();
        self.directory().ensure(&ids).await?;
        self.looked.at(&ids);
        let cells = ids
            .into_iter()
            .map(|id| {
                let cell = self.directory().loaded(id);
                Ok((id, cell.ok_or(Rejection::NotFound(Missing::Calendar))?))
            })
            .collect();
        drop(kept);
        cells
    }

    /// Loads what visits of the practice can take, with those patients' calendars.
    async fn load(
        &self,
        rules: &RuleBook,
        patients: impl IntoIterator<Item = CalendarId>,
    ) -> Result<(), Refusal> {
        let own = rules.calendars();
        let mut ids: Vec<CalendarId> = own.collect();
        let practice = ids.len();
        ids.extend(patients);
        self.looked.at(&ids[practice..]);
        Ok(self.directory().ensure(&ids).await?)
    }

    fn terms<'b>(&'b self, rules: &'b RuleBook, overrides: &'b BTreeSet<Override>) -> Terms<'b> {
        Terms {
            rules,
            asker: self.request.asker,
            overrides,
            avoid: self.avoid,
            now: self.parts.clock.minute(),
        }
    }

    async fn place(&self, rules: &RuleBook, wish: &Wish<'_>) -> Result<Placement, Refusal> {
        self.load(rules, []).await?;
        let diary = Published::new(self.directory(), Own::default());
        let now = self.parts.clock.minute();
        Ok(placement::place(rules, wish, now, &diary)?)
    }

    /// Has the providers' calendars keep to what their days may take, but for what was overridden.
    async fn keep_to_caps<'v>(
        &self,
        asks: &mut BTreeMap<CalendarId, Ask>,
        visits: impl Iterator<Item = &'v Appointment>,
    ) -> Result<(), Refusal> {
        let rules = self.rules().await?;
        for visit in visits.filter(|visit| visit.status.takes_time()) {
            let named = placement::named(&rules, visit.provider, visit.treatment);
            let Ok((provider, treatment)) = named else {
                continue;
            };
            let cap = placement::daily_cap(&rules, provider, treatment, visit.span.start());
            let (Some(cap), Some(ask)) = (cap, asks.get_mut(&provider.calendar)) else {
                continue;
            };
            match ask.caps.iter_mut().find(|other| other.counts_with(&cap)) {
                Some(other) => other.adds += cap.adds,
                None => ask.caps.push(cap),
            }
        }
        Ok(())
    }

    /// The appointment as the database has it, at the version that the asker has seen.
    async fn appointment(&self, target: Target) -> Result<Appointment, Refusal> {
        let found = self.appointments(&[target]).await?.pop();
        Ok(found.ok_or(Rejection::NotFound(Missing::Appointment))?)
    }

    /// The appointments as the database has them, in the order of the targets.
    async fn appointments(&self, targets: &[Target]) -> Result<Vec<Appointment>, Refusal> {
        let ids: Vec<_> = targets.iter().map(|target| target.id).collect();
        let store = &self.parts.store;
        let found = store.appointments(self.request.tenant, &ids).await?;
        let mut by_id: HashMap<_, Appointment> =
            found.into_iter().map(|found| (found.id, found)).collect();
        targets
            .iter()
            .map(|target| {
                let found = by_id.remove(&target.id);
                let found = found.ok_or(Rejection::NotFound(Missing::Appointment))?;
                target.check(&found)?;
                Ok(found)
            })
            .collect()
    }

    /// The claims that an appointment has now, as its calendars have them. The row may be newer than
    /// what they have heard: then they catch up first, or its time would never be given back.
    async fn held_by(&self, appointment: &Appointment) -> Result<Held, Refusal> {
        let expected = match appointment.status.takes_time() {
            true => pattern::claims(&appointment.pattern, appointment.span.start()),
            false => BTreeMap::new(),
        };
        let calendars: BTreeSet<CalendarId> = appointment
            .pattern
            .iter()
            .map(|placed| placed.calendar_id)
            .collect();
        let cells = self.cells(calendars).await?;
        let mut held = BTreeMap::new();
        let mut differ = false;
        for (id, cell) in cells {
            let spans = expected.get(&id).map(Vec::as_slice).unwrap_or_default();
            let look = || -> Vec<Arc<Claim>> {
                let timeline = cell.timeline();
                let there = spans.iter().flat_map(|span| timeline.overlapping(*span));
                there
                    .filter(|claim| claim.belongs_to(appointment.id))
                    .cloned()
                    .collect()
            };
            let mut claims = look();
            if claims.len() != spans.len() {
                // The row was committed by another process, or a moment ago: it is in the log.
                self.directory().catch_up(id).await?;
                claims = look();
                differ |= claims.len() != spans.len();
            }
            held.insert(id, claims);
        }
        if differ && self.has_changed(appointment).await? {
            self.looked.overtaken.store(true, Ordering::Release);
            return Err(Failure::Busy.into());
        }
        Ok(held)
    }

    /// Has the calendars that still show the time of a visit that takes none catch up with its row.
    async fn hear_that_it_gave_its_time_back(&self, visit: &Appointment) -> Result<(), Refusal> {
        let took = pattern::claims(&visit.pattern, visit.span.start());
        for (id, cell) in self.cells(took.keys().copied()).await? {
            let timeline = cell.timeline();
            let spans = took.get(&id).map(Vec::as_slice).unwrap_or_default();
            let mut there = spans.iter().flat_map(|span| timeline.overlapping(*span));
            if there.any(|claim| claim.belongs_to(visit.id)) {
                self.directory().catch_up(id).await?;
            }
        }
        Ok(())
    }

    /// Whether an appointment is not any more what it was when it was read. What its calendars have
    /// of it differs also when its claims have been put away.
    async fn has_changed(&self, before: &Appointment) -> Result<bool, Refusal> {
        let id = [before.id];
        let store = &self.parts.store;
        let found = store.appointments(self.request.tenant, &id).await?;
        Ok(found.first().map(|now| now.version) != Some(before.version))
    }

    /// One visit's new state, which is also the answer.
    async fn visit(
        &self,
        action: &'static str,
        before: Option<Held>,
        after: Appointment,
        overridden: &BTreeSet<Override>,
    ) -> Result<Plan, Refusal> {
        let done = Done::Appointment(Box::new(after.clone()));
        let subject = after.id.0;
        let visits = vec![(before.unwrap_or_default(), after)];
        self.visits(action, subject, visits, overridden, done).await
    }

    /// New states of visits, each with what it holds now.
    async fn visits(
        &self,
        action: &'static str,
        subject: Uuid,
        visits: Vec<(Held, Appointment)>,
        overridden: &BTreeSet<Override>,
        done: Done,
    ) -> Result<Plan, Refusal> {
        let tx = TxId::new();
        let patients = visits
            .iter()
            .flat_map(|(_, after)| &after.pattern)
            .filter(|placed| placed.segment.role == Role::Patient)
            .map(|placed| placed.calendar_id)
            .collect();
        let pairs = visits.iter().map(|(held, after)| (held, after));
        let VisitChange {
            ops,
            mut asks,
            claims_put,
            claims_del,
        } = visit::change(tx, pairs);
        if !overridden.contains(&Override::DailyCap) {
            let visits = visits.iter().map(|(_, after)| after);
            self.keep_to_caps(&mut asks, visits).await?;
        }
        let cells = self.cells(asks.keys().copied()).await?;
        let change = Change {
            tx,
            action,
            subject,
            overrides: overridden
                .iter()
                .map(|rule| rule.code().to_owned())
                .collect(),
            ops,
            claims_put,
            claims_del,
            appointments: visits.into_iter().map(|(_, after)| after).collect(),
            ..self.change(&done)?
        };
        Ok(Plan {
            patients,
            ..Plan::new(change, asks, cells, done)
        })
    }

    /// A change that does nothing yet.
    fn change(&self, done: &Done) -> Result<Change, Refusal> {
        Ok(Change {
            tx: TxId::new(),
            tenant: self.request.tenant,
            actor: self.request.principal.clone(),
            origin: self.request.origin.clone(),
            action: "",
            subject: self.request.tenant.0,
            overrides: Vec::new(),
            ops: BTreeMap::new(),
            claims_put: Vec::new(),
            claims_del: Vec::new(),
            labels: HashMap::new(),
            appointments: Vec::new(),
            holds: HoldChanges::default(),
            series: Vec::new(),
            blocks_put: Vec::new(),
            blocks_del: Vec::new(),
            merged: None,
            rules: schema::commit::RulesSeen::default(),
            key: self.key.cloned(),
            result: serde_json::to_value(done).map_err(|_| Failure::Internal)?,
        })
    }
}

impl Directory {
    /// What is taken on a calendar, if it is loaded.
    pub(crate) fn published(&self, calendar: CalendarId) -> Option<Arc<Timeline>> {
        self.loaded(calendar).map(|cell| cell.timeline())
    }
}
