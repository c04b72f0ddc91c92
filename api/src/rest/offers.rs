//! Answers to offers from the waitlist, by whoever has the offer's token: no account is needed.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use diesel::prelude::*;
use diesel::sql_types::Bytea;
use diesel_async::RunQueryDsl;
use engine::command::hold::Confirm;
use engine::command::{Command, Reply, Request};
use engine::scheduling::placement::Asker;
use engine::tokens;
use schema::ids::{HoldId, OfferId, TenantId};
use schema::schema::{public_bookings, tenants};
use schema::tenancy::{self, Access};

use crate::actions;
use crate::address;
use crate::app::App;
use crate::practices::Practice;
use crate::problem::Problem;
use crate::public::applicant::appointment_of;
use crate::public::booking::{self, BookingView};
use crate::public::limits::Kind;
use crate::request;
use crate::rest::appointments::key;
use crate::rest::holds::{answer, released};
use crate::rest::language::Language;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: OfferId,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    hold_id: HoldId,
}

/// An offer that a token has opened, in a practice that is not suspended.
struct Opened {
    practice: Practice,
    language: Language,
    offer: OfferId,
    hold: HoldId,
}

fn access(tenant: TenantId) -> Access {
    Access {
        tenants: vec![tenant],
        ..Access::default()
    }
}

async fn open(app: &App, request: &HttpRequest, token: &str) -> Result<Opened, Problem> {
    app.public_limits
        .take(address::of(request), Kind::Changing)?;
    let hash = tokens::hash(token);
    let row: Option<Row> =
        tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
            let row = diesel::sql_query("SELECT * FROM lookup_offer($1)")
                .bind::<Bytea, _>(hash)
                .get_result(connection)
                .await
                .optional()?;
            Ok::<_, Problem>(row)
        })
        .await?;
    let row = row.ok_or_else(Problem::not_found)?;
    let subdomain: String =
        tenancy::transaction(&app.app_pool, &access(row.tenant_id), async |connection| {
            let subdomain = tenants::table
                .find(row.tenant_id)
                .select(tenants::subdomain)
                .first(connection)
                .await?;
            Ok::<_, Problem>(subdomain)
        })
        .await?;
    let practice = crate::practices::find(app, &subdomain).await?;
    Ok(Opened {
        language: Language::of(request, &practice.locale),
        practice,
        offer: row.id,
        hold: row.hold_id,
    })
}

impl Opened {
    async fn run(
        &self,
        app: &App,
        key: Option<String>,
        command: Command,
    ) -> Result<Reply, Problem> {
        actions::check_key(key.as_deref())?;
        let request = Request {
            tenant: self.practice.tenant,
            asker: Asker::Public,
            principal: format!("offer:{}", self.offer),
            user: None,
            origin: request::origin(),
            key,
            command,
        };
        Ok(actions::execute(app, request).await?)
    }
}

/// Takes the time that is offered: it becomes a booking, and the answer has its `manageToken`.
#[utoipa::path(post, path = "/offers/{token}/accept", tag = "waitlist", security(()),
    params(("token" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = BookingView), (status = 403, description = "`suspended`"),
        (status = 404, description = "`not_found`"),
        (status = 409, description = "`patient_busy`: they have booked something else then"),
        (status = 422, description = "`hold_expired`: it was answered, or is over")))]
pub async fn accept(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let opened = open(&app, &request, &token).await?;
    let appointment = appointment_of(opened.hold);
    let command = Command::Confirm(Confirm {
        hold: opened.hold,
        appointment,
        patient: None,
        applicant: "offer".to_owned(),
        notes: None,
    });
    let reply = opened.run(&app, key(&request)?, command).await?;
    // The way back to it. Whoever had the offer was reached: nothing is left to verify.
    let tenant = opened.practice.tenant;
    let manage = tokens::hash(&app.engine.tokens().manage(appointment));
    tenancy::transaction(&app.app_pool, &access(tenant), async |connection| {
        diesel::insert_into(public_bookings::table)
            .values((
                public_bookings::appointment_id.eq(appointment),
                public_bookings::tenant_id.eq(tenant),
                public_bookings::manage_token_hash.eq(manage),
                public_bookings::verified_at.eq(diesel::dsl::now),
            ))
            .on_conflict(public_bookings::appointment_id)
            .do_nothing()
            .execute(connection)
            .await
            .map_err(Problem::from)
    })
    .await?;
    let view = booking::view(&app, &opened.practice, opened.language, &reply).await?;
    Ok(answer(StatusCode::CREATED, &view, &reply))
}

/// Leaves the time to the next one; they wait on.
#[utoipa::path(post, path = "/offers/{token}/decline", tag = "waitlist", security(()),
    params(("token" = String, Path)),
    responses((status = 204, description = "The next one is offered it"),
        (status = 404, description = "`not_found`"),
        (status = 422, description = "`hold_expired`: it was accepted, or is over")))]
pub async fn decline(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let opened = open(&app, &request, &token).await?;
    let command = Command::Release { hold: opened.hold };
    let reply = opened.run(&app, key(&request)?, command).await?;
    Ok(released(&reply))
}
