//! All routes on one page. A line here registers the handler behind its access rule, puts both into
//! the OpenAPI document and lets other methods answer 405. A handler without `#[utoipa::path]` does
//! not compile here, nor does a route without a rule.

use std::future::ready;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::{StatusCode, header};
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, ResponseError};
use utoipa::OpenApi;

use crate::auth::access::{AccessRule, access_rule};
use crate::once::{self, Keeper};
use crate::problem::Problem;
use crate::rest::{
    admin, api_keys, appointments, assignments, audit, availability, blocks, calendars, clinics,
    email_change, equipment, exceptions, holds, hours, input, invitations, me, offers, oidc,
    operations, operatories, own_sessions, passwords, patients, providers, public, registration,
    replan, series, sessions, staff, tenants, treatments, utilization, waitlist,
};
use crate::{cors, openapi, web_app, ws};

/// One method of one path.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// In lower case.
    pub method: &'static str,
    pub path: &'static str,
    /// Who may.
    pub rule: AccessRule,
    /// Who looks after its `Idempotency-Key`.
    pub keeper: Keeper,
}

/// `post:engine …` is a command, whose key is the engine's; with `both` its answer is more than the
/// engine's; `nobody` changes nothing; `stream` reads a body that is too long to be kept. Without a word it is as [`Keeper::of`] says, so no change is
/// forgotten.
macro_rules! keeper {
    ($method:ident $path:literal) => {
        Keeper::of(stringify!($method), $path)
    };
    ($method:ident $path:literal engine) => {
        Keeper::Engine
    };
    ($method:ident $path:literal both) => {
        Keeper::Both
    };
    ($method:ident $path:literal nobody) => {
        Keeper::Nobody
    };
    ($method:ident $path:literal stream) => {
        Keeper::Stream
    };
}

macro_rules! routes {
    ($($path:literal {
        $($method:ident $(: $keeper:ident)? $rule:ident $(($argument:ident))? $($handler:ident)::+),+
        $(,)?
    })+) => {
        /// Paths that name no row, or those that do. Each request is held against one path after
        /// the other, and the former cost next to nothing.
        fn api(services: &mut ServiceConfig, naming_rows: bool) {
            $(if $path.contains('{') == naming_rows {
                let methods = [$(stringify!($method)),+].join(", ").to_uppercase();
                services.service(
                    web::resource($path)
                        $(.route(guarded(
                            web::$method().to($($handler)::+),
                            access_rule!($rule $(($argument))?),
                            keeper!($method $path $($keeper)?),
                        )))+
                        .default_service(web::to({
                            let methods = methods.clone();
                            move || ready(method_not_allowed(&methods))
                        }))
                        .wrap(Condition::new(
                            cors::is_open($path),
                            from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
                                cors::open(methods.clone(), request, next)
                            }),
                        )),
                );
            })+
        }

        /// Every method and path of the API.
        pub const ALL: &[Route] = &[$($(Route {
            method: stringify!($method),
            path: $path,
            rule: access_rule!($rule $(($argument))?),
            keeper: keeper!($method $path $($keeper)?),
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
    "/auth/register" { post public registration::register }
    "/auth/verify-email" { post public registration::verify_email }
    "/auth/resend-verification" { post public registration::resend_verification }
    "/auth/forgot-password" { post public registration::forgot_password }
    "/auth/reset-password" { post public passwords::reset }
    "/auth/change-password" { post signed_in passwords::change }
    "/auth/change-email" { post signed_in email_change::ask }
    "/auth/confirm-email" { post public email_change::confirm }
    "/auth/sessions" { get signed_in own_sessions::list, delete signed_in own_sessions::end_all }
    "/auth/sessions/{id}" { delete signed_in own_sessions::end }

    "/auth/oidc" { get public oidc::list }
    "/auth/oidc/{provider}/start" { get public oidc::start }
    "/auth/oidc/{provider}/callback" { get public oidc::callback, post public oidc::posted }

    "/api-keys" {
        get reads(CanManagePractice) api_keys::list,
        post changes(CanManagePractice) api_keys::create,
    }
    // Also in a suspended practice: what has leaked must be closed.
    "/api-keys/{id}" { delete reads(CanManagePractice) api_keys::revoke }

    "/me/dentists" { get patient me::dentists }
    "/me/appointments" { get patient me::appointments::list }
    "/me/appointments/{id}/cancel" { post:engine patient me::appointments::cancel }
    "/me/appointments/{id}/confirm" { post:engine patient me::appointments::confirm }
    "/me/profile" { get patient me::profile::get, patch patient me::profile::update }
    "/me/link" { post signed_in me::link }
    "/patients/{id}/invitation" { post changes(CanManagePatients) patients::invitation::create }

    "/workspaces" { get signed_in tenants::workspaces }
    "/tenant" {
        get member tenants::tenant,
        patch changes(CanManagePractice) tenants::update,
    }
    "/staff" {
        get reads(CanManageStaff) staff::list,
        post changes(CanManageStaff) invitations::create,
    }
    "/staff/invitations" { get reads(CanManageStaff) invitations::list }
    "/staff/invitations/{id}" { delete changes(CanManageStaff) invitations::revoke }
    "/staff/invitations/{id}/resend" { post changes(CanManageStaff) invitations::resend }
    "/staff/{id}" {
        patch changes(CanManageStaff) staff::update,
        delete changes(CanManageStaff) staff::remove,
    }
    "/invitations" { get signed_in invitations::answer::mine }
    "/invitations/{token}" { get secret(token) invitations::answer::get }
    "/invitations/{token}/accept" { post secret(token) invitations::answer::accept }
    "/invitations/{token}/reject" { post secret(token) invitations::answer::reject }
    "/audit" { get reads(CanViewAudit) audit::list }
    "/audit/export" { get reads(CanViewAudit) audit::export::csv }

    "/admin/tenants" { get super_admin admin::tenants::list }
    "/admin/tenants/{id}/suspend" { post super_admin admin::tenants::suspend }
    "/admin/tenants/{id}/activate" { post super_admin admin::tenants::activate }
    "/admin/audit" { get super_admin admin::audit::list }
    "/admin/audit/export" { get super_admin admin::audit::csv }

    "/clinics" { get member clinics::list }
    "/operatories" { get member operatories::list }
    "/assignments" { get member assignments::list }
    "/providers" {
        get member providers::list,
        post changes(CanManageStaff) providers::change::create,
    }
    "/providers/{id}" {
        get member providers::get,
        patch changes(CanManageStaff) providers::change::update,
        delete changes(CanManageStaff) providers::change::delete,
    }
    "/providers/{id}/hours" {
        get member hours::of_provider,
        put changes(CanManageSchedule) hours::set_of_provider,
    }
    "/equipment" {
        get member equipment::list,
        post changes(CanManagePractice) equipment::create,
    }
    "/equipment/{id}" {
        get member equipment::get,
        patch changes(CanManagePractice) equipment::update,
        delete changes(CanManagePractice) equipment::delete,
    }
    "/equipment/{id}/hours" {
        get member hours::of_equipment,
        put changes(CanManageSchedule) hours::set_of_equipment,
    }
    "/treatments" {
        get member treatments::list,
        post changes(CanManageTreatments) treatments::change::create,
    }
    "/treatments/{id}" {
        get member treatments::get,
        patch changes(CanManageTreatments) treatments::change::update,
        delete changes(CanManageTreatments) treatments::change::delete,
    }
    "/exceptions" {
        get member exceptions::list,
        post changes(CanManageSchedule) exceptions::change::create,
    }
    "/exceptions/{id}" {
        get member exceptions::get,
        patch changes(CanManageSchedule) exceptions::change::update,
        delete changes(CanManageSchedule) exceptions::change::delete,
    }

    "/admin/clinics" {
        get super_admin admin::clinics::list,
        post super_admin admin::clinics::create,
    }
    "/admin/clinics/{id}" {
        get super_admin admin::clinics::get,
        patch super_admin admin::clinics::update,
        delete super_admin admin::clinics::delete,
    }
    "/admin/operatories" {
        get super_admin admin::operatories::list,
        post super_admin admin::operatories::create,
    }
    "/admin/operatories/{id}" {
        get super_admin admin::operatories::get,
        patch super_admin admin::operatories::update,
        delete super_admin admin::operatories::delete,
    }
    "/admin/assignments" {
        get super_admin admin::assignments::list,
        post super_admin admin::assignments::create,
    }
    "/admin/assignments/conflicts" { get super_admin admin::lending::conflicts }
    "/admin/assignments/{id}" {
        get super_admin admin::assignments::get,
        patch super_admin admin::assignments::update,
        delete super_admin admin::assignments::delete,
    }
    "/admin/exceptions" {
        get super_admin admin::exceptions::list,
        post super_admin admin::exceptions::create,
    }
    "/admin/exceptions/{id}" {
        patch super_admin admin::exceptions::update,
        delete super_admin admin::exceptions::delete,
    }
    // Members with `canViewReports` see their practice's part.
    "/analytics/operatory-utilization" { get signed_in utilization::operatories }

    "/patients" {
        get reads(CanViewPatients) patients::list::list,
        post changes(CanManagePatients) patients::create,
    }
    "/patients/link" { post changes(CanManagePatients) patients::link::link }
    "/patients/link-requests" { post changes(CanManagePatients) patients::link::requests::create }
    "/patients/link-requests/{token}" { get secret(token) patients::link::requests::get }
    "/patients/link-requests/{token}/accept" {
        post secret(token) patients::link::requests::accept,
    }
    "/patients/link-requests/{token}/decline" {
        post secret(token) patients::link::requests::decline,
    }
    "/patients/import" { post:stream changes(CanManagePatients) patients::import::import }
    // Everything at once is more than seeing one after the other.
    "/patients/export" { get reads(CanManagePatients) patients::export::export }
    "/patients/merge" { post:both changes(CanManagePatients) patients::merge::merge }
    "/patients/{id}" {
        get reads(CanViewPatients) patients::get,
        patch changes(CanManagePatients) patients::update,
    }
    "/patients/{id}/history" { get reads(CanViewPatients) patients::history::list }
    "/patients/{id}/relation" {
        get reads(CanViewPatients) patients::relation::get,
        patch changes(CanManagePatients) patients::relation::update,
    }
    "/patients/{id}/transfer" { post changes(CanManagePatients) patients::transfer::transfer }
    "/patients/{id}/medical" {
        get reads(CanViewPatients) patients::medical::get,
        put changes(CanManagePatients) patients::medical::put,
    }
    "/patients/{id}/medical/revisions" {
        get reads(CanViewPatients) patients::medical::revisions,
    }
    "/patients/{id}/archive" { post changes(CanManagePatients) patients::relation::archive }
    "/patients/{id}/restore" { post changes(CanManagePatients) patients::relation::restore }

    "/me/link-requests" { get patient patients::link::requests::list_own }
    "/me/link-requests/{id}/accept" { post patient patients::link::requests::accept_own }
    "/me/link-requests/{id}/decline" { post patient patients::link::requests::decline_own }

    "/calendars" { get members calendars::list }
    "/calendars/{id}" { get member calendars::get }
    "/calendars/{id}/events" { get member calendars::events }
    "/availability" { get member availability::search }
    "/availability/explain" { get member availability::explain }

    "/appointments" {
        get member appointments::list,
        post:engine changes(CanManageAppointments) appointments::create,
    }
    "/appointments/swap" { post:engine changes(CanManageAppointments) appointments::swap }
    "/appointments/{id}" {
        get member appointments::get,
        patch:engine changes(CanManageAppointments) appointments::update,
    }
    "/appointments/{id}/reschedule" { post:engine changes(CanManageAppointments) appointments::reschedule }
    "/appointments/{id}/resize" { post:engine changes(CanManageAppointments) appointments::resize }
    "/appointments/{id}/cancel" { post:engine changes(CanManageAppointments) appointments::cancel }
    "/appointments/{id}/status" { post:engine changes(CanManageAppointments) appointments::set_status }

    "/series/preview" { post:nobody changes(CanManageAppointments) series::preview }
    "/series" { post:engine changes(CanManageAppointments) series::create }
    "/series/{id}" {
        get member series::get,
        patch:engine changes(CanManageAppointments) series::update,
        delete:engine changes(CanManageAppointments) series::cancel,
    }

    "/blocks" { get member blocks::list, post:engine changes(CanManageSchedule) blocks::create }
    "/blocks/{id}" {
        get member blocks::get,
        patch:engine changes(CanManageSchedule) blocks::update,
        delete:engine changes(CanManageSchedule) blocks::remove,
    }

    "/replan/preview" { post:nobody changes(CanManageAppointments) replan::preview }
    "/replan" { post:engine changes(CanManageAppointments) replan::run }

    "/holds" { post:engine changes(CanManageAppointments) holds::create }
    "/holds/{id}" { delete:engine changes(CanManageAppointments) holds::release }
    "/holds/{id}/renew" { post:engine changes(CanManageAppointments) holds::renew }
    "/holds/{id}/confirm" { post:engine changes(CanManageAppointments) holds::confirm }

    "/waitlist" {
        get reads(CanViewPatients) waitlist::list,
        post changes(CanManageAppointments) waitlist::create,
    }
    "/waitlist/candidates" { get reads(CanViewPatients) waitlist::candidates }
    "/waitlist/{id}" { delete changes(CanManageAppointments) waitlist::withdraw }
    "/waitlist/{id}/offer" { post changes(CanManageAppointments) waitlist::offer }
    "/offers/{token}/accept" { post:engine secret(token) offers::accept }
    "/offers/{token}/decline" { post:engine secret(token) offers::decline }

    "/public/appointments/{manageToken}" { get secret(manageToken) public::bookings::get }
    "/public/appointments/{manageToken}/cancel" {
        post:engine secret(manageToken) public::bookings::cancel
    }
    "/public/appointments/{manageToken}/reschedule" {
        post:engine secret(manageToken) public::bookings::reschedule
    }
    "/public/{subdomain}" { get public public::practice }
    "/public/{subdomain}/availability" { get public public::availability }
    "/public/{subdomain}/availability/explain" { get public public::explain }
    "/public/{subdomain}/holds" { post:engine public public::holds::create }
    // Without the hold's token these are 404.
    "/public/{subdomain}/holds/{id}" { delete:engine public public::holds::release }
    "/public/{subdomain}/holds/{id}/renew" { post:engine public public::holds::renew }
    "/public/{subdomain}/holds/{id}/confirm" { post:engine public public::holds::confirm }

    // Its first frame says who speaks; `ws/kinds.rs` has the frames' own rules.
    "/ws" { get public ws::open }

    "/healthz" { get public operations::healthz }
    "/readyz" { get public operations::readyz }
    "/metrics" { get public operations::metrics }
    "/api/openapi.json" { get public openapi::document }
}

fn guarded(route: actix_web::Route, rule: AccessRule, keeper: Keeper) -> actix_web::Route {
    route
        .wrap(from_fn(move |request, next| {
            once::around(keeper, rule, request, next)
        }))
        .wrap(from_fn(move |request, next| rule.guard(request, next)))
        .wrap(from_fn(input::plain_address)) // the outer one
}

/// Everything that the server answers.
pub fn configure(services: &mut ServiceConfig) {
    input::configure(services);
    api(services, false);
    api(services, true);
    services
        .configure(openapi::pages)
        .configure(web_app::configure)
        .default_service(web::to(not_found));
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found())
}

fn method_not_allowed(methods: &str) -> HttpResponse {
    let mut answer = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED).error_response();
    if let Ok(allow) = methods.parse() {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}
