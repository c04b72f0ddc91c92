//! All routes on one page. A line here registers the handler, puts it into the OpenAPI document and
//! lets other methods answer 405; a handler without `#[utoipa::path]` does not compile here.

use actix_web::http::{StatusCode, header};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, ResponseError};
use utoipa::OpenApi;

use crate::problem::Problem;
use crate::rest::{
    api_keys, appointments, assignments, availability, calendars, clinics, exceptions, input,
    operations, operatories, own_sessions, passwords, patients, providers, registration, sessions,
    tenants, treatments,
};
use crate::{openapi, web_app, ws};

macro_rules! routes {
    ($($path:literal { $($method:ident $($handler:ident)::+),+ $(,)? })+) => {
        fn api(services: &mut ServiceConfig) {
            $(services.service(
                web::resource($path)
                    $(.$method($($handler)::+))+
                    .default_service(web::to(async || {
                        method_not_allowed(&[$(stringify!($method)),+])
                    })),
            );)+
        }

        /// Every method and path of the API.
        pub const ALL: &[(&str, &str)] = &[$($((stringify!($method), $path)),+),+];

        #[derive(OpenApi)]
        #[openapi(paths($($($($handler)::+),+),+))]
        pub(crate) struct Documented;
    };
}

routes! {
    "/auth/login" { post sessions::login }
    "/auth/refresh" { post sessions::refresh }
    "/auth/logout" { post sessions::logout }
    "/auth/me" { get sessions::me }
    "/auth/register" { post registration::register }
    "/auth/verify-email" { post registration::verify_email }
    "/auth/resend-verification" { post registration::resend_verification }
    "/auth/forgot-password" { post registration::forgot_password }
    "/auth/reset-password" { post passwords::reset }
    "/auth/change-password" { post passwords::change }
    "/auth/sessions" { get own_sessions::list, delete own_sessions::end_all }
    "/auth/sessions/{id}" { delete own_sessions::end }
    "/api-keys" { get api_keys::list, post api_keys::create }
    "/api-keys/{id}" { delete api_keys::revoke }

    "/workspaces" { get tenants::workspaces }
    "/tenant" { get tenants::tenant }

    "/clinics" { get clinics::list }
    "/operatories" { get operatories::list }
    "/providers" { get providers::list }
    "/treatments" { get treatments::list }
    "/assignments" { get assignments::list }
    "/exceptions" { get exceptions::list }

    "/patients" { get patients::list, post patients::create }
    "/patients/{id}" { get patients::get, patch patients::update }
    "/patients/{id}/history" { get patients::history::list }

    "/calendars" { get calendars::list }
    "/calendars/{id}" { get calendars::get }
    "/calendars/{id}/events" { get calendars::events }
    "/availability" { get availability::search }

    "/appointments" { get appointments::list, post appointments::create }
    "/appointments/{id}" { get appointments::get, patch appointments::update }
    "/appointments/{id}/reschedule" { post appointments::reschedule }
    "/appointments/{id}/resize" { post appointments::resize }
    "/appointments/{id}/cancel" { post appointments::cancel }
    "/appointments/{id}/status" { post appointments::set_status }

    "/ws" { get ws::open }

    "/healthz" { get operations::healthz }
    "/readyz" { get operations::readyz }
    "/metrics" { get operations::metrics }
    "/api/openapi.json" { get openapi::document }
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
