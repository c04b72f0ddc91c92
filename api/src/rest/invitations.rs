//! Inviting somebody to work for the practice: by e-mail, with a link that works once and for seven
//! days. Only the SHA-256 of its token is kept. What the invited one does is in `invitations::answer`.

pub mod answer;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::ids::{TenantId, UserId};
use schema::schema::{invitations, memberships, tenants, users};
use schema::tenancy;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::permissions::{Permission, Role};
use crate::auth::principal::Member;
use crate::auth::sessions;
use crate::mail::{self, Letter};
use crate::problem::Problem;
use crate::rest::input::{Input, Params};
use crate::rest::language::Language;
use crate::rest::page::{Page, PageQuery};
use crate::rest::patients::record::{check_email, lower_email};
use crate::rest::staff::{check_grant, given_permissions, given_role, names};

/// How long an invitation can be accepted.
const LIFE: TimeDelta = TimeDelta::days(7);
/// Between two e-mails of one invitation.
const RESEND_AFTER: TimeDelta = TimeDelta::minutes(1);
/// Open invitations of one practice.
const OPEN_MAX: i64 = 100;

/// Whom to ask.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    #[garde(custom(check_email))]
    #[schema(example = "eva@example.com")]
    email: String,
    /// Any but `dentist`: a practice has one owner.
    #[garde(skip)]
    #[schema(value_type = Role)]
    role: String,
    /// The role's defaults without.
    #[garde(skip)]
    #[schema(value_type = Option<Vec<Permission>>)]
    permissions: Option<Vec<String>>,
}

/// An invitation as the practice sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    id: Uuid,
    email: String,
    role: Role,
    permissions: Vec<Permission>,
    /// `open`, `expired`, `accepted`, `rejected` or `revoked`.
    status: String,
    expires_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = invitations)]
struct Row {
    id: Uuid,
    email: String,
    role: String,
    permissions: Vec<Option<String>>,
    status: String,
    expires_at: DateTime<Utc>,
    sent_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Invitation {
    type Error = Problem;

    fn try_from(row: Row) -> Result<Self, Problem> {
        let role = Role::parse(&row.role).ok_or_else(|| Problem::internal("an unknown role"))?;
        let stored = row.permissions.iter().flatten().map(String::as_str);
        let expired = row.status == "open" && row.expires_at <= Utc::now();
        Ok(Self {
            id: row.id,
            email: row.email,
            permissions: role.effective_permissions(stored),
            role,
            status: if expired {
                "expired".to_owned()
            } else {
                row.status
            },
            expires_at: row.expires_at,
            created_at: row.created_at,
        })
    }
}

/// Whom the practice has invited, newest first.
#[utoipa::path(get, path = "/staff/invitations", tag = "staff", params(PageQuery),
    responses((status = 200, body = Page<Invitation>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<Invitation>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<Uuid>()?);
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let mut query = invitations::table
                .filter(invitations::tenant_id.eq(member.tenant()))
                .order(invitations::id.desc()) // version 7: by time
                .limit(limit + 1)
                .select(Row::as_select())
                .into_boxed();
            if let Some(id) = after {
                query = query.filter(invitations::id.lt(id));
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    let items: Vec<Invitation> = rows
        .into_iter()
        .map(Row::try_into)
        .collect::<Result<_, _>>()?;
    Ok(web::Json(Page::of(
        items,
        limit,
        |one| one.id,
        std::convert::identity,
    )))
}

/// Invite somebody by e-mail, with a role and what they shall be allowed. A newer invitation of the
/// same address takes the place of an older one.
#[utoipa::path(post, path = "/staff", tag = "staff", request_body = NewInvitation,
    responses((status = 201, body = Invitation),
        (status = 409, description = "`already_member`"),
        (status = 422, description = "`validation`, `invitation_limit`")))]
pub async fn create(
    app: web::Data<App>,
    member: Member,
    Input(given): Input<NewInvitation>,
) -> Result<HttpResponse, Problem> {
    let tenant = member.tenant();
    let inviter = member.principal.account()?.clone();
    let role = given_role(&given.role)?;
    let permissions = given_permissions(role, given.permissions.as_deref())?;
    check_grant(&member, &permissions)?;
    let email = lower_email(&given.email);
    let (id, token) = (Uuid::now_v7(), sessions::random_token()?);
    let created = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        check_new(connection, tenant, &email).await?;
        diesel::insert_into(invitations::table)
            .values((
                invitations::id.eq(id),
                invitations::tenant_id.eq(tenant),
                invitations::email.eq(&email),
                invitations::role.eq(role.name()),
                invitations::permissions.eq(names(&permissions)),
                invitations::token_hash.eq(sessions::hash(&token)),
                invitations::invited_by.eq(inviter.user),
                invitations::expires_at.eq(Utc::now() + LIFE),
            ))
            .execute(connection)
            .await?;
        send(&app, connection, tenant, &email, &inviter.name, &token).await?;
        let told = json!({ "email": email, "role": role, "permissions": permissions });
        let entry = Entry::new("invitation.sent").on(id).after(told);
        audit::record(connection, &member, entry).await?;
        find(connection, tenant, id).await
    })
    .await?;
    app.mail.wake();
    Ok(HttpResponse::Created().json(Invitation::try_from(created)?))
}

/// Makes room for a new invitation of that address, unless there is nobody to invite.
async fn check_new(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    email: &str,
) -> Result<(), Problem> {
    let member: Option<UserId> = memberships::table
        .inner_join(users::table)
        .filter(memberships::tenant_id.eq(tenant))
        .filter(memberships::status.eq("active"))
        .filter(users::email.eq(email))
        .select(users::id)
        .first(connection)
        .await
        .optional()?;
    if member.is_some() {
        return Err(answer::already_member());
    }
    diesel::update(invitations::table)
        .filter(invitations::tenant_id.eq(tenant))
        .filter(invitations::status.eq("open"))
        .filter(invitations::email.eq(email))
        .set(invitations::status.eq("revoked"))
        .execute(connection)
        .await?;
    let open: i64 = invitations::table
        .filter(invitations::tenant_id.eq(tenant))
        .filter(invitations::status.eq("open"))
        .filter(invitations::expires_at.gt(diesel::dsl::now))
        .count()
        .get_result(connection)
        .await?;
    if open >= OPEN_MAX {
        return Err(Problem::new(
            actix_web::http::StatusCode::UNPROCESSABLE_ENTITY,
            "invitation_limit",
            format!("A practice has at most {OPEN_MAX} open invitations."),
        ));
    }
    Ok(())
}

async fn find(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    id: Uuid,
) -> Result<Row, Problem> {
    Ok(invitations::table
        .filter(invitations::tenant_id.eq(tenant))
        .filter(invitations::id.eq(id))
        .select(Row::as_select())
        .first(connection)
        .await?)
}

async fn send(
    app: &App,
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    email: &str,
    inviter: &str,
    token: &str,
) -> Result<(), Problem> {
    let (practice, locale): (String, String) = tenants::table
        .find(tenant)
        .select((tenants::name, tenants::locale))
        .first(connection)
        .await?;
    let letter = Letter::Invitation {
        inviter: inviter.to_owned(),
        practice,
        link: format!("{}/app/invitation#token={token}", app.config.public_url),
    };
    Ok(mail::queue(connection, email, Language::named(&locale), &letter).await?)
}

/// Send an open or expired invitation again, with a new link and seven more days. The link sent
/// before works no more.
#[utoipa::path(post, path = "/staff/invitations/{id}/resend", tag = "staff",
    params(("id" = Uuid, Path)),
    responses((status = 200, body = Invitation),
        (status = 409, description = "`wrong_status`: it has been answered or revoked"),
        (status = 429, description = "`rate_limited`: one e-mail a minute")))]
pub async fn resend(
    app: web::Data<App>,
    member: Member,
    id: web::Path<Uuid>,
) -> Result<web::Json<Invitation>, Problem> {
    let tenant = member.tenant();
    let inviter = member.principal.account()?.clone();
    let token = sessions::random_token()?;
    let sent = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        let before = find(connection, tenant, *id).await?;
        let wait = before.sent_at + RESEND_AFTER - Utc::now();
        if before.status == "open" && wait > TimeDelta::zero() {
            let seconds = u64::try_from(wait.num_seconds()).unwrap_or(0) + 1;
            return Err(Problem::too_many(seconds));
        }
        let now = Utc::now();
        let open = invitations::table
            .filter(invitations::tenant_id.eq(tenant))
            .filter(invitations::id.eq(*id))
            .filter(invitations::status.eq("open"));
        let renewed = diesel::update(open)
            .set((
                invitations::token_hash.eq(sessions::hash(&token)),
                invitations::expires_at.eq(now + LIFE),
                invitations::sent_at.eq(now),
            ))
            .execute(connection)
            .await?;
        if renewed == 0 {
            return Err(not_open());
        }
        send(
            &app,
            connection,
            tenant,
            &before.email,
            &inviter.name,
            &token,
        )
        .await?;
        audit::record(connection, &member, Entry::new("invitation.resent").on(*id)).await?;
        find(connection, tenant, *id).await
    })
    .await?;
    app.mail.wake();
    Ok(web::Json(sent.try_into()?))
}

/// Take an invitation back: its link works no more.
#[utoipa::path(delete, path = "/staff/invitations/{id}", tag = "staff",
    params(("id" = Uuid, Path)),
    responses((status = 204, description = "It is revoked"),
        (status = 409, description = "`wrong_status`: it has been answered or revoked")))]
pub async fn revoke(
    app: web::Data<App>,
    member: Member,
    id: web::Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let tenant = member.tenant();
    tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        find(connection, tenant, *id).await?;
        let open = invitations::table
            .filter(invitations::tenant_id.eq(tenant))
            .filter(invitations::id.eq(*id))
            .filter(invitations::status.eq("open"));
        let revoked = diesel::update(open)
            .set(invitations::status.eq("revoked"))
            .execute(connection)
            .await?;
        if revoked == 0 {
            return Err(not_open());
        }
        audit::record(
            connection,
            &member,
            Entry::new("invitation.revoked").on(*id),
        )
        .await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

fn not_open() -> Problem {
    Problem::new(
        actix_web::http::StatusCode::CONFLICT,
        "wrong_status",
        "The invitation has been answered or revoked.",
    )
}
