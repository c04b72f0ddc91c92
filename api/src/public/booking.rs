//! A guest's hold becomes a booking, and what a booking looks like to whoever has its token.

use actix_web::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use engine::command::hold::Confirm;
use engine::command::{Command, Done, PatientRef, Reply};
use engine::failure::Failure;
use engine::scheduling::rulebook::RuleBook;
use engine::tokens;
use garde::Validate;
use schema::ids::{
    AppointmentId, CalendarId, ClinicId, HoldId, OperatoryId, ProviderId, TenantId, TreatmentId,
};
use schema::models::appointment::{Appointment, Status};
use schema::span::Span;
use schema::tenancy::{self, Access};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::holds::{self, Holder};
use crate::mail::{self, Letter};
use crate::practices::Practice;
use crate::problem::Problem;
use crate::public::Guest;
use crate::public::applicant::{self, Applicant, Found, Tidied};
use crate::rest::language::Language;
use crate::wire::appointment::NOTES_CHARS_MAX;

/// Who books, and what they want to say.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicConfirmation {
    #[garde(dive)]
    pub patient: Applicant,
    #[garde(length(chars, max = NOTES_CHARS_MAX))]
    pub notes: Option<String>,
    /// Unless the header `X-Hold-Token` has it.
    #[garde(length(bytes, max = 200))]
    pub hold_token: Option<String>,
}

/// A booking, as whoever has its token sees it. It names no patient.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookingView {
    #[schema(value_type = Uuid)]
    pub id: AppointmentId,
    pub version: i64,
    #[schema(value_type = String)]
    pub status: Status,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    #[schema(value_type = Uuid)]
    pub dentist_id: ProviderId,
    pub dentist_name: String,
    #[schema(value_type = Uuid)]
    pub operatory_id: OperatoryId,
    #[schema(value_type = Option<Uuid>)]
    pub clinic_id: Option<ClinicId>,
    #[schema(value_type = Uuid)]
    pub treatment_id: TreatmentId,
    pub treatment_name: String,
    pub practice: PracticeName,
    /// Until then it can be cancelled and moved without calling.
    pub changeable_until: DateTime<Utc>,
    pub changeable: bool,
    /// The key to this booking: keep it. Only in the answer to whoever booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manage_token: Option<String>,
}

/// Where the booking is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PracticeName {
    pub name: String,
    pub subdomain: String,
    /// IANA name.
    pub zone: String,
}

impl BookingView {
    /// An appointment as its token shows it.
    #[must_use]
    pub fn of(
        appointment: &Appointment,
        rules: &RuleBook,
        practice: &Practice,
        language: Language,
        now: DateTime<Utc>,
    ) -> Self {
        let start = appointment.span.start().to_utc();
        let until = start - TimeDelta::minutes(rules.policy.cancellation_min);
        let waits = matches!(appointment.status, Status::Scheduled | Status::Confirmed);
        let treatment = rules.treatments.get(&appointment.treatment);
        let dentist = rules.providers.get(&appointment.provider);
        let operatory = rules.operatories.get(&appointment.operatory);
        Self {
            id: appointment.id,
            version: appointment.version,
            status: appointment.status,
            start,
            end: appointment.span.end().to_utc(),
            dentist_id: appointment.provider,
            dentist_name: dentist.map_or_else(String::new, |dentist| dentist.name.clone()),
            operatory_id: appointment.operatory,
            clinic_id: operatory.map(|operatory| operatory.clinic),
            treatment_id: appointment.treatment,
            treatment_name: treatment.map_or_else(String::new, |treatment| {
                language.pick(&treatment.name_es, &treatment.name_en)
            }),
            practice: PracticeName {
                name: practice.name.clone(),
                subdomain: practice.subdomain.clone(),
                zone: practice.zone.clone(),
            },
            changeable_until: until,
            changeable: waits && now < until,
            manage_token: None,
        }
    }
}

/// The appointment that a command has left, as its holder sees it, with the token.
///
/// # Errors
/// 500 for the answer of a command that is not about an appointment; 503 without a database.
pub async fn view(
    app: &App,
    practice: &Practice,
    language: Language,
    reply: &Reply,
) -> Result<BookingView, Problem> {
    let Done::Appointment(appointment) = &reply.done else {
        return Err(Problem::internal("not the answer of an appointment"));
    };
    let rules = app.engine.rules(practice.tenant).await?;
    let now = app.engine.clock().now();
    let mut view = BookingView::of(appointment, &rules, practice, language, now);
    view.manage_token = Some(app.engine.tokens().manage(appointment.id));
    Ok(view)
}

fn access(tenant: TenantId) -> Access {
    Access {
        tenants: vec![tenant],
        ..Access::default()
    }
}

/// A guest's hold becomes an appointment of somebody whom the guest names.
///
/// # Errors
/// 404 without the token, `hold_expired`, `hold_limit` for too many unverified bookings, `plan_limit`
/// where the practice takes no new patients, 422 for an applicant who cannot be reached.
pub async fn confirm(
    app: &App,
    guest: &Guest,
    id: HoldId,
    token: Option<&str>,
    key: Option<String>,
    language: Language,
    body: PublicConfirmation,
) -> Result<(BookingView, Reply), Problem> {
    let holder = Holder::Guest(guest.clone());
    let token = token.or(body.hold_token.as_deref());
    let stored = holds::prove(app, &holder, id, token).await?;
    let who = body.patient.tidied(&guest.practice.zone)?;
    let command = |patient: Option<Found>| {
        Command::Confirm(Confirm {
            hold: id,
            appointment: applicant::appointment_of(id),
            patient: patient.map(|found| PatientRef {
                id: found.patient,
                calendar: found.calendar,
            }),
            applicant: body.patient.digest(),
            notes: body.notes.clone().filter(|notes| !notes.trim().is_empty()),
        })
    };
    if stored.ended.is_some() {
        // The first answer again, by its key; else the hold is no more.
        let reply = holds::run(app, &holder, id, key, command(None)).await?;
        return Ok((view(app, &guest.practice, language, &reply).await?, reply));
    }
    let found = admit(app, guest, id, stored.hold.span, &who).await?;
    let reply = match holds::run(app, &holder, id, key, command(Some(found))).await {
        Ok(reply) => reply,
        Err(problem) => {
            // Whether it was booked may not be known: then the place is kept.
            if problem.code != Failure::OutcomeUnknown.code() {
                tenancy::transaction(
                    &app.app_pool,
                    &access(guest.practice.tenant),
                    async |connection| {
                        applicant::give_up_place(connection, guest.practice.tenant, id).await
                    },
                )
                .await?;
            }
            return Err(problem);
        }
    };
    let view = view(app, &guest.practice, language, &reply).await?;
    if !reply.replay {
        write_letter(app, guest, &who, language, &view).await;
    }
    Ok((view, reply))
}

/// A place among the unverified bookings, and a record of the applicant.
async fn admit(
    app: &App,
    guest: &Guest,
    hold: HoldId,
    visit: Span,
    who: &Tidied,
) -> Result<Found, Problem> {
    let tenant = guest.practice.tenant;
    let manage = tokens::hash(&app.engine.tokens().manage(applicant::appointment_of(hold)));
    let is_free = async |calendar: CalendarId| -> Result<bool, Problem> {
        let cell = app.engine.calendar(calendar).await?;
        Ok(cell.timeline().overlapping(visit).next().is_none())
    };
    let max = app.config.public_unverified_bookings;
    tenancy::transaction(&app.app_pool, &access(tenant), async |connection| {
        applicant::require_room(connection, tenant).await?;
        applicant::keep_place(connection, tenant, hold, who, &manage, max).await?;
        applicant::record(connection, tenant, hold, who, is_free).await
    })
    .await
}

/// Tells by e-mail what was booked. A booking without its letter is a booking all the same.
async fn write_letter(
    app: &App,
    guest: &Guest,
    who: &Tidied,
    language: Language,
    view: &BookingView,
) {
    let (Some(email), Some(token)) = (&who.email, &view.manage_token) else {
        return;
    };
    let letter = Letter::Booked {
        name: who.first_name.clone(),
        practice: guest.practice.name.clone(),
        treatment: view.treatment_name.clone(),
        dentist: view.dentist_name.clone(),
        when: local_time(&guest.practice.zone, view.start),
        link: format!(
            "{}/book/{}#manage={token}",
            app.config.public_url, guest.practice.subdomain
        ),
    };
    let tenant = guest.practice.tenant;
    let queued = tenancy::transaction(&app.app_pool, &access(tenant), async |connection| {
        mail::queue(connection, email, language, &letter)
            .await
            .map_err(Problem::from)
    })
    .await;
    match queued {
        Ok(()) => app.mail.wake(),
        Err(problem) => tracing::error!(%problem, "cannot queue the letter of a booking"),
    }
}

/// As clocks in the practice show it: `2027-03-01 09:00`.
#[must_use]
pub fn local_time(zone: &str, at: DateTime<Utc>) -> String {
    let zone: chrono_tz::Tz = zone.parse().unwrap_or(chrono_tz::UTC);
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

/// 422: too late to change it without calling.
#[must_use]
pub fn too_late(until: DateTime<Utc>) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "too_soon",
        format!(
            "It could be changed until {}: call the practice.",
            until.to_rfc3339()
        ),
    )
}
