//! Who asks. A token names a user; the user's practices and rights are read from the database, so
//! that an ended membership ends at once (or within [`Config::membership_cache_ms`]).
//!
//! [`Config::membership_cache_ms`]: crate::config::Config::membership_cache_ms

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use chrono::{DateTime, Utc};
use dashmap::DashMap;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Nullable, Text};
use diesel_async::RunQueryDsl;
use futures_util::future::LocalBoxFuture;
use schema::ids::{TenantId, UserId};
use schema::tenancy::{Access, unavailable};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::permissions::{Permission, Role};
use crate::problem::Problem;

/// The header that picks a workspace.
pub const TENANT_HEADER: &str = "X-Tenant-Id";
/// Beyond this many remembered accounts the old ones are forgotten.
const REMEMBERED_MAX: usize = 50_000;

/// An account and the practices that it works for.
#[derive(Debug)]
pub struct Account {
    pub user: UserId,
    pub email: String,
    pub name: String,
    pub super_admin: bool,
    /// Whether a patient's record belongs to it.
    pub patient: bool,
    pub workspaces: Vec<Workspace>,
}

/// A practice that an account works for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    #[schema(value_type = uuid::Uuid)]
    pub tenant_id: TenantId,
    pub name: String,
    pub subdomain: String,
    /// IANA name of the practice's time zone.
    #[schema(example = "America/Guayaquil")]
    pub zone: String,
    /// `es` or `en`.
    pub locale: String,
    pub role: Role,
    pub permissions: Vec<Permission>,
    /// Suspended practices can be read, not changed.
    pub suspended: bool,
}

impl Account {
    /// What this account is, anywhere: for tokens and for clients to show.
    #[must_use]
    pub fn roles(&self) -> Vec<String> {
        let mut roles: Vec<_> = self
            .workspaces
            .iter()
            .map(|workspace| workspace.role.name())
            .chain(self.super_admin.then_some("super_admin"))
            .chain(self.patient.then_some("patient"))
            .map(str::to_owned)
            .collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }
}

/// Somebody with a valid token.
#[derive(Clone, Debug)]
pub struct Principal {
    pub account: Arc<Account>,
    /// When the token ends.
    pub until: DateTime<Utc>,
}

impl Principal {
    /// The account's id.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.account.user
    }

    /// Who this is, for the audit log and as the scope of idempotency keys.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("user:{}", self.user())
    }

    /// What a transaction of this person sees outside any practice.
    #[must_use]
    pub fn access(&self) -> Access {
        Access {
            super_admin: self.account.super_admin,
            ..Access::user(self.user())
        }
    }
}

/// Somebody at work in one practice.
#[derive(Clone, Debug)]
pub struct Member {
    pub principal: Principal,
    pub workspace: Workspace,
}

impl Member {
    /// The practice.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.workspace.tenant_id
    }

    /// Who this is, for the audit log and as the scope of idempotency keys.
    #[must_use]
    pub fn actor(&self) -> String {
        self.principal.actor()
    }

    /// What a transaction of this member sees: the practice and nothing else, super admin or not.
    #[must_use]
    pub fn access(&self) -> Access {
        Access::member(self.principal.user(), self.tenant())
    }

    /// Whether the membership has `permission`.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.workspace.permissions.contains(&permission)
    }

    /// For reading.
    ///
    /// # Errors
    /// 403 without `permission`.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.may(permission) {
            return Ok(());
        }
        Err(Problem::forbidden(format!(
            "Your membership lacks {}.",
            permission.name()
        )))
    }

    /// For changing.
    ///
    /// # Errors
    /// 403 without `permission`, and in a suspended practice.
    pub fn require_change(&self, permission: Permission) -> Result<(), Problem> {
        self.require(permission)?;
        if self.workspace.suspended {
            return Err(Problem::suspended());
        }
        Ok(())
    }
}

/// Who a token stands for.
///
/// # Errors
/// 401 for a token that does not count; 503 without a database.
pub async fn authenticate(app: &App, token: &str) -> Result<Principal, Problem> {
    let claims = app.tokens.check(token)?;
    let account = account(app, claims.sub)
        .await?
        .ok_or_else(|| Problem::unauthorised("The token's account is no more."))?;
    Ok(Principal {
        account,
        until: DateTime::from_timestamp(claims.exp, 0).unwrap_or_default(),
    })
}

/// `principal` at work in `tenant`, or in the only practice there is.
///
/// # Errors
/// 400 `workspace_required` for a choice of several, 403 for anybody else's practice.
pub fn member_of(principal: Principal, tenant: Option<TenantId>) -> Result<Member, Problem> {
    let workspaces = &principal.account.workspaces;
    let workspace = match (tenant, workspaces.as_slice()) {
        (Some(tenant), all) => all.iter().find(|one| one.tenant_id == tenant),
        (None, [only]) => Some(only),
        (None, []) => None,
        (None, _) => return Err(Problem::workspace_required()),
    };
    match workspace.cloned() {
        Some(workspace) => Ok(Member {
            principal,
            workspace,
        }),
        None => Err(Problem::forbidden("You do not work for this practice.")),
    }
}

/// Accounts as read a moment ago.
#[derive(Debug)]
pub struct Accounts {
    keep: Duration,
    known: DashMap<UserId, (Instant, Arc<Account>)>,
}

impl Accounts {
    /// Remembers each for `keep`.
    #[must_use]
    pub fn new(keep: Duration) -> Self {
        Self {
            keep,
            known: DashMap::new(),
        }
    }

    /// To be called after a change of the user's rights, so that this node sees it at once.
    pub fn forget(&self, user: UserId) {
        self.known.remove(&user);
    }

    fn get(&self, user: UserId) -> Option<Arc<Account>> {
        let known = self.known.get(&user)?;
        (known.0.elapsed() < self.keep).then(|| Arc::clone(&known.1))
    }

    /// `read` is the moment before the account was read: a change since then is not in it.
    fn put(&self, read: Instant, account: &Arc<Account>) {
        if self.keep.is_zero() {
            return;
        }
        if self.known.len() > REMEMBERED_MAX {
            self.known.retain(|_, (read, _)| read.elapsed() < self.keep);
        }
        self.known.insert(account.user, (read, Arc::clone(account)));
    }
}

/// The account of `user`, remembered or read.
///
/// # Errors
/// 503 without a database.
pub async fn account(app: &App, user: UserId) -> Result<Option<Arc<Account>>, Problem> {
    if let Some(account) = app.accounts.get(user) {
        return Ok(Some(account));
    }
    let read = Instant::now();
    let mut connection = app
        .app_pool
        .get()
        .await
        .map_err(|error| unavailable(error.to_string()))?;
    let rows: Vec<Row> = diesel::sql_query("SELECT * FROM lookup_principal($1)")
        .bind::<diesel::sql_types::Uuid, _>(user)
        .load(&mut connection)
        .await?;
    let account = account_of(user, rows).map(Arc::new);
    if let Some(account) = &account {
        app.accounts.put(read, account);
    }
    Ok(account)
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = Text)]
    user_name: String,
    #[diesel(sql_type = Bool)]
    is_super_admin: bool,
    #[diesel(sql_type = Bool)]
    is_patient: bool,
    #[diesel(embed)]
    workspace: WorkspaceRow,
}

/// All absent for somebody who works nowhere.
#[derive(QueryableByName)]
struct WorkspaceRow {
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    tenant_id: Option<TenantId>,
    #[diesel(sql_type = Nullable<Text>)]
    tenant_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    subdomain: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    zone: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    locale: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    role: Option<String>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    permissions: Option<Vec<String>>,
}

impl WorkspaceRow {
    fn workspace(self) -> Option<Workspace> {
        let role = Role::parse(&self.role?)?;
        let stored = self.permissions.unwrap_or_default();
        Some(Workspace {
            tenant_id: self.tenant_id?,
            name: self.tenant_name?,
            subdomain: self.subdomain?,
            zone: self.zone?,
            locale: self.locale?,
            role,
            permissions: role.effective_permissions(stored.iter().map(String::as_str)),
            suspended: self.status? != "active",
        })
    }
}

fn account_of(user: UserId, rows: Vec<Row>) -> Option<Account> {
    let mut account: Option<Account> = None;
    for row in rows {
        let account = account.get_or_insert_with(|| Account {
            user,
            email: row.email,
            name: row.user_name,
            super_admin: row.is_super_admin,
            patient: row.is_patient,
            workspaces: Vec::new(),
        });
        account.workspaces.extend(row.workspace.workspace());
    }
    account
}

fn bearer(request: &HttpRequest) -> Result<String, Problem> {
    let value = request
        .headers()
        .get(header::AUTHORIZATION)
        .ok_or_else(|| Problem::unauthorised("Sign in first: there is no bearer token."))?;
    value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim().to_owned())
        .ok_or_else(|| Problem::unauthorised("The Authorization header is no bearer token."))
}

fn state(request: &HttpRequest) -> Result<web::Data<App>, Problem> {
    request
        .app_data::<web::Data<App>>()
        .cloned()
        .ok_or_else(|| Problem::internal("the server has no App"))
}

/// Whom the route's access rule has let pass.
fn found<T: Clone + 'static>(request: &HttpRequest) -> Option<T> {
    request.extensions().get::<T>().cloned()
}

impl FromRequest for Principal {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // The route's access rule has asked already.
        if let Some(known) = found::<Self>(request) {
            return Box::pin(ready(Ok(known)));
        }
        if let Some(member) = found::<Member>(request) {
            return Box::pin(ready(Ok(member.principal)));
        }
        let asked = state(request).and_then(|app| Ok((app, bearer(request)?)));
        Box::pin(async move {
            let (app, token) = asked?;
            authenticate(&app, &token).await
        })
    }
}

impl FromRequest for Member {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if let Some(known) = found::<Self>(request) {
            return Box::pin(ready(Ok(known)));
        }
        let tenant = request
            .headers()
            .get(TENANT_HEADER)
            .map(|value| value.to_str().ok().and_then(|id| id.trim().parse().ok()));
        let principal = Principal::from_request(request, payload);
        Box::pin(async move {
            let principal = principal.await?;
            let tenant = match tenant {
                None => None,
                Some(Some(id)) => Some(id),
                Some(None) => {
                    let detail = format!("{TENANT_HEADER} is not the id of a practice.");
                    return Err(Problem::bad_request(detail));
                }
            };
            let member = member_of(principal, tenant)?;
            tracing::Span::current().record("tenant", tracing::field::display(member.tenant()));
            Ok(member)
        })
    }
}
