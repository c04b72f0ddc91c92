//! What the engine asks of the database. [`Postgres`] answers everybody who is served; the
//! simulation has a store of its own, which does on purpose what a database does on a bad day.
//!
//! A store keeps what `schema::commit` promises: a batch commits whole or not at all, fenced by the
//! versions of its calendars and rules; events are numbered in the order of the commits; a key is
//! used once; no two bookings of a calendar overlap.

mod postgres;

use std::collections::{BTreeSet, HashMap};

use diesel::QueryResult;
use futures_util::future::BoxFuture;
use schema::blocks::BlockClaim;
use schema::calendars::Loaded;
use schema::commit::{Answer, Change, CommitError, Committed, InDoubt, Key};
use schema::holds::Stored;
use schema::ids::{
    AppointmentId, BlockId, CalendarId, ClaimId, EntryId, HoldId, PatientId, ProviderId, SeriesId,
    TenantId,
};
use schema::in_doubt;
use schema::log::{Horizon, News};
use schema::models::appointment::Appointment;
use schema::models::block::Block;
use schema::models::claim::Event;
use schema::models::hold::Hold;
use schema::models::series::Series;
use schema::models::waitlist::{Entry, Offered};
use schema::present::{self, Present};
use schema::rules::TenantRows;
use schema::span::{Minute, Span};
use schema::waitlist::OpenOffer;
use uuid::Uuid;

pub use postgres::Postgres;

/// An answer on its way; an error when the database is away.
pub type Asked<'a, T> = BoxFuture<'a, QueryResult<T>>;

/// One connection: a writer's, or the poller's.
pub trait Session: Send {
    /// See [`schema::commit::commit`].
    fn commit<'a>(
        &'a mut self,
        node: Uuid,
        fence: &'a HashMap<CalendarId, i64>,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Committed, CommitError>>;

    /// See [`in_doubt::outcome`].
    fn outcome<'a>(&'a mut self, doubt: &'a InDoubt) -> Asked<'a, in_doubt::Outcome>;

    /// `log::horizon`. Horizons of one session are in the order of time; a session that ends may
    /// have ended with the server, whose numbers then begin again a little earlier.
    fn horizon(&mut self) -> Asked<'_, Horizon>;
    /// `log::news`
    fn news(&mut self, since: Horizon, node: Uuid) -> Asked<'_, News>;
}

/// The database, as one process sees it. Each method is the function of `schema` that its comment
/// names; what is not said here is said there.
pub trait Store: Send + Sync {
    /// A fresh session; the one before it may be dead.
    fn session(&self) -> Asked<'_, Box<dyn Session>>;

    /// `idempotency::find`
    fn answer<'a>(&'a self, key: &'a Key) -> Asked<'a, Option<(Answer, Vec<u8>)>>;

    /// `calendars::load`
    fn calendars<'a>(&'a self, ids: &'a [CalendarId]) -> Asked<'a, Vec<Loaded>>;
    /// `calendars::versions`
    fn versions<'a>(&'a self, ids: &'a [CalendarId]) -> Asked<'a, Vec<(CalendarId, i64)>>;
    /// `calendars::bookable_after`
    fn bookable_after(&self, after: Option<CalendarId>, limit: i64) -> Asked<'_, Vec<CalendarId>>;
    /// `calendars::external_claims`
    fn external_claims<'a>(
        &'a self,
        calendar: CalendarId,
        source: &'a str,
    ) -> Asked<'a, Vec<(ClaimId, Span)>>;

    /// `log::after`
    fn events_after(&self, calendar: CalendarId, after: i64, limit: i64) -> Asked<'_, Vec<Event>>;

    /// `present::read`
    fn present<'a>(&'a self, asked: &'a present::Asked) -> Asked<'a, Present>;

    /// `rules::load_many`
    fn rules<'a>(&'a self, tenants: &'a [TenantId]) -> Asked<'a, Vec<TenantRows>>;
    /// `rules::tenants_after`
    fn tenants_after(&self, after: Option<TenantId>, limit: i64) -> Asked<'_, Vec<TenantId>>;

    /// `appointments::find_all`
    fn appointments<'a>(
        &'a self,
        tenant: TenantId,
        ids: &'a [AppointmentId],
    ) -> Asked<'a, Vec<Appointment>>;
    /// `appointments::of_patient`
    fn visits_of_patient(
        &self,
        tenant: TenantId,
        patient: PatientId,
    ) -> Asked<'_, Vec<Appointment>>;
    /// `appointments::settled_on`
    fn visits_settled_on(&self, calendar: CalendarId) -> Asked<'_, BTreeSet<AppointmentId>>;
    /// `appointments::led_by`
    fn visits_led_by(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        range: Span,
        limit: i64,
    ) -> Asked<'_, Vec<Appointment>>;
    /// `appointments::overrunning`
    fn visits_overrunning(
        &self,
        now: Minute,
        limit: i64,
    ) -> Asked<'_, Vec<(TenantId, AppointmentId)>>;

    /// `series::find`, with `appointments::of_series`
    fn series(
        &self,
        tenant: TenantId,
        id: SeriesId,
    ) -> Asked<'_, Option<(Series, Vec<Appointment>)>>;
    /// `blocks::find`, with `blocks::claims`
    fn block(&self, tenant: TenantId, id: BlockId) -> Asked<'_, Option<(Block, Vec<BlockClaim>)>>;

    /// `holds::find`
    fn hold(&self, tenant: TenantId, id: HoldId) -> Asked<'_, Option<Stored>>;
    /// `holds::with_token`
    fn hold_with_token<'a>(
        &'a self,
        tenant: TenantId,
        token_hash: &'a [u8],
    ) -> Asked<'a, Option<Hold>>;
    /// `holds::expired`
    fn holds_expired(&self, limit: i64) -> Asked<'_, Vec<(TenantId, HoldId)>>;
    /// `holds::forget_ended`, of those that ended longer ago than anybody asks about
    fn forget_holds(&self) -> Asked<'_, usize>;

    /// `waitlist::waiting`
    fn waiting(&self, tenant: TenantId) -> Asked<'_, Vec<Entry>>;
    /// `waitlist::offered`
    fn offered(&self, tenant: TenantId, span: Span) -> Asked<'_, Vec<Offered>>;
    /// `waitlist::patient_calendars`, of one
    fn patient_calendar(
        &self,
        tenant: TenantId,
        patient: PatientId,
    ) -> Asked<'_, Option<CalendarId>>;
    /// `waitlist::latest_offer`
    fn latest_offer(&self, tenant: TenantId, entry: EntryId) -> Asked<'_, Option<OpenOffer>>;
}
