//! Bookings by their token: seen, cancelled and moved by whoever has it, without an account.

use actix_web::{HttpRequest, web};
use diesel::prelude::*;
use diesel::sql_types::Bytea;
use diesel_async::RunQueryDsl;
use engine::command::{Cancel, Command, Done, Request, Reschedule};
use engine::scheduling::placement::Asker;
use engine::tokens;
use schema::appointments;
use schema::ids::{AppointmentId, TenantId};
use schema::models::appointment::Appointment;
use schema::schema::tenants;
use schema::tenancy::{self, Access};

use crate::actions;
use crate::address;
use crate::app::App;
use crate::practices::Practice;
use crate::problem::Problem;
use crate::public::booking::{BookingView, too_late};
use crate::public::limits::Kind;
use crate::request;
use crate::rest::language::Language;
use crate::wire::appointment::{Cancellation, NewTime};
use crate::wire::time;

/// Longer ones are none of ours.
const TOKEN_BYTES_MAX: usize = 200;

/// A booking that a token has opened.
#[derive(Debug)]
pub struct Opened {
    practice: Practice,
    suspended: bool,
    appointment: Appointment,
    language: Language,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    appointment_id: AppointmentId,
}

/// The booking of a token, in a suspended practice too: patients keep their visits.
///
/// # Errors
/// 404 for a token that opens nothing, 429, 503 without a database.
pub async fn open(
    app: &web::Data<App>,
    request: &HttpRequest,
    token: &str,
    kind: Kind,
) -> Result<Opened, Problem> {
    app.public_limits.take(address::of(request), kind)?;
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Problem::not_found());
    }
    let hash = tokens::hash(token);
    let row: Option<Row> =
        tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
            let row = diesel::sql_query("SELECT * FROM lookup_public_booking($1)")
                .bind::<Bytea, _>(hash)
                .get_result(connection)
                .await
                .optional()?;
            Ok::<_, Problem>(row)
        })
        .await?;
    let row = row.ok_or_else(Problem::not_found)?;
    let access = Access {
        tenants: vec![row.tenant_id],
        ..Access::default()
    };
    let (names, appointment): ((String, String, String, String, String), _) =
        tenancy::transaction(&app.app_pool, &access, async |connection| {
            let names = tenants::table
                .find(row.tenant_id)
                .select((
                    tenants::name,
                    tenants::subdomain,
                    tenants::zone,
                    tenants::locale,
                    tenants::status,
                ))
                .first(connection)
                .await?;
            let found = appointments::find(connection, row.tenant_id, row.appointment_id).await?;
            Ok::<_, Problem>((names, found.ok_or_else(Problem::not_found)?))
        })
        .await?;
    let (name, subdomain, zone, locale, status) = names;
    let language = Language::of(request, &locale);
    Ok(Opened {
        practice: Practice {
            tenant: row.tenant_id,
            subdomain,
            name,
            zone,
            locale,
        },
        suspended: status != "active",
        appointment,
        language,
    })
}

impl Opened {
    /// As the token's bearer sees it.
    ///
    /// # Errors
    /// 503 without a database.
    pub async fn view(&self, app: &App) -> Result<BookingView, Problem> {
        let rules = app.engine.rules(self.practice.tenant).await?;
        let now = app.engine.clock().now();
        let view = BookingView::of(
            &self.appointment,
            &rules,
            &self.practice,
            self.language,
            now,
        );
        Ok(view)
    }

    /// Gives its time back.
    ///
    /// # Errors
    /// `too_soon` inside the practice's window, `wrong_status`.
    pub async fn cancel(
        self,
        app: &App,
        key: Option<String>,
        body: Cancellation,
    ) -> Result<(BookingView, bool), Problem> {
        let command = Command::Cancel(Cancel {
            appointment: actions::target(self.appointment.id, None),
            reason: body.reason,
            code: None,
        });
        self.change(app, key, command).await
    }

    /// Another time, by the public's rules.
    ///
    /// # Errors
    /// `too_soon` inside the practice's window, what the rules refuse, what is taken, `suspended`.
    pub async fn reschedule(
        self,
        app: &App,
        key: Option<String>,
        body: NewTime,
    ) -> Result<(BookingView, bool), Problem> {
        if self.suspended {
            return Err(Problem::suspended());
        }
        let command = Command::Reschedule(Reschedule {
            appointment: actions::target(self.appointment.id, None),
            start: time::minute("start", body.start)?,
            provider: body.dentist_id,
            operatory: body.operatory_id,
            overrides: Default::default(),
        });
        self.change(app, key, command).await
    }

    async fn change(
        mut self,
        app: &App,
        key: Option<String>,
        command: Command,
    ) -> Result<(BookingView, bool), Problem> {
        actions::check_key(key.as_deref())?;
        let view = self.view(app).await?;
        if app.engine.clock().now() >= view.changeable_until {
            return Err(too_late(view.changeable_until));
        }
        let request = Request {
            tenant: self.practice.tenant,
            asker: Asker::Public,
            principal: format!("booking:{}", self.appointment.id),
            user: None,
            origin: request::origin(),
            key,
            command,
        };
        let reply = actions::attempt(app, request)
            .await
            .map_err(Problem::without_conflict)?;
        if let Done::Appointment(appointment) = reply.done {
            self.appointment = *appointment;
        }
        Ok((self.view(app).await?, reply.replay))
    }
}
