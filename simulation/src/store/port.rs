//! One node's way to the database: slow, at times cut.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use engine::store::{Asked, Session, Store};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use schema::blocks::BlockClaim;
use schema::calendars::{Kind, Loaded};
use schema::commit::{Answer, Change, CommitError, Committed, InDoubt, Key};
use schema::holds::Stored;
use schema::ids::{
    AppointmentId, BlockId, CalendarId, ClaimId, EntryId, HoldId, PatientId, ProviderId, SeriesId,
    TenantId,
};
use schema::in_doubt::Outcome;
use schema::log::{Horizon, News};
use schema::models::appointment::{Appointment, Status};
use schema::models::block::Block;
use schema::models::claim::Event;
use schema::models::hold::Hold;
use schema::models::series::Series;
use schema::models::waitlist::{Entry, Offered};
use schema::present::{self, Present};
use schema::rules::TenantRows;
use schema::span::{Minute, Span};
use schema::tenancy::unavailable;
use schema::waitlist::OpenOffer;
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::transaction::Transaction;
use super::{Database, State};
use crate::mutation::Mutation;
use crate::world::RulesChange;

/// A node's way to the database.
#[derive(Clone, Debug)]
pub struct Port {
    database: Arc<Database>,
    number: usize,
}

/// How long it takes to notice that nobody is there.
const NOTICES: Duration = Duration::from_millis(30);

impl Port {
    pub(super) fn new(database: Arc<Database>, number: usize) -> Self {
        Self { database, number }
    }

    /// Which one it is.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// One way, there or back: never for who is dead, late for who is stopped, in vain while the
    /// database is away.
    async fn way(&self) -> QueryResult<()> {
        let (way, away) = {
            let mut state = self.database.lock();
            let state = &mut *state;
            let away = state.away_until.is_some_and(|until| Instant::now() < until)
                || state.dice.chance(state.weather.unread);
            (state.weather.way(&mut state.dice), away)
        };
        tokio::time::sleep(if away { way + NOTICES } else { way }).await;
        loop {
            let plight = {
                let state = self.database.lock();
                state.plights.get(self.number).copied().unwrap_or_default()
            };
            if plight.dead {
                std::future::pending::<()>().await;
            }
            match plight.frozen_until {
                Some(until) if Instant::now() < until => {
                    // Healing thaws before the time.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                _ => break,
            }
        }
        match away {
            true => Err(unavailable("away".to_owned())),
            false => Ok(()),
        }
    }

    /// A read: what is so when the question gets there, told when the answer is back.
    fn read<'a, T: Send + 'a>(
        &'a self,
        read: impl FnOnce(&State) -> T + Send + 'a,
    ) -> Asked<'a, T> {
        async move {
            self.way().await?;
            let found = read(&self.database.lock());
            self.way().await?;
            Ok(found)
        }
        .boxed()
    }
}

/// A connection that commits.
struct Connection {
    port: Port,
    broken: bool,
}

impl Session for Connection {
    fn commit<'a>(
        &'a mut self,
        node: Uuid,
        fence: &'a HashMap<CalendarId, i64>,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Committed, CommitError>> {
        async move {
            let lost = |error| CommitError::Failed(error);
            if self.broken {
                return Err(lost(unavailable("broken".to_owned())));
            }
            self.broken = true;
            self.port.way().await.map_err(lost)?;
            let (answer, heard) = oneshot::channel();
            let transaction = Transaction {
                database: Arc::clone(&self.port.database),
                port: self.port.number,
                node,
                fence: fence.clone(),
                changes: changes.to_vec(),
                answer,
            };
            actix_rt::spawn(transaction.run());
            let Ok(outcome) = heard.await else {
                // Only of a node that is dead.
                return std::future::pending().await;
            };
            // The way back is a part of what the transaction's fate was about.
            while self.port.way().await.is_err() {}
            self.broken = matches!(
                outcome,
                Err(CommitError::Failed(_) | CommitError::InDoubt(..))
            );
            outcome
        }
        .boxed()
    }

    fn outcome<'a>(&'a mut self, doubt: &'a InDoubt) -> Asked<'a, Outcome> {
        let (mutation, xid) = (self.port.database.mutation, doubt.xid);
        self.port.read(move |state| match mutation {
            Some(Mutation::NoInDoubtCheck) => Outcome::Aborted,
            _ if state.running.contains(&xid) => Outcome::InProgress,
            _ if state.committed.contains(&xid) => Outcome::Committed,
            _ => Outcome::Aborted,
        })
    }

    fn horizon(&mut self) -> Asked<'_, Horizon> {
        self.port.read(State::horizon)
    }

    fn news(&mut self, since: Horizon, node: Uuid) -> Asked<'_, News> {
        let port = &self.port;
        port.read(move |state| {
            let logged = state.log.iter();
            let mut news = News {
                events: logged
                    .filter(|logged| logged.xid >= since.0 && logged.node != node)
                    .map(|logged| logged.event.clone())
                    .collect(),
                ..News::default()
            };
            news.events
                .sort_by_key(|event| (event.calendar, event.version));
            let world = &port.database.world;
            for logged in state
                .rules_log
                .iter()
                .filter(|logged| logged.xid >= since.0)
            {
                match logged.change {
                    RulesChange::Clinic => news.clinics.push((world.clinic, logged.version)),
                    RulesChange::Hours(place) | RulesChange::Offer(place) => {
                        let practice = world.practices.get(place);
                        let tenant = practice.map(|practice| (practice.tenant, logged.version));
                        news.tenants.extend(tenant);
                    }
                }
            }
            news
        })
    }
}

impl Store for Port {
    fn session(&self) -> Asked<'_, Box<dyn Session>> {
        async {
            self.way().await?;
            Ok(Box::new(Connection {
                port: self.clone(),
                broken: false,
            }) as Box<dyn Session>)
        }
        .boxed()
    }

    fn answer<'a>(&'a self, key: &'a Key) -> Asked<'a, Option<(Answer, Vec<u8>)>> {
        let name = (key.tenant, key.principal.clone(), key.key.clone());
        self.read(move |state| {
            let (fingerprint, answer) = state.tables.keys.get(&name)?;
            Some((answer.clone(), fingerprint.clone()))
        })
    }

    fn calendars<'a>(&'a self, ids: &'a [CalendarId]) -> Asked<'a, Vec<Loaded>> {
        self.read(move |state| ids.iter().filter_map(|id| state.tables.load(*id)).collect())
    }

    fn versions<'a>(&'a self, ids: &'a [CalendarId]) -> Asked<'a, Vec<(CalendarId, i64)>> {
        self.read(move |state| {
            let rows = ids.iter().map(|id| (*id, state.tables.calendars.get(id)));
            rows.filter_map(|(id, row)| Some((id, row?.version)))
                .collect()
        })
    }

    fn bookable_after(&self, after: Option<CalendarId>, limit: i64) -> Asked<'_, Vec<CalendarId>> {
        self.read(move |state| {
            let rows = state.tables.calendars.iter();
            rows.filter(|(id, row)| row.kind != Kind::Patient && Some(**id) > after)
                .map(|(id, _)| *id)
                .take(usize::try_from(limit).unwrap_or(0))
                .collect()
        })
    }

    fn external_claims<'a>(
        &'a self,
        calendar: CalendarId,
        source: &'a str,
    ) -> Asked<'a, Vec<(ClaimId, Span)>> {
        self.read(move |state| state.tables.external(calendar, source))
    }

    fn events_after(&self, calendar: CalendarId, after: i64, limit: i64) -> Asked<'_, Vec<Event>> {
        self.read(move |state| {
            let events = state.log.iter().map(|logged| &logged.event);
            // In the order of the log, which is that of the versions.
            events
                .filter(|event| event.calendar == calendar && event.version > after)
                .take(usize::try_from(limit).unwrap_or(0))
                .cloned()
                .collect()
        })
    }

    fn present<'a>(&'a self, asked: &'a present::Asked) -> Asked<'a, Present> {
        self.read(move |state| {
            let mut found = Present::default();
            if self.database.mutation == Some(Mutation::NoSecondLook) {
                return found;
            }
            for id in &asked.calendars {
                if let Some(row) = state.tables.calendars.get(id) {
                    found.versions.insert(*id, row.version);
                }
            }
            let now = state.rules.seen(&self.database.world);
            let wanted = now.tenants.into_iter();
            found.rules.tenants = wanted
                .filter(|(tenant, _)| asked.tenants.contains(tenant))
                .collect();
            let wanted = now.clinics.into_iter();
            found.rules.clinics = wanted
                .filter(|(clinic, _)| asked.clinics.contains(clinic))
                .collect();
            for key in &asked.keys {
                let name = (key.tenant, key.principal.clone(), key.key.clone());
                if let Some((fingerprint, answer)) = state.tables.keys.get(&name) {
                    found.answered(key, answer.clone(), fingerprint.clone());
                }
            }
            found
        })
    }

    fn rules<'a>(&'a self, tenants: &'a [TenantId]) -> Asked<'a, Vec<TenantRows>> {
        self.read(move |state| {
            let rows = tenants.iter();
            rows.filter_map(|tenant| self.database.world.rows(&state.rules, *tenant))
                .collect()
        })
    }

    fn tenants_after(&self, after: Option<TenantId>, limit: i64) -> Asked<'_, Vec<TenantId>> {
        self.read(move |_| {
            let practices = self.database.world.practices.iter();
            practices
                .map(|practice| practice.tenant)
                .filter(|tenant| Some(*tenant) > after)
                .take(usize::try_from(limit).unwrap_or(0))
                .collect()
        })
    }

    fn appointments<'a>(
        &'a self,
        tenant: TenantId,
        ids: &'a [AppointmentId],
    ) -> Asked<'a, Vec<Appointment>> {
        self.read(move |state| {
            let rows = ids
                .iter()
                .filter_map(|id| state.tables.appointments.get(id));
            rows.filter(|row| row.tenant == tenant).cloned().collect()
        })
    }

    fn visits_of_patient(
        &self,
        tenant: TenantId,
        patient: PatientId,
    ) -> Asked<'_, Vec<Appointment>> {
        self.read(move |state| {
            let wanted = |row: &&Appointment| row.tenant == tenant && row.patient == patient;
            by_start(state, wanted)
        })
    }

    fn visits_settled_on(&self, _: CalendarId) -> Asked<'_, BTreeSet<AppointmentId>> {
        self.read(|_| BTreeSet::new())
    }

    fn visits_led_by(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        range: Span,
        limit: i64,
    ) -> Asked<'_, Vec<Appointment>> {
        self.read(move |state| {
            let wanted = |row: &&Appointment| {
                let start = row.span.start();
                let within = range.start() <= start && start < range.end();
                row.tenant == tenant && row.provider == provider && within
            };
            let mut found = by_start(state, wanted);
            found.truncate(usize::try_from(limit).unwrap_or(0));
            found
        })
    }

    fn visits_overrunning(
        &self,
        now: Minute,
        limit: i64,
    ) -> Asked<'_, Vec<(TenantId, AppointmentId)>> {
        self.read(move |state| {
            let over = |row: &&Appointment| row.status == Status::InChair && row.span.end() <= now;
            let found = by_start(state, over).into_iter();
            found
                .map(|row| (row.tenant, row.id))
                .take(usize::try_from(limit).unwrap_or(0))
                .collect()
        })
    }

    fn series(
        &self,
        tenant: TenantId,
        id: SeriesId,
    ) -> Asked<'_, Option<(Series, Vec<Appointment>)>> {
        self.read(move |state| {
            let found = state.tables.series.get(&id);
            let found = found.filter(|row| row.tenant == tenant)?.clone();
            let mut visits = by_start(state, |row: &&Appointment| row.series == Some(id));
            visits.sort_by_key(|row| row.occurrence);
            Some((found, visits))
        })
    }

    fn block(&self, tenant: TenantId, id: BlockId) -> Asked<'_, Option<(Block, Vec<BlockClaim>)>> {
        self.read(move |state| {
            let found = state.tables.blocks.get(&id);
            let found = found.filter(|row| row.tenant == tenant)?.clone();
            Some((found, state.tables.occurrences(id)))
        })
    }

    fn hold(&self, tenant: TenantId, id: HoldId) -> Asked<'_, Option<Stored>> {
        self.read(move |state| {
            let found = state.tables.holds.get(&id);
            found.filter(|row| row.hold.tenant == tenant).cloned()
        })
    }

    fn hold_with_token<'a>(
        &'a self,
        tenant: TenantId,
        token_hash: &'a [u8],
    ) -> Asked<'a, Option<Hold>> {
        self.read(move |state| {
            let mut rows = state.tables.holds.values();
            let found = rows.find(|row| {
                let hold = &row.hold;
                row.ended.is_none() && hold.tenant == tenant && hold.token_hash == token_hash
            });
            found.map(|row| row.hold.clone())
        })
    }

    fn holds_expired(&self, limit: i64) -> Asked<'_, Vec<(TenantId, HoldId)>> {
        self.read(move |state| {
            let now = self.database.time.now();
            let rows = state.tables.holds.values();
            rows.filter(|row| row.ended.is_none() && row.hold.expires_at <= now)
                .map(|row| (row.hold.tenant, row.hold.id))
                .take(usize::try_from(limit).unwrap_or(0))
                .collect()
        })
    }

    fn forget_holds(&self) -> Asked<'_, usize> {
        self.read(|_| 0)
    }

    fn waiting(&self, _: TenantId) -> Asked<'_, Vec<Entry>> {
        self.read(|_| Vec::new())
    }

    fn offered(&self, _: TenantId, _: Span) -> Asked<'_, Vec<Offered>> {
        self.read(|_| Vec::new())
    }

    fn patient_calendar(&self, _: TenantId, patient: PatientId) -> Asked<'_, Option<CalendarId>> {
        self.read(move |_| {
            let mut patients = self.database.world.patients.iter();
            let found = patients.find(|(id, _)| *id == patient);
            found.map(|(_, calendar)| *calendar)
        })
    }

    fn latest_offer(&self, _: TenantId, _: EntryId) -> Asked<'_, Option<OpenOffer>> {
        self.read(|_| None)
    }
}

fn by_start(state: &State, wanted: impl Fn(&&Appointment) -> bool) -> Vec<Appointment> {
    let rows = state.tables.appointments.values();
    let mut found: Vec<Appointment> = rows.filter(wanted).cloned().collect();
    found.sort_by_key(|row| (row.span.start(), row.id));
    found
}
