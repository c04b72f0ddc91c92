//! The audit log of all practices and of what concerns none, for super admins.

use actix_web::{HttpResponse, web};
use schema::ids::TenantId;
use schema::tenancy;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::audit::Who;
use crate::auth::principal::Principal;
use crate::problem::Problem;
use crate::rest::audit::{AuditEntry, AuditQuery, Scope, export, find, paged};
use crate::rest::input::Params;
use crate::rest::page::{Page, PageQuery};

/// Whose log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfTenant {
    /// Of one practice; of all without.
    #[param(value_type = Option<Uuid>)]
    tenant: Option<TenantId>,
}

impl OfTenant {
    fn scope(&self) -> Scope {
        self.tenant.map_or(Scope::All, Scope::Practice)
    }
}

/// Who did what, anywhere, newest first.
#[utoipa::path(get, path = "/admin/audit", tag = "super admin",
    params(OfTenant, AuditQuery, PageQuery), responses((status = 200, body = Page<AuditEntry>)))]
pub async fn list(
    app: web::Data<App>,
    principal: Principal,
    of: Params<OfTenant>,
    wanted: Params<AuditQuery>,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<AuditEntry>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<i64>()?);
    let entries = tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
        find(connection, of.scope(), &wanted, after, limit + 1).await
    })
    .await?;
    Ok(web::Json(paged(entries, limit)))
}

/// Who did what, anywhere, as CSV.
#[utoipa::path(get, path = "/admin/audit/export", tag = "super admin",
    params(OfTenant, AuditQuery),
    responses((status = 200, content_type = "text/csv", description = "Newest first")))]
pub async fn csv(
    app: web::Data<App>,
    principal: Principal,
    of: Params<OfTenant>,
    wanted: Params<AuditQuery>,
) -> Result<HttpResponse, Problem> {
    let (who, access) = (Who::from(&principal), principal.access());
    export::download(app, who, access, of.scope(), wanted.into_inner()).await
}
