//! Accounts and what comes with them: making them, the secrets that are mailed to their owners, and
//! what a new practice starts with. The handlers are in `rest/`.

pub mod mailed;
pub mod password_rules;
pub mod practice;
mod treatments;

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::calendars::{self, Kind};
use schema::ids::{CalendarId, PatientId, UserId};
use schema::schema::{memberships, patients, users};

use crate::rest::language::Language;

/// The account of an e-mail address, before anybody has shown to be its owner.
#[derive(QueryableByName)]
#[allow(missing_debug_implementations)] // has a hash of a secret
pub struct Login {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub id: UserId,
    /// Absent for accounts that sign in elsewhere.
    #[diesel(sql_type = Nullable<Text>)]
    pub password_hash: Option<String>,
}

/// The account of an e-mail address, whoever asks.
///
/// # Errors
/// The database's own.
pub async fn by_email(
    connection: &mut AsyncPgConnection,
    email: &str,
) -> QueryResult<Option<Login>> {
    diesel::sql_query("SELECT * FROM lookup_login($1)")
        .bind::<Text, _>(email)
        .get_result(connection)
        .await
        .optional()
}

/// What e-mails to an account need.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
#[allow(missing_debug_implementations)] // a person
pub struct Owner {
    pub email: String,
    pub name: String,
    locale: String,
    pub email_verified_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl Owner {
    /// What they read.
    #[must_use]
    pub fn language(&self) -> Language {
        Language::named(&self.locale)
    }
}

/// The owner of the account, in a transaction of theirs.
///
/// # Errors
/// The database's own.
pub async fn owner(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<Owner> {
    users::table
        .find(user)
        .select(Owner::as_select())
        .first(connection)
        .await
}

/// An account to be made.
#[allow(missing_debug_implementations)] // has a hash of a secret
pub struct NewAccount<'a> {
    pub id: UserId,
    /// In lower case.
    pub email: &'a str,
    pub name: &'a str,
    pub password_hash: Option<&'a str>,
    pub language: Language,
    /// Whether a sign-in service has vouched for the address.
    pub verified: bool,
}

/// Makes an account, in a transaction of its user.
///
/// # Errors
/// A unique violation when the address has one; see [`violates`].
pub async fn create(
    connection: &mut AsyncPgConnection,
    account: &NewAccount<'_>,
) -> QueryResult<()> {
    diesel::insert_into(users::table)
        .values((
            users::id.eq(account.id),
            users::email.eq(account.email),
            users::name.eq(account.name),
            users::password_hash.eq(account.password_hash),
            users::locale.eq(account.language.locale()),
            users::email_verified_at.eq(account.verified.then(chrono::Utc::now)),
        ))
        .execute(connection)
        .await
        .map(drop)
}

/// A person's own record, before any practice knows them.
#[allow(missing_debug_implementations)] // a person
pub struct OwnRecord<'a> {
    pub user: UserId,
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub email: &'a str,
    pub phone: Option<&'a str>,
    pub date_of_birth: Option<chrono::NaiveDate>,
}

/// Makes a person's own record.
///
/// # Errors
/// The database's own.
pub async fn create_record(
    connection: &mut AsyncPgConnection,
    record: &OwnRecord<'_>,
) -> QueryResult<()> {
    let calendar = CalendarId::new();
    calendars::create(connection, calendar, Kind::Patient, None).await?;
    diesel::insert_into(patients::table)
        .values((
            patients::id.eq(PatientId::new()),
            patients::calendar_id.eq(calendar),
            patients::user_id.eq(record.user),
            patients::first_name.eq(record.first_name),
            patients::last_name.eq(record.last_name),
            patients::email.eq(record.email),
            patients::phone.eq(record.phone),
            patients::date_of_birth.eq(record.date_of_birth),
        ))
        .execute(connection)
        .await
        .map(drop)
}

/// Whether `error` says that `constraint` stands in the way.
#[must_use]
pub fn violates(error: &DieselError, constraint: &str) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, information)
        if information.constraint_name() == Some(constraint))
}

/// The account's owner has shown that the address is theirs: the records that practices have of
/// them are theirs too. In a transaction of the user.
///
/// # Errors
/// The database's own.
pub async fn verified(connection: &mut AsyncPgConnection, user: UserId) -> QueryResult<()> {
    diesel::update(users::table.find(user))
        .filter(users::email_verified_at.is_null())
        .set(users::email_verified_at.eq(diesel::dsl::now))
        .execute(connection)
        .await?;
    diesel::sql_query("SELECT * FROM link_my_records()")
        .execute(connection)
        .await
        .map(drop)
}

/// Another registration with an address that nobody has confirmed yet: its password counts now.
/// Members of practices keep theirs: they sign in without having confirmed it. In a transaction of
/// the user.
///
/// # Errors
/// The database's own.
pub async fn register_again(
    connection: &mut AsyncPgConnection,
    user: UserId,
    name: &str,
    password_hash: &str,
) -> QueryResult<()> {
    let works: i64 = memberships::table
        .filter(memberships::user_id.eq(user))
        .count()
        .get_result(connection)
        .await?;
    if works == 0 {
        diesel::update(users::table.find(user))
            .filter(users::email_verified_at.is_null())
            .set((users::name.eq(name), users::password_hash.eq(password_hash)))
            .execute(connection)
            .await?;
    }
    Ok(())
}
