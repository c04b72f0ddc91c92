//! What an operator's machines ask.

use actix_web::{HttpResponse, web};
use diesel_async::RunQueryDsl;
use schema::tenancy::{self, Access};

use crate::app::App;
use crate::metrics as recorded;
use crate::problem::Problem;

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "operations",
    responses((status = 200, description = "It does")))]
pub async fn healthz() -> &'static str {
    "ok"
}

/// Whether requests can be served: the calendars are loaded and the database answers.
#[utoipa::path(get, path = "/readyz", tag = "operations",
    responses((status = 200, description = "They can"), (status = 503, description = "Not now")))]
pub async fn readyz(app: web::Data<App>) -> Result<&'static str, Problem> {
    if !app.engine.is_warm() {
        return Err(Problem::busy());
    }
    tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        diesel::sql_query("SELECT 1").execute(connection).await?;
        Ok::<_, Problem>("ready")
    })
    .await
}

/// Everything measured, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, content_type = "text/plain", description = "Prometheus' text format")))]
pub async fn metrics(app: web::Data<App>) -> HttpResponse {
    app.engine.observe();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(recorded::render())
}
