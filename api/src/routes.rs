//! All routes on one page. A line here registers the handler behind its access rule, puts both into
//! the OpenAPI document and lets other methods answer 405. A handler without `#[utoipa::path]` does
//! not compile here, nor does a route without a rule.

use actix_web::http::{StatusCode, header};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, ResponseError};
use utoipa::OpenApi;

use crate::auth::access::{AccessRule, access_rule};
use crate::problem::Problem;
use crate::rest::{
    appointments, assignments, availability, calendars, clinics, exceptions, input, operations,
    operatories, patients, providers, sessions, tenants, treatments,
};
use crate::{openapi, web_app, ws};

/// One method of one path.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// In lower case.
    pub method: &'static str,
    pub path: &'static str,
    /// Who may.
    pub rule: AccessRule,
}

macro_rules! routes {
    ($($path:literal {
        $($method:ident $rule:ident $(($argument:ident))? $($handler:ident)::+),+ $(,)?
    })+) => {
        fn api(services: &mut ServiceConfig) {
            $(services.service(
                web::resource($path)
                    $(.route(guarded(
                        web::$method().to($($handler)::+),
                        access_rule!($rule $(($argument))?),
                    )))+
                    .default_service(web::to(async || {
                        method_not_allowed(&[$(stringify!($method)),+])
                    })),
            );)+
        }

        /// Every method and path of the API.
        pub const ALL: &[Route] = &[$($(Route {
            method: stringify!($method),
            path: $path,
            rule: access_rule!($rule $(($argument))?),
        }),+),+];

        #[derive(OpenApi)]
        #[openapi(paths($($($($handler)::+),+),+))]
        pub(crate) struct Documented;
    };
}

routes! {
    "/auth/login" { post public sessions::login }
    "/auth/refresh" { post public sessions::refresh }
    "/auth/logout" { post public sessions::logout }
    "/auth/me" { get signed_in sessions::me }

    "/workspaces" { get signed_in tenants::workspaces }
    "/tenant" { get member tenants::tenant }

    "/clinics" { get member clinics::list }
    "/operatories" { get member operatories::list }
    "/providers" { get member providers::list }
    "/treatments" { get member treatments::list }
    "/assignments" { get member assignments::list }
    "/exceptions" { get member exceptions::list }

    "/patients" {
        get reads(CanViewPatients) patients::list,
        post changes(CanManagePatients) patients::create,
    }
    "/patients/{id}" {
        get reads(CanViewPatients) patients::get,
        patch changes(CanManagePatients) patients::update,
    }
    "/patients/{id}/history" { get reads(CanViewPatients) patients::history::list }

    "/calendars" { get member calendars::list }
    "/calendars/{id}" { get member calendars::get }
    "/calendars/{id}/events" { get member calendars::events }
    "/availability" { get member availability::search }

    "/appointments" {
        get member appointments::list,
        post changes(CanManageAppointments) appointments::create,
    }
    "/appointments/{id}" {
        get member appointments::get,
        patch changes(CanManageAppointments) appointments::update,
    }
    "/appointments/{id}/reschedule" { post changes(CanManageAppointments) appointments::reschedule }
    "/appointments/{id}/resize" { post changes(CanManageAppointments) appointments::resize }
    "/appointments/{id}/cancel" { post changes(CanManageAppointments) appointments::cancel }
    "/appointments/{id}/status" { post changes(CanManageAppointments) appointments::set_status }

    // Its first frame says who speaks; `ws/kinds.rs` has the frames' own rules.
    "/ws" { get public ws::open }

    "/healthz" { get public operations::healthz }
    "/readyz" { get public operations::readyz }
    "/metrics" { get public operations::metrics }
    "/api/openapi.json" { get public openapi::document }
}

fn guarded(route: actix_web::Route, rule: AccessRule) -> actix_web::Route {
    route.wrap(from_fn(move |request, next| rule.guard(request, next)))
}

/// Everything that the server answers.
pub fn configure(services: &mut ServiceConfig) {
    input::configure(services);
    api(services);
    services
        .configure(openapi::pages)
        .configure(web_app::configure)
        .default_service(web::to(not_found));
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found())
}

fn method_not_allowed(methods: &[&str]) -> HttpResponse {
    let mut answer = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED).error_response();
    if let Ok(allow) = methods.join(", ").to_uppercase().parse() {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}
