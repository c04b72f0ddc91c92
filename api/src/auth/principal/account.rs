//! Accounts with the practices that they work for, as the database has them or had a moment ago.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Nullable, Text};
use diesel_async::RunQueryDsl;
use schema::ids::{TenantId, UserId};
use schema::tenancy::unavailable;
use uuid::Uuid;

use super::{Account, Workspace};
use crate::app::App;
use crate::auth::permissions::Role;
use crate::auth::remembered::Remembered;
use crate::problem::Problem;
use crate::rest::language::Language;

/// Beyond this many remembered accounts the old ones are forgotten.
const REMEMBERED_MAX: usize = 50_000;

/// Accounts as read a while ago.
pub type Accounts = Remembered<UserId, Account>;

/// Remembers each for `keep`.
#[must_use]
pub fn accounts(keep: Duration) -> Accounts {
    Remembered::new(keep, REMEMBERED_MAX)
}

/// The account of `user`, remembered or read.
///
/// # Errors
/// 503 without a database.
pub async fn account(app: &App, user: UserId) -> Result<Option<Arc<Account>>, Problem> {
    if let Some(account) = app.accounts.get(user) {
        return Ok(Some(account));
    }
    let reading = app.accounts.reading();
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
        app.accounts.put(reading, user, account);
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
    #[diesel(sql_type = Text)]
    user_locale: String,
    #[diesel(sql_type = Bool)]
    is_verified: bool,
    #[diesel(sql_type = Array<diesel::sql_types::Uuid>)]
    ended_sessions: Vec<Uuid>,
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
            role: Some(role),
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
            language: Language::named(&row.user_locale),
            verified: row.is_verified,
            ended_sessions: row.ended_sessions,
            workspaces: Vec::new(),
        });
        account.workspaces.extend(row.workspace.workspace());
    }
    account
}
