//! Keys for a practice's programs: `dck_<id>_<secret>` as a bearer token, on REST and on the
//! WebSocket. A key may read what every member may; its scopes add permissions, of which managing
//! staff or the practice itself is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use schema::ids::TenantId;
use schema::schema::api_keys;
use schema::tenancy::{self, Access, unavailable};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::permissions::Permission;
use crate::auth::principal::Workspace;
use crate::auth::remembered::Remembered;
use crate::auth::sessions;
use crate::problem::Problem;

/// What every key begins with, so that people and scanners of leaked secrets know it.
const PREFIX: &str = "dck_";
/// A socket of a key that does not end looks at it again after this long.
const SESSION_MAX: TimeDelta = TimeDelta::days(1);
/// Use is noted once in this long.
const NOTE_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Beyond this many remembered keys the old ones are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// Something that a key may do beyond reading the catalogue, calendars and availability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Scope {
    #[serde(rename = "patients:read")]
    PatientsRead,
    /// Reading is part of it.
    #[serde(rename = "patients:write")]
    PatientsWrite,
    /// Book, move, cancel.
    #[serde(rename = "appointments:write")]
    AppointmentsWrite,
    /// Hours, closures, blocks.
    #[serde(rename = "schedule:write")]
    ScheduleWrite,
    #[serde(rename = "treatments:write")]
    TreatmentsWrite,
    #[serde(rename = "payments:write")]
    PaymentsWrite,
    #[serde(rename = "reports:read")]
    ReportsRead,
}

impl Scope {
    const TABLE: [(Self, &'static str, &'static [Permission]); 7] = [
        (
            Self::PatientsRead,
            "patients:read",
            &[Permission::CanViewPatients],
        ),
        (
            Self::PatientsWrite,
            "patients:write",
            &[Permission::CanViewPatients, Permission::CanManagePatients],
        ),
        (
            Self::AppointmentsWrite,
            "appointments:write",
            &[Permission::CanManageAppointments],
        ),
        (
            Self::ScheduleWrite,
            "schedule:write",
            &[Permission::CanManageSchedule],
        ),
        (
            Self::TreatmentsWrite,
            "treatments:write",
            &[Permission::CanManageTreatments],
        ),
        (
            Self::PaymentsWrite,
            "payments:write",
            &[Permission::CanProcessPayments],
        ),
        (
            Self::ReportsRead,
            "reports:read",
            &[Permission::CanViewReports],
        ),
    ];

    /// Every scope.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().map(|(scope, ..)| *scope)
    }

    /// As the wire and the database call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::TABLE[self as usize].1
    }

    /// The scope of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::TABLE
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(scope, ..)| *scope)
    }

    /// What it allows.
    #[must_use]
    pub fn permissions(self) -> &'static [Permission] {
        Self::TABLE[self as usize].2
    }
}

/// A key that counts.
#[derive(Debug)]
pub struct ApiKey {
    pub id: Uuid,
    pub expires_at: Option<DateTime<Utc>>,
    /// Its practice, with what its scopes allow there.
    pub workspace: Workspace,
    secret_hash: Vec<u8>,
    /// Whether its use is noted well enough.
    noted: AtomicBool,
}

impl ApiKey {
    /// Until when a session may run on it.
    #[must_use]
    pub fn until(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let bound = now + SESSION_MAX;
        self.expires_at.map_or(bound, |end| end.min(bound))
    }

    fn ended(&self) -> bool {
        self.expires_at.is_some_and(|end| end <= Utc::now())
    }
}

/// A new key: what its owner copies, and what is kept of it.
#[allow(missing_debug_implementations)] // a secret: nothing shall print it
pub struct NewKey {
    pub id: Uuid,
    pub token: String,
    pub secret_hash: Vec<u8>,
}

/// Makes a key.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn generate() -> Result<NewKey, Problem> {
    let id = Uuid::now_v7();
    let secret = sessions::random_token()?;
    Ok(NewKey {
        id,
        secret_hash: sessions::hash(&secret),
        token: format!("{PREFIX}{}_{secret}", id.simple()),
    })
}

/// Whether a bearer token is meant to be a key.
#[must_use]
pub fn looks_like_one(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// Id and secret of a token.
fn parts(token: &str) -> Option<(Uuid, &str)> {
    let (id, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
    // Only as we write them: one key, one text.
    let id = Some(id).filter(|id| id.len() == 32)?;
    Some((Uuid::try_parse(id).ok()?, secret))
}

/// The key of a token, if its secret is right and it has not ended.
///
/// # Errors
/// 401 otherwise; 503 without a database.
pub async fn check(app: &App, token: &str) -> Result<Arc<ApiKey>, Problem> {
    let (id, secret) = parts(token).ok_or_else(refused)?;
    let key = find(app, id).await?;
    let given = sessions::hash(secret);
    if !bool::from(given.ct_eq(&key.secret_hash)) {
        return Err(refused());
    }
    if !key.noted.swap(true, Ordering::Relaxed) {
        let access = Access::practice(key.workspace.tenant_id);
        tenancy::transaction(&app.app_pool, &access, async |connection| {
            diesel::update(api_keys::table.find(id))
                .set(api_keys::last_used_at.eq(diesel::dsl::now))
                .execute(connection)
                .await
        })
        .await?;
    }
    Ok(key)
}

fn refused() -> Problem {
    Problem::unauthorised("The API key is not valid, or no longer.")
}

/// Keys as read a while ago.
pub type ApiKeys = Remembered<Uuid, ApiKey>;

/// Remembers each for `keep`.
#[must_use]
pub fn remembered(keep: Duration) -> ApiKeys {
    Remembered::new(keep, REMEMBERED_MAX)
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    secret_hash: Vec<u8>,
    #[diesel(sql_type = Array<Text>)]
    scopes: Vec<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    expires_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_used_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = Text)]
    tenant_name: String,
    #[diesel(sql_type = Text)]
    subdomain: String,
    #[diesel(sql_type = Text)]
    zone: String,
    #[diesel(sql_type = Text)]
    locale: String,
    #[diesel(sql_type = Text)]
    status: String,
}

impl Row {
    fn key(self, id: Uuid) -> ApiKey {
        let mut permissions: Vec<Permission> = self
            .scopes
            .iter()
            .filter_map(|name| Scope::parse(name))
            .flat_map(|scope| scope.permissions().iter().copied())
            .collect();
        permissions.sort_by_key(|permission| *permission as usize);
        permissions.dedup();
        ApiKey {
            id,
            expires_at: self.expires_at,
            secret_hash: self.secret_hash,
            noted: AtomicBool::new(
                self.last_used_at
                    .is_some_and(|at| at > Utc::now() - NOTE_EVERY),
            ),
            workspace: Workspace {
                tenant_id: self.tenant_id,
                name: self.tenant_name,
                subdomain: self.subdomain,
                zone: self.zone,
                locale: self.locale,
                role: None,
                permissions,
                suspended: self.status != "active",
            },
        }
    }
}

/// The key of that id, remembered or read. Whoever asks has seen its secret, or does so next.
///
/// # Errors
/// 401 for one that is unknown, revoked or at its end; 503 without a database.
pub async fn find(app: &App, id: Uuid) -> Result<Arc<ApiKey>, Problem> {
    let key = match app.api_keys.get(id) {
        Some(key) => key,
        None => read(app, id).await?,
    };
    if key.ended() {
        return Err(refused());
    }
    Ok(key)
}

async fn read(app: &App, id: Uuid) -> Result<Arc<ApiKey>, Problem> {
    let reading = app.api_keys.reading();
    let mut connection = app
        .app_pool
        .get()
        .await
        .map_err(|error| unavailable(error.to_string()))?;
    let row: Option<Row> = diesel::sql_query("SELECT * FROM lookup_api_key($1)")
        .bind::<diesel::sql_types::Uuid, _>(id)
        .get_result(&mut connection)
        .await
        .optional()?;
    let row = row.ok_or_else(refused)?;
    let key = Arc::new(row.key(id));
    app.api_keys.put(reading, id, &key);
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_in_order_and_none_reaches_people_or_the_practice() {
        for (index, (scope, name, permissions)) in Scope::TABLE.iter().enumerate() {
            assert_eq!(*scope as usize, index);
            assert_eq!(serde_json::to_value(scope).unwrap(), *name);
            for never in [
                Permission::CanManageStaff,
                Permission::CanManagePractice,
                Permission::CanViewAudit,
                Permission::CanOverrideRules,
            ] {
                assert!(!permissions.contains(&never), "{name}");
            }
        }
    }

    #[test]
    fn a_key_has_one_text() {
        let key = generate().unwrap();
        let (id, secret) = parts(&key.token).unwrap();
        assert_eq!((id, sessions::hash(secret)), (key.id, key.secret_hash));
        for wrong in [
            format!("dck_{}_x", key.id),
            "dck_".to_owned(),
            "dck__".to_owned(),
            format!("dck_{}", key.id.simple()),
            format!("dck_{}é_x", "0".repeat(30)),
        ] {
            assert!(parts(&wrong).is_none(), "{wrong}");
        }
    }
}
