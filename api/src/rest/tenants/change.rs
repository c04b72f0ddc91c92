//! What may be changed of a practice, and how.

use chrono_tz::Tz;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::schema::{subdomains_past, tenants};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::branding::{Branding, BrandingChange};
use super::{Row, policy};
use crate::accounts::practice::check_subdomain;
use crate::problem::Problem;
use crate::rest::patients::record::{check_name, tidy};

/// Public addresses that a practice has had and keeps.
const SUBDOMAINS_KEPT_MAX: i64 = 5;

/// What changes of a practice.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantChange {
    #[serde(default)]
    #[garde(inner(custom(check_name)))]
    name: Option<String>,
    /// 3 to 63 small letters, digits and inner dashes.
    #[serde(default)]
    #[garde(skip)]
    subdomain: Option<String>,
    /// IANA name.
    #[serde(default)]
    #[garde(inner(custom(check_zone)))]
    #[schema(example = "America/Guayaquil")]
    zone: Option<String>,
    /// `es` or `en`.
    #[serde(default)]
    #[garde(inner(custom(check_locale)))]
    locale: Option<String>,
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Object)]
    policy: Map<String, Value>,
    #[serde(default)]
    #[garde(skip)]
    branding: BrandingChange,
}

impl TenantChange {
    /// Whether bookings are decided by what changes.
    pub(super) fn changes_rules(&self) -> bool {
        self.zone.is_some() || !self.policy.is_empty()
    }
}

fn check_zone(zone: &str, (): &()) -> garde::Result {
    match zone.parse::<Tz>() {
        Ok(_) => Ok(()),
        Err(_) => Err(garde::Error::new("is not an IANA time zone")),
    }
}

fn check_locale(locale: &str, (): &()) -> garde::Result {
    match locale {
        "es" | "en" => Ok(()),
        _ => Err(garde::Error::new("is `es` or `en`")),
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = tenants)]
struct Changes {
    name: Option<String>,
    subdomain: Option<String>,
    zone: Option<String>,
    locale: Option<String>,
    policy: Option<Value>,
    branding: Option<Value>,
}

pub(super) async fn apply(
    connection: &mut AsyncPgConnection,
    before: &Row,
    given: TenantChange,
) -> Result<(), Problem> {
    let subdomain = given.subdomain.filter(|wanted| *wanted != before.subdomain);
    if let Some(wanted) = &subdomain {
        move_to(connection, before, wanted).await?;
    }
    let policy = match given.policy.is_empty() {
        true => None,
        false => Some(policy::merged(before.policy.clone(), given.policy)?),
    };
    let branding = Branding::stored(before.branding.clone()).with(given.branding)?;
    let changes = Changes {
        name: given.name.as_deref().map(tidy),
        subdomain,
        zone: given.zone,
        locale: given.locale,
        policy,
        branding: Some(
            serde_json::to_value(branding).map_err(|error| Problem::internal(error.to_string()))?,
        ),
    };
    diesel::update(tenants::table.find(before.id))
        .set(&changes)
        .execute(connection)
        .await
        .map_err(taken)?;
    Ok(())
}

/// Keeps the address that is left, and takes back the wanted one if it was ours before.
async fn move_to(
    connection: &mut AsyncPgConnection,
    before: &Row,
    wanted: &str,
) -> Result<(), Problem> {
    check_subdomain(wanted)?;
    diesel::delete(subdomains_past::table.find(wanted))
        .execute(connection)
        .await?;
    let kept: i64 = subdomains_past::table
        .filter(subdomains_past::tenant_id.eq(before.id))
        .count()
        .get_result(connection)
        .await?;
    if kept >= SUBDOMAINS_KEPT_MAX {
        return Err(Problem::new(
            actix_web::http::StatusCode::UNPROCESSABLE_ENTITY,
            "subdomain_limit",
            "The practice has changed its address five times: go back to one of those.",
        ));
    }
    diesel::insert_into(subdomains_past::table)
        .values((
            subdomains_past::subdomain.eq(&before.subdomain),
            subdomains_past::tenant_id.eq(before.id),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

fn taken(error: DieselError) -> Problem {
    match &error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, information)
            if information.constraint_name() == Some("tenants_subdomain_key") =>
        {
            Problem::new(
                actix_web::http::StatusCode::CONFLICT,
                "subdomain_taken",
                "Another practice has this address.",
            )
        }
        _ => error.into(),
    }
}

/// What the audit log keeps: of a logo, that there is one.
pub(super) fn told(row: &Row) -> Value {
    let branding = Branding::stored(row.branding.clone());
    json!({
        "name": row.name,
        "subdomain": row.subdomain,
        "zone": row.zone,
        "locale": row.locale,
        "policy": row.policy,
        "primaryColor": branding.primary_color,
        "accentColor": branding.accent_color,
        "hasLogo": branding.logo.is_some(),
    })
}
