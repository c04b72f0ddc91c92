//! Reading the visits of the account that asks.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use schema::ids::AppointmentId;
use schema::tenancy;
use uuid::Uuid;

use crate::app::App;
use crate::auth::principal::Principal;
use crate::problem::Problem;

/// A visit with the names that its patient knows it by.
#[derive(QueryableByName)]
pub(super) struct Row {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub tenant_id: Uuid,
    #[diesel(sql_type = Text)]
    pub practice_name: String,
    #[diesel(sql_type = Text)]
    pub subdomain: String,
    #[diesel(sql_type = Text)]
    pub zone: String,
    #[diesel(sql_type = Jsonb)]
    pub policy: serde_json::Value,
    #[diesel(sql_type = BigInt)]
    pub version: i64,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Timestamptz)]
    pub start_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub end_at: DateTime<Utc>,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub patient_id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub provider_id: Uuid,
    #[diesel(sql_type = Text)]
    pub provider_name: String,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub operatory_id: Uuid,
    #[diesel(sql_type = Text)]
    pub operatory_name: String,
    #[diesel(sql_type = Text)]
    pub clinic_name: String,
    #[diesel(sql_type = Text)]
    pub clinic_address: String,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub treatment_id: Uuid,
    #[diesel(sql_type = Text)]
    pub name_es: String,
    #[diesel(sql_type = Text)]
    pub name_en: String,
}

/// At most `limit` visits that overlap the range, the latest first, after the one of the key.
pub(super) async fn list(
    app: &App,
    principal: &Principal,
    (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Row>, Problem> {
    let (after_start, after_id) = after.unzip();
    tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
        let rows = diesel::sql_query(
            "SELECT * FROM my_appointments()
             WHERE ($1 IS NULL OR end_at > $1) AND ($2 IS NULL OR start_at < $2)
                 AND ($3 IS NULL OR (start_at, id) < ($3, $4))
             ORDER BY start_at DESC, id DESC LIMIT $5",
        )
        .bind::<Nullable<Timestamptz>, _>(from)
        .bind::<Nullable<Timestamptz>, _>(to)
        .bind::<Nullable<Timestamptz>, _>(after_start)
        .bind::<Nullable<diesel::sql_types::Uuid>, _>(after_id)
        .bind::<BigInt, _>(limit)
        .load(connection)
        .await?;
        Ok(rows)
    })
    .await
}

/// One visit; 404 for everybody else's.
pub(super) async fn find(
    app: &App,
    principal: &Principal,
    id: AppointmentId,
) -> Result<Row, Problem> {
    tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
        let found: Option<Row> = diesel::sql_query("SELECT * FROM my_appointments() WHERE id = $1")
            .bind::<diesel::sql_types::Uuid, _>(id)
            .get_result(connection)
            .await
            .optional()?;
        found.ok_or_else(Problem::not_found)
    })
    .await
}
