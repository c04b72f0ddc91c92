//! The store that serves people: a pool for reading, and a connection of its own for each writer.

use std::collections::{BTreeSet, HashMap};

use chrono::{TimeDelta, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::BuildError;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use schema::blocks::{self, BlockClaim};
use schema::calendars::{self, Loaded};
use schema::commit::{self, Answer, Change, CommitError, Committed, InDoubt, Key};
use schema::connection::{ConnectionPool, PooledConnection, Role, connect_to_commit, pool};
use schema::holds::{self, Stored};
use schema::ids::{
    AppointmentId, BlockId, CalendarId, ClaimId, EntryId, HoldId, PatientId, ProviderId, SeriesId,
    TenantId,
};
use schema::log::{self, Horizon, News};
use schema::models::appointment::Appointment;
use schema::models::block::Block;
use schema::models::claim::Event;
use schema::models::hold::Hold;
use schema::models::series::Series;
use schema::models::waitlist::{Entry, Offered};
use schema::present::{self, Present};
use schema::rules::{self, TenantRows};
use schema::span::{Minute, Span};
use schema::tenancy::unavailable;
use schema::waitlist::{self, OpenOffer};
use schema::{appointments, idempotency, in_doubt, series};
use uuid::Uuid;

use super::{Asked, Session, Store};

/// How long an ended hold's row tells what became of it.
const HOLDS_REMEMBERED: TimeDelta = TimeDelta::hours(24);
/// Ended holds removed at a time.
const HOLDS_FORGOTTEN: i64 = 10_000;

/// A database, in the engine's role.
pub struct Postgres {
    url: String,
    pool: ConnectionPool,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Postgres")
    }
}

impl Postgres {
    /// Connects when first asked something; reads with at most `readers` connections at a time.
    ///
    /// # Errors
    /// When the pool's settings are wrong.
    pub fn new(url: &str, readers: usize) -> Result<Self, BuildError> {
        Ok(Self {
            url: url.to_owned(),
            pool: pool(url, Role::Engine, readers)?,
        })
    }

    pub(crate) fn pool(&self) -> &ConnectionPool {
        &self.pool
    }

    async fn reader(&self) -> QueryResult<PooledConnection> {
        let found = self.pool.get().await;
        found.map_err(|error| unavailable(error.to_string()))
    }
}

impl Session for AsyncPgConnection {
    fn commit<'a>(
        &'a mut self,
        node: Uuid,
        fence: &'a HashMap<CalendarId, i64>,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Committed, CommitError>> {
        commit::commit(self, node, fence, changes).boxed()
    }

    fn outcome<'a>(&'a mut self, doubt: &'a InDoubt) -> Asked<'a, in_doubt::Outcome> {
        in_doubt::outcome(self, doubt).boxed()
    }

    fn horizon(&mut self) -> Asked<'_, Horizon> {
        log::horizon(self).boxed()
    }

    fn news(&mut self, since: Horizon, node: Uuid) -> Asked<'_, News> {
        log::news(self, since, node).boxed()
    }
}

impl Store for Postgres {
    fn session(&self) -> Asked<'_, Box<dyn Session>> {
        async {
            let fresh = connect_to_commit(&self.url).await;
            let fresh = fresh.map_err(|error| unavailable(error.to_string()))?;
            Ok(Box::new(fresh) as Box<dyn Session>)
        }
        .boxed()
    }

    fn answer<'a>(&'a self, key: &'a Key) -> Asked<'a, Option<(Answer, Vec<u8>)>> {
        async move { idempotency::find(&mut *self.reader().await?, key).await }.boxed()
    }

    fn calendars<'a>(&'a self, ids: &'a [CalendarId]) -> Asked<'a, Vec<Loaded>> {
        async move { calendars::load(&mut *self.reader().await?, ids).await }.boxed()
    }

    fn versions<'a>(&'a self, ids: &'a [CalendarId]) -> Asked<'a, Vec<(CalendarId, i64)>> {
        async move { calendars::versions(&mut *self.reader().await?, ids).await }.boxed()
    }

    fn bookable_after(&self, after: Option<CalendarId>, limit: i64) -> Asked<'_, Vec<CalendarId>> {
        async move { calendars::bookable_after(&mut *self.reader().await?, after, limit).await }
            .boxed()
    }

    fn external_claims<'a>(
        &'a self,
        calendar: CalendarId,
        source: &'a str,
    ) -> Asked<'a, Vec<(ClaimId, Span)>> {
        async move { calendars::external_claims(&mut *self.reader().await?, calendar, source).await }
            .boxed()
    }

    fn events_after(&self, calendar: CalendarId, after: i64, limit: i64) -> Asked<'_, Vec<Event>> {
        async move { log::after(&mut *self.reader().await?, calendar, after, limit).await }.boxed()
    }

    fn present<'a>(&'a self, asked: &'a present::Asked) -> Asked<'a, Present> {
        async move { present::read(&mut *self.reader().await?, asked).await }.boxed()
    }

    fn rules<'a>(&'a self, tenants: &'a [TenantId]) -> Asked<'a, Vec<TenantRows>> {
        async move { rules::load_many(&mut *self.reader().await?, tenants).await }.boxed()
    }

    fn tenants_after(&self, after: Option<TenantId>, limit: i64) -> Asked<'_, Vec<TenantId>> {
        async move { rules::tenants_after(&mut *self.reader().await?, after, limit).await }.boxed()
    }

    fn appointments<'a>(
        &'a self,
        tenant: TenantId,
        ids: &'a [AppointmentId],
    ) -> Asked<'a, Vec<Appointment>> {
        async move { appointments::find_all(&mut *self.reader().await?, tenant, ids).await }.boxed()
    }

    fn visits_of_patient(
        &self,
        tenant: TenantId,
        patient: PatientId,
    ) -> Asked<'_, Vec<Appointment>> {
        async move { appointments::of_patient(&mut *self.reader().await?, tenant, patient).await }
            .boxed()
    }

    fn visits_settled_on(&self, calendar: CalendarId) -> Asked<'_, BTreeSet<AppointmentId>> {
        async move { appointments::settled_on(&mut *self.reader().await?, calendar).await }.boxed()
    }

    fn visits_led_by(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        range: Span,
        limit: i64,
    ) -> Asked<'_, Vec<Appointment>> {
        async move {
            let mut connection = self.reader().await?;
            appointments::led_by(&mut connection, tenant, provider, range, limit).await
        }
        .boxed()
    }

    fn visits_overrunning(
        &self,
        now: Minute,
        limit: i64,
    ) -> Asked<'_, Vec<(TenantId, AppointmentId)>> {
        async move { appointments::overrunning(&mut *self.reader().await?, now, limit).await }
            .boxed()
    }

    fn series(
        &self,
        tenant: TenantId,
        id: SeriesId,
    ) -> Asked<'_, Option<(Series, Vec<Appointment>)>> {
        async move {
            let mut connection = self.reader().await?;
            let Some(found) = series::find(&mut connection, tenant, id).await? else {
                return Ok(None);
            };
            let visits = appointments::of_series(&mut connection, tenant, id).await?;
            Ok(Some((found, visits)))
        }
        .boxed()
    }

    fn block(&self, tenant: TenantId, id: BlockId) -> Asked<'_, Option<(Block, Vec<BlockClaim>)>> {
        async move {
            let mut connection = self.reader().await?;
            let Some(found) = blocks::find(&mut connection, tenant, id).await? else {
                return Ok(None);
            };
            let claims = blocks::claims(&mut connection, &[id], None).await?;
            Ok(Some((found, claims)))
        }
        .boxed()
    }

    fn hold(&self, tenant: TenantId, id: HoldId) -> Asked<'_, Option<Stored>> {
        async move { holds::find(&mut *self.reader().await?, tenant, id).await }.boxed()
    }

    fn hold_with_token<'a>(
        &'a self,
        tenant: TenantId,
        token_hash: &'a [u8],
    ) -> Asked<'a, Option<Hold>> {
        async move { holds::with_token(&mut *self.reader().await?, tenant, token_hash).await }
            .boxed()
    }

    fn holds_expired(&self, limit: i64) -> Asked<'_, Vec<(TenantId, HoldId)>> {
        async move { holds::expired(&mut *self.reader().await?, limit).await }.boxed()
    }

    fn forget_holds(&self) -> Asked<'_, usize> {
        async {
            let before = Utc::now() - HOLDS_REMEMBERED;
            holds::forget_ended(&mut *self.reader().await?, before, HOLDS_FORGOTTEN).await
        }
        .boxed()
    }

    fn waiting(&self, tenant: TenantId) -> Asked<'_, Vec<Entry>> {
        async move { waitlist::waiting(&mut *self.reader().await?, tenant).await }.boxed()
    }

    fn offered(&self, tenant: TenantId, span: Span) -> Asked<'_, Vec<Offered>> {
        async move { waitlist::offered(&mut *self.reader().await?, tenant, span).await }.boxed()
    }

    fn patient_calendar(
        &self,
        tenant: TenantId,
        patient: PatientId,
    ) -> Asked<'_, Option<CalendarId>> {
        async move {
            let mut connection = self.reader().await?;
            let found = waitlist::patient_calendars(&mut connection, tenant, &[patient]).await?;
            Ok(found.first().map(|(_, calendar)| *calendar))
        }
        .boxed()
    }

    fn latest_offer(&self, tenant: TenantId, entry: EntryId) -> Asked<'_, Option<OpenOffer>> {
        async move { waitlist::latest_offer(&mut *self.reader().await?, tenant, entry).await }
            .boxed()
    }
}
