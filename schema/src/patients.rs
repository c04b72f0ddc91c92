//! A practice's patients: the database's own functions for finding them, telling them apart and
//! moving them between practices. All of them act for a practice of the transaction and see no
//! further than their question; see `migrations/*_patient_records` and `*_links_and_merges`.

pub mod links;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Date, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::ids::{CalendarId, PatientId, TenantId};

type SqlUuid = diesel::sql_types::Uuid;

/// Which of a practice's patients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Those who are treated.
    Active,
    /// Kept, out of the lists.
    Archived,
    /// Those who have left.
    Ended,
    All,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
            Self::Ended => "ended",
            Self::All => "all",
        }
    }
}

/// A search in a practice's patients.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    pub tenant: TenantId,
    /// Words of a name, an e-mail address, a phone number; none finds everybody.
    pub query: &'a str,
    pub state: State,
    /// Whether words may be misspelt.
    pub nearest: bool,
    /// The last one of the page before.
    pub after: Option<&'a Found>,
    pub limit: i64,
}

/// A patient that was found, with their place in the answer.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Found {
    #[diesel(sql_type = SqlUuid)]
    pub patient_id: PatientId,
    /// 0: every word begins a word of theirs; 1: is within; above: how far it is from one.
    #[diesel(sql_type = Integer)]
    pub rank: i32,
    /// Last name, first name, without accents and capitals.
    #[diesel(sql_type = Text)]
    pub sort_name: String,
}

/// The patients that a search finds, by rank and name.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    connection: &mut AsyncPgConnection,
    search: &Search<'_>,
) -> QueryResult<Vec<Found>> {
    diesel::sql_query("SELECT * FROM find_patients($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind::<SqlUuid, _>(search.tenant)
        .bind::<Text, _>(search.query)
        .bind::<Text, _>(search.state.name())
        .bind::<Bool, _>(search.nearest)
        .bind::<Nullable<Integer>, _>(search.after.map(|found| found.rank))
        .bind::<Nullable<Text>, _>(search.after.map(|found| found.sort_name.as_str()))
        .bind::<Nullable<SqlUuid>, _>(search.after.map(|found| found.patient_id))
        .bind::<Integer, _>(i32::try_from(search.limit).unwrap_or(i32::MAX))
        .load(connection)
        .await
}

/// What makes two records look like one person's.
#[derive(Clone, Copy, Debug)]
pub struct Likeness<'a> {
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub email: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub date_of_birth: Option<NaiveDate>,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    patient_id: PatientId,
}

/// The practice's patients who may be that person.
///
/// # Errors
/// When the database cannot be read.
pub async fn duplicates(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    of: &Likeness<'_>,
) -> QueryResult<Vec<PatientId>> {
    let rows: Vec<Id> =
        diesel::sql_query("SELECT * FROM patient_duplicates($1, $2, $3, $4, $5, $6)")
            .bind::<SqlUuid, _>(tenant)
            .bind::<Text, _>(of.first_name)
            .bind::<Text, _>(of.last_name)
            .bind::<Nullable<Text>, _>(of.email)
            .bind::<Nullable<Text>, _>(of.phone)
            .bind::<Nullable<Date>, _>(of.date_of_birth)
            .load(connection)
            .await?;
    Ok(rows.into_iter().map(|row| row.patient_id).collect())
}

/// A patient of the practice, as far as an import tells people apart.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Candidate {
    #[diesel(sql_type = SqlUuid)]
    pub patient_id: PatientId,
    #[diesel(sql_type = Text)]
    pub sort_name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub phone: Option<String>,
    #[diesel(sql_type = Nullable<Date>)]
    pub date_of_birth: Option<NaiveDate>,
}

/// The practice's patients with one of these addresses, numbers or (folded) names.
///
/// # Errors
/// When the database cannot be read.
pub async fn candidates(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    emails: &[&str],
    phones: &[&str],
    names: &[String],
) -> QueryResult<Vec<Candidate>> {
    diesel::sql_query("SELECT * FROM patient_candidates($1, $2, $3, $4)")
        .bind::<SqlUuid, _>(tenant)
        .bind::<Array<Text>, _>(emails)
        .bind::<Array<Text>, _>(phones)
        .bind::<Array<Text>, _>(names)
        .load(connection)
        .await
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    sort_name: String,
}

/// The names as records are ordered by, in the order given.
///
/// # Errors
/// When the database cannot be read.
pub async fn sort_names(
    connection: &mut AsyncPgConnection,
    first: &[&str],
    last: &[&str],
) -> QueryResult<Vec<String>> {
    let rows: Vec<Name> = diesel::sql_query(
        "SELECT patient_sort_name(first, last) AS sort_name \
         FROM unnest($1, $2) WITH ORDINALITY AS n (first, last, place) ORDER BY place",
    )
    .bind::<Array<Text>, _>(first)
    .bind::<Array<Text>, _>(last)
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.sort_name).collect())
}

/// What a practice knows of a patient; of one who has left, what its calendar says.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Card {
    #[diesel(sql_type = SqlUuid)]
    pub tenant_id: TenantId,
    #[diesel(sql_type = SqlUuid)]
    pub patient_id: PatientId,
    #[diesel(sql_type = Text)]
    pub first_name: String,
    #[diesel(sql_type = Text)]
    pub last_name: String,
    #[diesel(sql_type = SqlUuid)]
    pub calendar_id: CalendarId,
    /// Whether the relation lasts.
    #[diesel(sql_type = Bool)]
    pub active: bool,
    /// Since when they are out of the practice's lists. This and what follows is told only while
    /// the relation lasts.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub archived_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub phone: Option<String>,
    #[diesel(sql_type = Nullable<Date>)]
    pub date_of_birth: Option<NaiveDate>,
}

/// The cards of patients, each of the practice at the same place of `tenants`, for all of which the
/// transaction must act; strangers are absent from the answer.
///
/// # Errors
/// When the database cannot be read.
pub async fn cards(
    connection: &mut AsyncPgConnection,
    tenants: &[TenantId],
    wanted: &[PatientId],
) -> QueryResult<Vec<Card>> {
    diesel::sql_query("SELECT * FROM patient_cards($1, $2)")
        .bind::<Array<SqlUuid>, _>(tenants)
        .bind::<Array<SqlUuid>, _>(wanted)
        .load(connection)
        .await
}

/// As [`cards`], by one statement that acts for those practices itself: no transaction is begun and
/// ended around it.
///
/// # Errors
/// When the database cannot be read.
pub async fn cards_alone(
    connection: &mut AsyncPgConnection,
    tenants: &[TenantId],
    wanted: &[PatientId],
) -> QueryResult<Vec<Card>> {
    let mut acting: Vec<String> = tenants.iter().map(ToString::to_string).collect();
    acting.dedup();
    // The function's arguments need the setting's outcome: it is set before the function looks.
    diesel::sql_query(
        "SELECT cards.* FROM (SELECT set_config('app.tenants', $1, true)) AS acting (tenants), \
         patient_cards(CASE WHEN acting.tenants = $1 THEN $2 END, $3) AS cards",
    )
    .bind::<Text, _>(acting.join(","))
    .bind::<Array<SqlUuid>, _>(tenants)
    .bind::<Array<SqlUuid>, _>(wanted)
    .load(connection)
    .await
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn patients_room(tenant: SqlUuid) -> Nullable<Integer>;
}

/// How many more patients the practice's plan allows; `None`: as many as there are. Others who ask
/// for the same practice wait until the transaction ends.
///
/// # Errors
/// When the database cannot be read.
pub async fn room(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
) -> QueryResult<Option<i32>> {
    diesel::select(patients_room(tenant))
        .get_result(connection)
        .await
}
