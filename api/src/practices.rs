//! The practice behind a public address: what its booking page and its widget name.

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use schema::ids::TenantId;
use schema::tenancy::{self, Access};

use crate::app::App;
use crate::problem::Problem;

/// A practice as everybody may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Practice {
    pub tenant: TenantId,
    pub subdomain: String,
    pub name: String,
    /// IANA name of its time zone.
    pub zone: String,
    /// `es` or `en`.
    pub locale: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    zone: String,
    #[diesel(sql_type = Text)]
    locale: String,
    #[diesel(sql_type = Text)]
    status: String,
}

/// The practice of a subdomain, as it is now.
///
/// # Errors
/// 404 for an unknown one, 403 `suspended` for one that offers nothing at present, 503 without a
/// database.
pub async fn find(app: &App, subdomain: &str) -> Result<Practice, Problem> {
    let row: Option<Row> =
        tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
            let row = diesel::sql_query("SELECT * FROM lookup_practice($1)")
                .bind::<Text, _>(subdomain)
                .get_result(connection)
                .await
                .optional()?;
            Ok::<_, Problem>(row)
        })
        .await?;
    let row = row.ok_or_else(Problem::not_found)?;
    if row.status != "active" {
        return Err(Problem::suspended());
    }
    Ok(Practice {
        tenant: row.tenant_id,
        subdomain: subdomain.to_owned(),
        name: row.name,
        zone: row.zone,
        locale: row.locale,
    })
}
