//! Saying who did what, for the audit log. Call [`record`] in the transaction of every change, and
//! of every reading of a patient's record; what the engine commits is logged there. From where a
//! request or a frame comes is known here already.

use diesel_async::AsyncPgConnection;
use schema::audit_log::{self, Line, Origin};
use schema::ids::{TenantId, UserId};
use schema::tenancy::{self, Access};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::{self, Member, Principal};
use crate::once;
use crate::problem::Problem;
use crate::request;

/// Who does something, and in which practice.
#[derive(Clone, Debug)]
pub struct Who {
    pub tenant: Option<TenantId>,
    /// `user:<id>`, `key:<id>`, …
    pub actor: String,
    pub role: Option<String>,
}

impl Who {
    /// Somebody who is not known: a log-in that fails, a visitor.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            tenant: None,
            actor: "anonymous".to_owned(),
            role: None,
        }
    }

    /// An account that has just been found or made, without a token yet.
    #[must_use]
    pub fn user(user: UserId) -> Self {
        Self {
            tenant: None,
            actor: format!("user:{user}"),
            role: None,
        }
    }

    /// In which role and from where, for what the engine commits.
    #[must_use]
    pub fn origin(self) -> Origin {
        Origin {
            role: self.role,
            ..request::origin()
        }
    }

    /// In another practice: a super admin's, or an invitation's.
    #[must_use]
    pub fn in_tenant(self, tenant: TenantId) -> Self {
        Self {
            tenant: Some(tenant),
            ..self
        }
    }
}

impl From<&Member> for Who {
    fn from(member: &Member) -> Self {
        Self {
            tenant: Some(member.tenant()),
            actor: member.actor(),
            role: member.workspace.role.map(|role| role.name().to_owned()),
        }
    }
}

impl From<&Principal> for Who {
    fn from(principal: &Principal) -> Self {
        let role = match principal.account() {
            Ok(account) if account.super_admin => Some("super_admin"),
            Ok(account) if account.patient => Some("patient"),
            _ => None,
        };
        Self {
            tenant: None,
            actor: principal.actor(),
            role: role.map(str::to_owned),
        }
    }
}

/// What was done: kind of the subject and the deed, `patient.created`. Free text about patients
/// (notes, histories) does not belong into `before` and `after`, nor does any secret.
#[derive(Clone, Debug)]
pub struct Entry {
    action: &'static str,
    subject: Option<Uuid>,
    before: Result<Option<Value>, String>,
    after: Result<Option<Value>, String>,
}

impl Entry {
    #[must_use]
    pub fn new(action: &'static str) -> Self {
        Self {
            action,
            subject: None,
            before: Ok(None),
            after: Ok(None),
        }
    }

    /// The row that it was done to.
    #[must_use]
    pub fn on(self, subject: impl Into<Uuid>) -> Self {
        Self {
            subject: Some(subject.into()),
            ..self
        }
    }

    /// The row as it was.
    #[must_use]
    pub fn before(self, row: impl Serialize) -> Self {
        Self {
            before: told(row),
            ..self
        }
    }

    /// The row as it is now.
    #[must_use]
    pub fn after(self, row: impl Serialize) -> Self {
        Self {
            after: told(row),
            ..self
        }
    }

    fn line(self, who: Who) -> Result<Line, Problem> {
        let Origin {
            address,
            request_id,
            ..
        } = request::origin();
        let subject = self.action.split('.').next().unwrap_or(self.action);
        Ok(Line {
            tenant_id: who.tenant,
            actor: who.actor,
            role: who.role,
            address,
            request_id,
            subject: subject.to_owned(),
            action: self.action.to_owned(),
            subject_id: self.subject,
            before: self.before.map_err(Problem::internal)?,
            after: self.after.map_err(Problem::internal)?,
        })
    }
}

impl From<&'static str> for Entry {
    fn from(action: &'static str) -> Self {
        Self::new(action)
    }
}

fn told(row: impl Serialize) -> Result<Option<Value>, String> {
    match serde_json::to_value(row) {
        Ok(Value::Null) => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(format!("audit log: {error}")),
    }
}

/// Writes a line, in the transaction of what it tells.
///
/// # Errors
/// The database's own: then nothing is done either.
pub async fn record(
    connection: &mut AsyncPgConnection,
    who: impl Into<Who>,
    entry: Entry,
) -> Result<(), Problem> {
    let line = entry.line(who.into())?;
    // A change that has an idempotency key uses it up here, in the same transaction.
    once::claim(connection, line.subject_id, line.after.as_ref()).await?;
    audit_log::append(connection, &[line]).await?;
    Ok(())
}

/// Writes the same line for each of these practices, or one without a practice: what somebody does
/// who is not at work, such as signing in, concerns every practice that they work for.
///
/// # Errors
/// As [`record`].
pub async fn record_for_all(
    connection: &mut AsyncPgConnection,
    who: Who,
    tenants: &[TenantId],
    entry: Entry,
) -> Result<(), Problem> {
    let line = entry.line(who)?;
    once::claim(connection, line.subject_id, line.after.as_ref()).await?;
    let lines = match tenants {
        [] => vec![line],
        tenants => tenants
            .iter()
            .map(|tenant| Line {
                tenant_id: Some(*tenant),
                ..line.clone()
            })
            .collect(),
    };
    audit_log::append(connection, &lines).await?;
    Ok(())
}

/// Logs that somebody signed in, or failed to, in every practice that the account works for. As
/// much work for an account that there is not.
///
/// # Errors
/// 503 without a database.
pub async fn record_account(
    app: &App,
    user: Option<UserId>,
    who: Who,
    entry: impl Into<Entry>,
) -> Result<(), Problem> {
    let account = principal::account(app, user.unwrap_or_default()).await?;
    let tenants: Vec<TenantId> = account.as_ref().map_or_else(Vec::new, |account| {
        let workspaces = account.workspaces.iter();
        workspaces.map(|workspace| workspace.tenant_id).collect()
    });
    let access = Access {
        tenants: tenants.clone(),
        user,
        super_admin: false,
    };
    let entry = entry.into();
    let entry = match user {
        Some(user) => entry.on(user),
        None => entry,
    };
    tenancy::transaction(&app.app_pool, &access, async |connection| {
        record_for_all(connection, who, &tenants, entry).await
    })
    .await
}
