//! A practice's public side over REST: what it offers, holds of guests, and their bookings. No
//! account is needed; how often one network may ask is limited.

pub mod bookings;
pub mod holds;

use actix_web::{HttpRequest, web};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use engine::scheduling::rulebook::RuleBook;
use schema::ids::{ClinicId, ProviderId, TenantId, TreatmentId};
use schema::schema::{clinics, tenants, treatments};
use schema::tenancy::{self, Access};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::practices::Practice;
use crate::problem::Problem;
use crate::public::Guest;
use crate::public::limits::Kind;
use crate::rest::availability::query::{Asked, AvailabilityQuery, ExplainQuery};
use crate::rest::availability::{self, Explanation, Slots};
use crate::rest::language::Language;
use crate::rest::tenants::branding::Branding;

/// What everybody may know of a practice.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublicPractice {
    name: String,
    subdomain: String,
    /// IANA name: local dates and times are in it.
    zone: String,
    /// `es` or `en`.
    locale: String,
    /// What is absent looks as the program does.
    branding: Branding,
    treatments: Vec<PublicTreatment>,
    dentists: Vec<PublicDentist>,
    clinics: Vec<PublicClinic>,
    policy: PublicPolicy,
}

/// A treatment that can be booked online.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PublicTreatment {
    #[schema(value_type = Uuid)]
    id: TreatmentId,
    code: String,
    /// In the language of `Accept-Language`, or else the practice's.
    name: String,
    duration_min: i16,
    /// `#rrggbb`
    color: String,
    /// US dollars.
    price: String,
}

/// Somebody who can be booked online.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PublicDentist {
    #[schema(value_type = Uuid)]
    id: ProviderId,
    name: String,
    /// What can be booked with them.
    #[schema(value_type = Vec<Uuid>)]
    treatment_ids: Vec<TreatmentId>,
}

/// A place where the practice works.
#[derive(Debug, Serialize, Queryable, ToSchema)]
struct PublicClinic {
    #[schema(value_type = Uuid)]
    id: ClinicId,
    name: String,
    city: String,
    address: String,
    phone: Option<String>,
}

/// The rules for booking online.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PublicPolicy {
    slot_interval_min: i64,
    min_notice_min: i64,
    horizon_days: i64,
    hold_min: i64,
    cancellation_min: i64,
    /// The same for people, a sentence each.
    texts: Vec<String>,
}

/// A practice as its booking page shows it.
#[utoipa::path(get, path = "/public/{subdomain}", tag = "public", security(()),
    params(("subdomain" = String, Path)),
    responses((status = 200, body = PublicPractice),
        (status = 403, description = "`suspended`"), (status = 429, description = "`rate_limited`")))]
pub async fn practice(
    app: web::Data<App>,
    request: HttpRequest,
    subdomain: web::Path<String>,
) -> Result<web::Json<PublicPractice>, Problem> {
    let guest = Guest::of(&app, &request, &subdomain, Kind::Reading).await?;
    let language = Language::of(&request, &guest.practice.locale);
    let rules = app.engine.rules(guest.practice.tenant).await?;
    let offered = offered(&app, guest.practice.tenant, &rules, language).await?;
    Ok(web::Json(shown(guest.practice, &rules, offered, language)))
}

/// What the database has for the page.
struct Offered {
    treatments: Vec<PublicTreatment>,
    clinics: Vec<PublicClinic>,
    branding: Branding,
}

async fn offered(
    app: &App,
    tenant: TenantId,
    rules: &RuleBook,
    language: Language,
) -> Result<Offered, Problem> {
    type Row = (TreatmentId, String, String, String, i16, String, i32);
    let access = Access {
        tenants: vec![tenant],
        ..Access::default()
    };
    let operatories = rules.operatories.values().filter(|chair| chair.active);
    let mut ids: Vec<ClinicId> = operatories.map(|chair| chair.clinic).collect();
    ids.sort();
    ids.dedup();
    let (rows, clinics, branding): (Vec<Row>, Vec<PublicClinic>, serde_json::Value) =
        tenancy::transaction(&app.app_pool, &access, async |connection| {
            let rows = treatments::table
                .filter(treatments::tenant_id.eq(tenant))
                .filter(treatments::active)
                .filter(treatments::online_bookable)
                .order((treatments::code, treatments::id))
                .select((
                    treatments::id,
                    treatments::code,
                    treatments::name_es,
                    treatments::name_en,
                    treatments::duration_min,
                    treatments::color,
                    treatments::price_cents,
                ))
                .load(connection)
                .await?;
            let places = clinics::table
                .filter(clinics::id.eq_any(ids))
                .order((clinics::name, clinics::id))
                .select((
                    clinics::id,
                    clinics::name,
                    clinics::city,
                    clinics::address,
                    clinics::phone,
                ))
                .load(connection)
                .await?;
            let branding = tenants::table
                .find(tenant)
                .select(tenants::branding)
                .first(connection)
                .await?;
            Ok::<_, Problem>((rows, places, branding))
        })
        .await?;
    let treatments = rows
        .into_iter()
        .map(
            |(id, code, spanish, english, duration_min, color, cents)| PublicTreatment {
                id,
                code,
                name: language.pick(&spanish, &english),
                duration_min,
                color,
                price: format!("{}.{:02}", cents / 100, cents % 100),
            },
        )
        .collect();
    Ok(Offered {
        treatments,
        clinics,
        branding: Branding::stored(branding),
    })
}

fn shown(
    practice: Practice,
    rules: &RuleBook,
    offered: Offered,
    language: Language,
) -> PublicPractice {
    let online: Vec<_> = rules
        .treatments
        .values()
        .filter(|treatment| treatment.active && treatment.online_bookable)
        .collect();
    let active = rules.providers.values().filter(|provider| provider.active);
    let dentists = active
        .map(|provider| PublicDentist {
            id: provider.id,
            name: provider.name.clone(),
            treatment_ids: online
                .iter()
                .filter(|treatment| rules.offers(provider, treatment))
                .map(|treatment| treatment.id)
                .collect(),
        })
        .filter(|dentist| !dentist.treatment_ids.is_empty())
        .collect();
    let policy = &rules.policy;
    PublicPractice {
        name: practice.name,
        subdomain: practice.subdomain,
        zone: practice.zone,
        locale: practice.locale,
        branding: offered.branding,
        treatments: offered.treatments,
        dentists,
        clinics: offered.clinics,
        policy: PublicPolicy {
            slot_interval_min: policy.slot_interval_min,
            min_notice_min: policy.min_notice_min,
            horizon_days: policy.horizon_days,
            hold_min: policy.hold_min,
            cancellation_min: policy.cancellation_min,
            texts: texts(language, policy.min_notice_min, policy.cancellation_min),
        },
    }
}

fn texts(language: Language, notice_min: i64, cancellation_min: i64) -> Vec<String> {
    let (notice, cancellation) = (
        duration(language, notice_min),
        duration(language, cancellation_min),
    );
    match language {
        Language::Spanish => vec![
            format!("Reserve al menos {notice} antes."),
            format!("Puede cancelar o cambiar su cita hasta {cancellation} antes."),
        ],
        Language::English => vec![
            format!("Book at least {notice} ahead."),
            format!("You can cancel or move your visit until {cancellation} before it."),
        ],
    }
}

/// `24 hours`, `90 minutes`
fn duration(language: Language, minutes: i64) -> String {
    let (count, unit) = match (minutes % 60 == 0 && minutes > 0, language) {
        (true, Language::Spanish) => (minutes / 60, if minutes == 60 { "hora" } else { "horas" }),
        (true, Language::English) => (minutes / 60, if minutes == 60 { "hour" } else { "hours" }),
        (false, Language::Spanish) => (minutes, if minutes == 1 { "minuto" } else { "minutos" }),
        (false, Language::English) => (minutes, if minutes == 1 { "minute" } else { "minutes" }),
    };
    format!("{count} {unit}")
}

/// Free starts of what can be booked online. With a hold's token the held time counts as free.
#[utoipa::path(get, path = "/public/{subdomain}/availability", tag = "public", security(()),
    params(("subdomain" = String, Path), AvailabilityQuery,
        ("X-Hold-Token" = Option<String>, Header)),
    responses((status = 200, body = Slots),
        (status = 403, description = "`suspended`"), (status = 429, description = "`rate_limited`")))]
pub async fn availability(
    app: web::Data<App>,
    request: HttpRequest,
    subdomain: web::Path<String>,
    query: Asked<AvailabilityQuery>,
) -> Result<Slots, Problem> {
    let guest = Guest::of(&app, &request, &subdomain, Kind::Reading).await?;
    let mut query = query.0;
    query.hold_token = query.hold_token.or_else(|| super::holds::token(&request));
    availability::find_public(&app, guest.practice.tenant, &query, &[]).await
}

/// Which of the practice's rules a time is against, and whether it is taken.
#[utoipa::path(get, path = "/public/{subdomain}/availability/explain", tag = "public", security(()),
    params(("subdomain" = String, Path), ExplainQuery,
        ("X-Hold-Token" = Option<String>, Header)),
    responses((status = 200, body = Explanation),
        (status = 403, description = "`suspended`"), (status = 429, description = "`rate_limited`")))]
pub async fn explain(
    app: web::Data<App>,
    request: HttpRequest,
    subdomain: web::Path<String>,
    query: Asked<ExplainQuery>,
) -> Result<web::Json<Explanation>, Problem> {
    let guest = Guest::of(&app, &request, &subdomain, Kind::Reading).await?;
    let mut query = query.0;
    query.hold_token = query.hold_token.or_else(|| super::holds::token(&request));
    let tenant = guest.practice.tenant;
    let found = availability::explain_to_public(&app, tenant, &query).await?;
    Ok(web::Json(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_told_in_words() {
        assert_eq!(duration(Language::English, 1440), "24 hours");
        assert_eq!(duration(Language::English, 60), "1 hour");
        assert_eq!(duration(Language::Spanish, 90), "90 minutos");
        assert_eq!(duration(Language::Spanish, 0), "0 minutos");
    }
}
