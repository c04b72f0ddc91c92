//! Whoever books in public says who they are. They become a patient of the practice, or are found
//! to be one, and cannot tell which: both ways do the same work and give the same answer.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Date, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use garde::Validate;
use schema::calendars::{self, Kind};
use schema::ids::{AppointmentId, CalendarId, HoldId, PatientId, TenantId};
use schema::schema::{patient_dentists, patients, public_bookings};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::{FieldError, Problem};
use crate::rest::patients::{
    check_date_of_birth, check_email, check_name, check_phone, country, e164, lower_email, tidy,
};

/// Who wants the visit. An e-mail address or a phone number is needed.
#[derive(Clone, Debug, Deserialize, Serialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Applicant {
    #[garde(custom(check_name))]
    pub first_name: String,
    #[garde(custom(check_name))]
    pub last_name: String,
    #[serde(default)]
    #[garde(inner(custom(check_email)))]
    pub email: Option<String>,
    /// International, with `+` and the country's code.
    #[serde(default)]
    #[garde(inner(custom(check_phone)))]
    #[schema(example = "+593 99 123 4567")]
    pub phone: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(check_date_of_birth)))]
    pub date_of_birth: Option<NaiveDate>,
}

/// An applicant in the form in which the database keeps people.
#[derive(Clone, Debug)]
pub struct Tidied {
    pub first_name: String,
    pub last_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub date_of_birth: Option<NaiveDate>,
}

/// The patient that a booking is for.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub patient: PatientId,
    pub calendar: CalendarId,
}

impl Applicant {
    /// Tidied, with at least one way to reach them. Numbers without a country are of the practice's
    /// `zone`.
    ///
    /// # Errors
    /// 422.
    pub fn tidied(&self, zone: &str) -> Result<Tidied, Problem> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let (email, phone) = (given(&self.email), given(&self.phone));
        if email.is_none() && phone.is_none() {
            return Err(Problem::validation(vec![FieldError {
                field: "patient.email".to_owned(),
                message: "an e-mail address or a phone number is needed".to_owned(),
            }]));
        }
        Ok(Tidied {
            first_name: tidy(&self.first_name),
            last_name: tidy(&self.last_name),
            email: email.as_deref().map(lower_email),
            phone: phone
                .as_deref()
                .map(|phone| e164(phone, country(zone)))
                .transpose()?,
            date_of_birth: self.date_of_birth,
        })
    }

    /// Names what was said without saying it: what a repeated command is compared by.
    #[must_use]
    pub fn digest(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(Sha256::digest(text))
    }
}

/// The ids that a hold's booking has: the same again when it is repeated.
fn derived(hold: HoldId, what: &str) -> Uuid {
    Uuid::new_v5(&hold.0, what.as_bytes())
}

/// The appointment that a hold becomes.
#[must_use]
pub fn appointment_of(hold: HoldId) -> AppointmentId {
    AppointmentId(derived(hold, "appointment"))
}

/// The new record that a booking makes.
#[must_use]
pub fn record_of(hold: HoldId) -> Found {
    Found {
        patient: PatientId(derived(hold, "patient")),
        calendar: CalendarId(derived(hold, "calendar")),
    }
}

/// Refuses a practice's guests while its plan allows no new patient. Also those whom it knows: two
/// answers would tell who they are (decision 0062).
///
/// # Errors
/// 422 `plan_limit`.
pub async fn require_room(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
) -> Result<(), Problem> {
    match schema::patients::room(connection, tenant).await? {
        Some(room) if room <= 0 => Err(Problem::new(
            actix_web::http::StatusCode::UNPROCESSABLE_ENTITY,
            "plan_limit",
            "The practice takes no bookings online at present: call it.",
        )),
        _ => Ok(()),
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    bookings: i64,
}

/// Keeps a place among the unverified bookings of an address or number. Two at once take turns.
///
/// # Errors
/// 422 `hold_limit` when there are as many as there may be.
pub async fn keep_place(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    hold: HoldId,
    who: &Tidied,
    manage_hash: &[u8],
    max: u32,
) -> Result<(), Problem> {
    let mut names: Vec<String> = [("email", &who.email), ("phone", &who.phone)]
        .into_iter()
        .filter_map(|(kind, value)| Some(format!("{tenant} {kind} {}", value.as_ref()?)))
        .collect();
    names.sort();
    diesel::sql_query(
        "SELECT pg_advisory_xact_lock(k) FROM (SELECT DISTINCT hashtextextended(name, 0) AS k \
         FROM unnest($1) AS name ORDER BY 1 OFFSET 0) AS names",
    )
    .bind::<Array<Text>, _>(names)
    .execute(connection)
    .await?;
    let appointment = appointment_of(hold);
    let counted: Count = diesel::sql_query(
        "SELECT count(*) AS bookings FROM public_bookings b \
         LEFT JOIN appointments a ON a.tenant_id = b.tenant_id AND a.id = b.appointment_id \
         WHERE b.tenant_id = $1 AND b.appointment_id <> $2 AND b.verified_at IS NULL \
         AND (b.email = $3 OR b.phone = $4) \
         AND CASE WHEN a.id IS NULL THEN b.created_at > now() - interval '1 minute' \
             ELSE a.status = 'scheduled' AND a.start_at > now() END",
    )
    .bind::<diesel::sql_types::Uuid, _>(tenant)
    .bind::<diesel::sql_types::Uuid, _>(appointment)
    .bind::<Nullable<Text>, _>(who.email.as_deref())
    .bind::<Nullable<Text>, _>(who.phone.as_deref())
    .get_result(connection)
    .await?;
    if counted.bookings >= i64::from(max) {
        return Err(Problem::new(
            actix_web::http::StatusCode::UNPROCESSABLE_ENTITY,
            "hold_limit",
            "There are as many unconfirmed bookings for this address or number as there may be.",
        ));
    }
    diesel::insert_into(public_bookings::table)
        .values((
            public_bookings::appointment_id.eq(appointment),
            public_bookings::tenant_id.eq(tenant),
            public_bookings::manage_token_hash.eq(manage_hash),
            public_bookings::email.eq(&who.email),
            public_bookings::phone.eq(&who.phone),
        ))
        .on_conflict(public_bookings::appointment_id)
        .do_nothing()
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives the place back: nothing was booked.
///
/// # Errors
/// The database's own.
pub async fn give_up_place(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    hold: HoldId,
) -> Result<(), Problem> {
    diesel::delete(
        public_bookings::table
            .filter(public_bookings::tenant_id.eq(tenant))
            .filter(public_bookings::appointment_id.eq(appointment_of(hold))),
    )
    .execute(connection)
    .await?;
    // A record that nobody booked for is nobody's patient.
    diesel::update(relation_of(tenant, hold))
        .set((
            patient_dentists::status.eq("ended"),
            patient_dentists::ended_on.eq(patient_dentists::started_on.nullable()),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// The practice's relation to the record that a hold's booking has made.
#[diesel::dsl::auto_type]
fn relation_of(tenant: TenantId, hold: HoldId) -> _ {
    let patient: PatientId = record_of(hold).patient;
    patient_dentists::table
        .filter(patient_dentists::tenant_id.eq(tenant))
        .filter(patient_dentists::patient_id.eq(patient))
}

#[derive(QueryableByName)]
struct Match {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: PatientId,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    calendar_id: CalendarId,
}

/// The practice's patient who is the applicant: the same name, and the same address or number, and
/// no other date of birth. Only within the practice: what somebody types says nothing of who they
/// are elsewhere.
async fn known(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    who: &Tidied,
    but: PatientId,
) -> QueryResult<Option<Found>> {
    let found: Option<Match> = diesel::sql_query(
        "SELECT p.id, p.calendar_id FROM patients p \
         JOIN patient_dentists r ON r.patient_id = p.id AND r.tenant_id = $1 AND r.status = 'active' \
         WHERE (p.email = $2 OR p.phone = $3) AND p.id <> $7 \
         AND fold_text(p.first_name) = fold_text($4) AND fold_text(p.last_name) = fold_text($5) \
         AND (p.date_of_birth = $6 OR p.date_of_birth IS NULL OR $6 IS NULL) \
         ORDER BY p.created_at, p.id LIMIT 1",
    )
    .bind::<diesel::sql_types::Uuid, _>(tenant)
    .bind::<Nullable<Text>, _>(who.email.as_deref())
    .bind::<Nullable<Text>, _>(who.phone.as_deref())
    .bind::<Text, _>(&who.first_name)
    .bind::<Text, _>(&who.last_name)
    .bind::<Nullable<Date>, _>(who.date_of_birth)
    .bind::<diesel::sql_types::Uuid, _>(but)
    .get_result(connection)
    .await
    .optional()?;
    Ok(found.map(|found| Found {
        patient: found.id,
        calendar: found.calendar_id,
    }))
}

/// A record for the applicant. It is made either way and taken back where they are known, so that
/// both take as long. `is_free` tells whether a known patient could come: who could not is recorded
/// anew, or the refusal would tell that they are known.
///
/// # Errors
/// The database's own.
pub async fn record(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    hold: HoldId,
    who: &Tidied,
    is_free: impl AsyncFn(CalendarId) -> Result<bool, Problem>,
) -> Result<Found, Problem> {
    let new = record_of(hold);
    // A repeated attempt finds the record that the one before it has made.
    let made = diesel::update(relation_of(tenant, hold))
        .set((
            patient_dentists::status.eq("active"),
            patient_dentists::ended_on.eq(None::<NaiveDate>),
        ))
        .execute(connection)
        .await?;
    if made == 1 {
        return Ok(new);
    }
    connection.batch_execute("SAVEPOINT new_record").await?;
    calendars::create(connection, new.calendar, Kind::Patient, None).await?;
    diesel::insert_into(patients::table)
        .values((
            patients::id.eq(new.patient),
            patients::calendar_id.eq(new.calendar),
            patients::first_name.eq(&who.first_name),
            patients::last_name.eq(&who.last_name),
            patients::email.eq(&who.email),
            patients::phone.eq(&who.phone),
            patients::date_of_birth.eq(who.date_of_birth),
        ))
        .execute(connection)
        .await?;
    diesel::insert_into(patient_dentists::table)
        .values((
            patient_dentists::tenant_id.eq(tenant),
            patient_dentists::patient_id.eq(new.patient),
        ))
        .execute(connection)
        .await?;
    let known = known(connection, tenant, who, new.patient).await?;
    if let Some(known) = known
        && is_free(known.calendar).await?
    {
        connection
            .batch_execute("ROLLBACK TO SAVEPOINT new_record")
            .await?;
        return Ok(known);
    }
    connection
        .batch_execute("RELEASE SAVEPOINT new_record")
        .await?;
    Ok(new)
}
