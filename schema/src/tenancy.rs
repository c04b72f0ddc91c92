//! Who a transaction acts for. Row-level security shows it that and nothing else; without this
//! setting it sees no rows at all.

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, TransactionManager};

use crate::connection::ConnectionPool;
use crate::ids::{TenantId, UserId};

/// The settings of one transaction of the `app` role. Built from a checked token, never from what
/// a request says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    pub tenants: Vec<TenantId>,
    pub user: Option<UserId>,
    pub super_admin: bool,
}

impl Access {
    /// Nobody yet: log-in and public look-ups.
    #[must_use]
    pub fn nobody() -> Self {
        Self::default()
    }

    /// A user, outside any practice.
    #[must_use]
    pub fn user(user: UserId) -> Self {
        Self {
            user: Some(user),
            ..Self::default()
        }
    }

    /// A user at work in one practice.
    #[must_use]
    pub fn member(user: UserId, tenant: TenantId) -> Self {
        Self {
            tenants: vec![tenant],
            user: Some(user),
            super_admin: false,
        }
    }

    /// A program at work in one practice, for nobody in person.
    #[must_use]
    pub fn practice(tenant: TenantId) -> Self {
        Self {
            tenants: vec![tenant],
            ..Self::default()
        }
    }

    async fn apply(&self, connection: &mut AsyncPgConnection) -> QueryResult<()> {
        let tenants: Vec<String> = self.tenants.iter().map(ToString::to_string).collect();
        diesel::select((
            set_config("app.tenants", tenants.join(","), true),
            set_config(
                "app.user",
                self.user.map_or_else(String::new, |id| id.to_string()),
                true,
            ),
            set_config("app.super_admin", self.super_admin.to_string(), true),
        ))
        .execute(connection)
        .await
        .map(drop)
    }
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn set_config(name: Text, value: Text, is_local: diesel::sql_types::Bool) -> Text;
}

/// Runs `work` in one transaction that sees what `access` allows.
///
/// # Errors
/// What `work` answers (the transaction is rolled back), or the database's own errors.
pub async fn transaction<T, E>(
    pool: &ConnectionPool,
    access: &Access,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<DieselError>,
{
    let mut connection = pool
        .get()
        .await
        .map_err(|error| unavailable(error.to_string()))?;
    begin(&mut connection, access, work).await
}

/// As [`transaction`], on a connection that the caller owns.
///
/// # Errors
/// As [`transaction`].
pub async fn begin<T, E>(
    connection: &mut AsyncPgConnection,
    access: &Access,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<DieselError>,
{
    type Manager = <AsyncPgConnection as AsyncConnection>::TransactionManager;
    Manager::begin_transaction(connection).await?;
    let outcome = match access.apply(connection).await {
        Ok(()) => work(connection).await,
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(value) => {
            Manager::commit_transaction(connection).await?;
            Ok(value)
        }
        Err(error) => {
            // Where this fails the connection is dead, and the transaction with it; the pool
            // drops such a connection. The first error is the one that tells something.
            let _ = Manager::rollback_transaction(connection).await;
            Err(error)
        }
    }
}

/// A pool that gives no connection reads like a connection that broke.
pub fn unavailable(reason: String) -> DieselError {
    DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(reason))
}
