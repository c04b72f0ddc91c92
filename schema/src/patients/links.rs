//! One person's record with several practices: taken on with proof, asked for, handed over, merged.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Date, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::ids::{PatientId, TenantId};

type SqlUuid = diesel::sql_types::Uuid;

#[diesel::declare_sql_function]
extern "SQL" {
    fn link_patient(
        tenant: SqlUuid,
        email: Nullable<Text>,
        phone: Nullable<Text>,
        born: Date,
    ) -> Nullable<SqlUuid>;
    fn answer_patient_link(
        token: Nullable<Bytea>,
        request: Nullable<SqlUuid>,
        accepts: Bool,
    ) -> Nullable<Text>;
    fn transfer_patient(from: SqlUuid, to: SqlUuid, patient: SqlUuid, stays: Bool) -> Text;
    fn patient_merge_obstacle(tenant: SqlUuid, kept: SqlUuid, removed: SqlUuid) -> Nullable<Text>;
}

/// Takes on the one record with that birth date and all that is given of address and number.
///
/// # Errors
/// When the database cannot be written.
pub async fn link(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    email: Option<&str>,
    phone: Option<&str>,
    born: NaiveDate,
) -> QueryResult<Option<PatientId>> {
    diesel::select(link_patient(tenant, email, phone, born))
        .get_result(connection)
        .await
}

/// What is known of somebody: their address, or else their number, and their birth date.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub email: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub born: NaiveDate,
}

/// As [`link`] for many at once; answers whom it found, by their place in `given`.
///
/// # Errors
/// When the database cannot be written.
pub async fn link_many(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    given: &[Known<'_>],
) -> QueryResult<Vec<(usize, PatientId)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        place: i64,
        #[diesel(sql_type = SqlUuid)]
        patient_id: PatientId,
    }
    let emails: Vec<Option<&str>> = given.iter().map(|known| known.email).collect();
    let phones: Vec<Option<&str>> = given.iter().map(|known| known.phone).collect();
    let births: Vec<NaiveDate> = given.iter().map(|known| known.born).collect();
    let rows: Vec<Row> = diesel::sql_query("SELECT * FROM link_patients($1, $2, $3, $4)")
        .bind::<SqlUuid, _>(tenant)
        .bind::<Array<Nullable<Text>>, _>(emails)
        .bind::<Array<Nullable<Text>>, _>(phones)
        .bind::<Array<Date>, _>(births)
        .load(connection)
        .await?;
    // The database counts from 1.
    let place = |row: Row| Some((usize::try_from(row.place - 1).ok()?, row.patient_id));
    Ok(rows.into_iter().filter_map(place).collect())
}

/// A question that somebody is asked by mail.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Asked {
    #[diesel(sql_type = Bytea)]
    pub token_hash: Vec<u8>,
    #[diesel(sql_type = Text)]
    pub first_name: String,
}

/// Asks the people behind an address whether the practice may see their records; at most as many
/// as there are tokens.
///
/// # Errors
/// When the database cannot be written.
pub async fn request(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    email: &str,
    token_hashes: &[Vec<u8>],
    until: DateTime<Utc>,
) -> QueryResult<Vec<Asked>> {
    let ids: Vec<Uuid> = token_hashes.iter().map(|_| Uuid::now_v7()).collect();
    diesel::sql_query("SELECT * FROM request_patient_links($1, $2, $3, $4, $5)")
        .bind::<SqlUuid, _>(tenant)
        .bind::<Text, _>(email)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Array<Bytea>, _>(token_hashes)
        .bind::<Timestamptz, _>(until)
        .load(connection)
        .await
}

/// What the bearer of a mailed token is asked.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Question {
    #[diesel(sql_type = Text)]
    pub practice: String,
    #[diesel(sql_type = Text)]
    pub first_name: String,
    /// `open`, `accepted`, `declined` or `expired`.
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
}

/// The question behind a token.
///
/// # Errors
/// When the database cannot be read.
pub async fn question(
    connection: &mut AsyncPgConnection,
    token_hash: &[u8],
) -> QueryResult<Option<Question>> {
    diesel::sql_query("SELECT * FROM patient_link_request($1)")
        .bind::<Bytea, _>(token_hash)
        .get_result(connection)
        .await
        .optional()
}

/// An open question to the transaction's user.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct OpenQuestion {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Text)]
    pub practice: String,
    #[diesel(sql_type = Text)]
    pub first_name: String,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
}

/// What the transaction's user is asked and has not answered.
///
/// # Errors
/// When the database cannot be read.
pub async fn open_questions(connection: &mut AsyncPgConnection) -> QueryResult<Vec<OpenQuestion>> {
    diesel::sql_query("SELECT * FROM my_patient_link_requests()")
        .load(connection)
        .await
}

/// Whose answer it is.
#[derive(Clone, Copy, Debug)]
pub enum Answerer<'a> {
    /// The bearer of the token with that hash.
    Token(&'a [u8]),
    /// The account of the asked record, which the transaction acts for.
    Account(Uuid),
}

/// Answers a question. `None`: there is none for this answerer. Otherwise what holds now:
/// `accepted`, `declined`, `expired`, or `full` where the practice's plan allows no more.
///
/// # Errors
/// When the database cannot be written.
pub async fn answer(
    connection: &mut AsyncPgConnection,
    answerer: Answerer<'_>,
    accepts: bool,
) -> QueryResult<Option<String>> {
    let (token, request) = match answerer {
        Answerer::Token(hash) => (Some(hash), None),
        Answerer::Account(id) => (None, Some(id)),
    };
    diesel::select(answer_patient_link(token, request, accepts))
        .get_result(connection)
        .await
}

/// What became of handing a patient over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transferred {
    Done,
    /// The patient is not the giving practice's.
    NoPatient,
    /// There is no such other practice, or it takes nobody.
    NoPractice,
    /// The other practice's plan allows no more.
    Full,
}

/// Begins the relation to `to` and, unless the patient `stays`, ends the one to `from`.
///
/// # Errors
/// When the database cannot be written.
pub async fn transfer(
    connection: &mut AsyncPgConnection,
    from: TenantId,
    to: TenantId,
    patient: PatientId,
    stays: bool,
) -> QueryResult<Transferred> {
    let outcome: String = diesel::select(transfer_patient(from, to, patient, stays))
        .get_result(connection)
        .await?;
    Ok(match outcome.as_str() {
        "done" => Transferred::Done,
        "no_practice" => Transferred::NoPractice,
        "full" => Transferred::Full,
        _ => Transferred::NoPatient,
    })
}

/// Why two records may not become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// One of them is not the practice's.
    NotFound,
    /// The one to be removed is another practice's too.
    SharedRecord,
    /// Its account would come to see another practice's visits, or both have one.
    Account,
    /// They have been merged.
    Merged,
}

/// What stands against removing one record in favour of the other, appointments apart.
///
/// # Errors
/// When the database cannot be read.
pub async fn merge_obstacle(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    kept: PatientId,
    removed: PatientId,
) -> QueryResult<Option<Obstacle>> {
    let obstacle: Option<String> = diesel::select(patient_merge_obstacle(tenant, kept, removed))
        .get_result(connection)
        .await?;
    Ok(obstacle.map(|name| match name.as_str() {
        "shared_record" => Obstacle::SharedRecord,
        "account" => Obstacle::Account,
        "merged" => Obstacle::Merged,
        _ => Obstacle::NotFound,
    }))
}
