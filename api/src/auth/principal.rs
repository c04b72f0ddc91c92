//! Who asks. A token names a user; the user's practices and rights are read from the database, so
//! that an ended membership ends at once (or within [`Config::membership_cache_ms`]).
//!
//! [`Config::membership_cache_ms`]: crate::config::Config::membership_cache_ms

mod account;

use std::collections::BTreeSet;
use std::future::ready;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;
use schema::ids::{TenantId, UserId};
use schema::tenancy::Access;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::auth::api_keys::{self, ApiKey};
use crate::auth::permissions::{Permission, Role};
use crate::problem::Problem;
use crate::rest::language::Language;

pub use account::{Accounts, account, accounts};

/// The header that picks a workspace.
pub const TENANT_HEADER: &str = "X-Tenant-Id";

/// An account and the practices that it works for.
#[derive(Debug)]
pub struct Account {
    pub user: UserId,
    pub email: String,
    pub name: String,
    pub super_admin: bool,
    /// Whether a patient's record belongs to it.
    pub patient: bool,
    /// What it reads.
    pub language: Language,
    /// Whether its owner has shown that the e-mail address is theirs.
    pub verified: bool,
    /// Sessions that were ended lately: their access tokens count no more.
    pub ended_sessions: Vec<Uuid>,
    pub workspaces: Vec<Workspace>,
}

/// A practice that an account works for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    #[schema(value_type = Uuid)]
    pub tenant_id: TenantId,
    pub name: String,
    pub subdomain: String,
    /// IANA name of the practice's time zone.
    #[schema(example = "America/Guayaquil")]
    pub zone: String,
    /// `es` or `en`.
    pub locale: String,
    /// Absent for API keys only, which have scopes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Role)]
    pub role: Option<Role>,
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
            .filter_map(|workspace| workspace.role.map(Role::name))
            .chain(self.super_admin.then_some("super_admin"))
            .chain(self.patient.then_some("patient"))
            .map(str::to_owned)
            .collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }
}

/// Whom a token stands for.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A person.
    User {
        account: Arc<Account>,
        /// The session that the token was given to.
        session: Option<Uuid>,
    },
    /// A program of a practice.
    Key(Arc<ApiKey>),
}

/// Somebody with a token that counts.
#[derive(Clone, Debug)]
pub struct Principal {
    pub caller: Caller,
    /// When the token ends.
    pub until: DateTime<Utc>,
}

impl Principal {
    /// Who this is, for the audit log and as the scope of idempotency keys: `user:<id>`,
    /// `key:<id>`.
    #[must_use]
    pub fn actor(&self) -> String {
        match &self.caller {
            Caller::User { account, .. } => format!("user:{}", account.user),
            Caller::Key(key) => format!("key:{}", key.id),
        }
    }

    /// The person, if it is one.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        match &self.caller {
            Caller::User { account, .. } => Some(account.user),
            Caller::Key(_) => None,
        }
    }

    /// The person's account.
    ///
    /// # Errors
    /// 403 for API keys, which have none.
    pub fn account(&self) -> Result<&Arc<Account>, Problem> {
        match &self.caller {
            Caller::User { account, .. } => Ok(account),
            Caller::Key(_) => Err(Problem::forbidden(
                "This is for people who sign in, not for API keys.",
            )),
        }
    }

    /// Where this one may work.
    #[must_use]
    pub fn workspaces(&self) -> &[Workspace] {
        match &self.caller {
            Caller::User { account, .. } => &account.workspaces,
            Caller::Key(key) => std::slice::from_ref(&key.workspace),
        }
    }

    /// What a transaction of this one sees outside any practice; nothing, for an API key.
    #[must_use]
    pub fn access(&self) -> Access {
        match &self.caller {
            Caller::User { account, .. } => Access {
                super_admin: account.super_admin,
                ..Access::user(account.user)
            },
            Caller::Key(_) => Access::nobody(),
        }
    }

    /// The same with rights as they are now.
    ///
    /// # Errors
    /// 401 when the account, the session or the key is no more; 503 without a database.
    pub async fn again(&self, app: &App) -> Result<Self, Problem> {
        let caller = match &self.caller {
            Caller::User { account, session } => user(app, account.user, *session).await?,
            Caller::Key(key) => Caller::Key(api_keys::find(app, key.id).await?),
        };
        Ok(Self {
            caller,
            until: self.until,
        })
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

    /// The person, unless it is a program.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.principal.user()
    }

    /// Who this is, for the audit log and as the scope of idempotency keys: `user:<id>`,
    /// `key:<id>`.
    #[must_use]
    pub fn actor(&self) -> String {
        self.principal.actor()
    }

    /// What a transaction of this member sees: the practice and nothing else, super admin or not.
    #[must_use]
    pub fn access(&self) -> Access {
        Access {
            user: self.user(),
            ..Access::practice(self.tenant())
        }
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
    if api_keys::looks_like_one(token) {
        let key = api_keys::check(app, token).await?;
        return Ok(Principal {
            until: key.until(Utc::now()),
            caller: Caller::Key(key),
        });
    }
    let claims = app.tokens.check(token)?;
    Ok(Principal {
        caller: user(app, claims.sub, claims.sid).await?,
        until: DateTime::from_timestamp(claims.exp, 0).unwrap_or_default(),
    })
}

async fn user(app: &App, user: UserId, session: Option<Uuid>) -> Result<Caller, Problem> {
    let account = account(app, user)
        .await?
        .ok_or_else(|| Problem::unauthorised("The token's account is no more."))?;
    if session.is_some_and(|session| account.ended_sessions.contains(&session)) {
        return Err(Problem::unauthorised(
            "The session has ended: sign in again.",
        ));
    }
    Ok(Caller::User { account, session })
}

/// `principal` at work in `tenant`, or in the only practice there is.
///
/// # Errors
/// 400 `workspace_required` for a choice of several, 403 for anybody else's practice.
pub fn member_of(principal: Principal, tenant: Option<TenantId>) -> Result<Member, Problem> {
    let workspace = match (tenant, principal.workspaces()) {
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

/// Practices that are looked at side by side at once.
const SIDE_BY_SIDE_MAX: usize = 20;

/// Somebody at work in several practices: those that the query names as `tenants=<id>,<id>`, or else
/// the one of [`Member`]. At least one.
#[derive(Clone, Debug)]
pub struct Members(pub Vec<Member>);

impl FromRequest for Members {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if let Some(known) = found::<Self>(request) {
            return Box::pin(ready(Ok(known)));
        }
        let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let named = query.ok().and_then(|pairs| {
            let mut pairs = pairs.into_inner().into_iter();
            pairs
                .find(|(name, _)| name == "tenants")
                .map(|(_, ids)| ids)
        });
        let Some(named) = named else {
            let member = Member::from_request(request, payload);
            return Box::pin(async move { Ok(Self(vec![member.await?])) });
        };
        let principal = Principal::from_request(request, payload);
        Box::pin(async move {
            let principal = principal.await?;
            let tenants: Result<BTreeSet<TenantId>, _> =
                named.split(',').map(|id| id.trim().parse()).collect();
            let tenants = tenants
                .ok()
                .filter(|tenants| tenants.len() <= SIDE_BY_SIDE_MAX)
                .ok_or_else(|| {
                    Problem::bad_request("tenants are ids of practices, at most 20, with commas.")
                })?;
            let members = tenants
                .into_iter()
                .map(|tenant| member_of(principal.clone(), Some(tenant)));
            Ok(Self(members.collect::<Result<_, _>>()?))
        })
    }
}
