//! What somebody does who was invited: looking, accepting with the account they have or with a new
//! one, rejecting. Whoever has the link's token may; somebody who is signed in may also name an
//! invitation to their own confirmed address by its id.

use actix_web::http::{StatusCode, header};
use actix_web::web;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::ids::{TenantId, UserId};
use schema::schema::{invitations, memberships};
use schema::tenancy::{self, Access};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::{self, NewAccount, password_rules};
use crate::app::App;
use crate::audit::{self, Entry, Who};
use crate::auth::permissions::{Permission, Role};
use crate::auth::principal::{Principal, Workspace, account};
use crate::auth::sessions::{self, Client};
use crate::problem::Problem;
use crate::rest::input::MaybeInput;
use crate::rest::language::Language;
use crate::rest::page::Page;
use crate::rest::patients::record::{check_name, tidy};
use crate::rest::sessions::{Session, session};

/// An invitation as the invited one sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invited {
    id: Uuid,
    practice: String,
    email: String,
    role: Role,
    permissions: Vec<Permission>,
    expires_at: DateTime<Utc>,
    /// Whether the address has an account: then sign in to accept.
    has_account: bool,
}

/// An account to be made, for whoever has none yet: both fields, or neither.
#[derive(Deserialize, Validate, ToSchema)]
#[allow(missing_debug_implementations)] // a secret: nothing shall print it
pub struct NewColleague {
    #[garde(inner(custom(check_name)))]
    name: Option<String>,
    /// At least 10 characters, and not the address.
    #[garde(skip)]
    #[schema(format = Password)]
    password: Option<String>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = Text)]
    practice: String,
    #[diesel(sql_type = Text)]
    practice_status: String,
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Array<Text>)]
    permissions: Vec<String>,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Timestamptz)]
    expires_at: DateTime<Utc>,
}

impl Row {
    fn invited(self, has_account: bool) -> Result<Invited, Problem> {
        let role = Role::parse(&self.role).ok_or_else(|| Problem::internal("an unknown role"))?;
        let stored = self.permissions.iter().map(String::as_str);
        Ok(Invited {
            id: self.id,
            practice: self.practice,
            email: self.email,
            permissions: role.effective_permissions(stored),
            role,
            expires_at: self.expires_at,
            has_account,
        })
    }
}

/// 409: there is nothing to accept.
pub(super) fn already_member() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "already_member",
        "This person works for the practice already.",
    )
}

fn over() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "invitation_over",
        "The invitation has expired, or was answered or taken back.",
    )
}

/// Whoever sends a token, which then has to count.
async fn signed_in(request: &HttpRequest) -> Result<Option<Principal>, Problem> {
    if !request.headers().contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    Principal::extract(request).await.map(Some)
}

/// The open invitation behind a token, or behind the id of one of the asker's own.
async fn open(app: &App, token: &str, principal: Option<&Principal>) -> Result<Row, Problem> {
    let own = token.parse::<Uuid>().ok().zip(principal);
    let found: Option<Row> = match own {
        Some((id, principal)) => of(app, principal.account()?.user)
            .await?
            .into_iter()
            .find(|row| row.id == id),
        None => {
            tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
                let found = diesel::sql_query("SELECT * FROM lookup_invitation($1)")
                    .bind::<Binary, _>(sessions::hash(token))
                    .get_result(connection)
                    .await
                    .optional()?;
                Ok::<_, Problem>(found)
            })
            .await?
        }
    };
    let found = found.ok_or_else(Problem::not_found)?;
    if found.status != "open" || found.expires_at <= Utc::now() {
        return Err(over());
    }
    Ok(found)
}

async fn of(app: &App, user: UserId) -> Result<Vec<Row>, Problem> {
    tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        Ok(diesel::sql_query("SELECT * FROM lookup_invitations_of($1)")
            .bind::<diesel::sql_types::Uuid, _>(user)
            .load(connection)
            .await?)
    })
    .await
}

/// The open invitations to your own confirmed address.
#[utoipa::path(get, path = "/invitations", tag = "staff",
    responses((status = 200, body = Page<Invited>)))]
pub async fn mine(
    app: web::Data<App>,
    principal: Principal,
) -> Result<web::Json<Page<Invited>>, Problem> {
    let rows = of(&app, principal.account()?.user).await?;
    let items = rows.into_iter().map(|row| row.invited(true));
    Ok(web::Json(Page::whole(items.collect::<Result<_, _>>()?)))
}

/// What an invitation is about.
#[utoipa::path(get, path = "/invitations/{token}", tag = "staff", params(("token" = String, Path)),
    responses((status = 200, body = Invited), (status = 410, description = "`invitation_over`")))]
pub async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
) -> Result<web::Json<Invited>, Problem> {
    let principal = signed_in(&request).await?;
    let invitation = open(&app, &token, principal.as_ref()).await?;
    let has_account = has_account(&app, &invitation.email).await?;
    Ok(web::Json(invitation.invited(has_account)?))
}

async fn has_account(app: &App, email: &str) -> Result<bool, Problem> {
    tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
        Ok(accounts::by_email(connection, email).await?.is_some())
    })
    .await
}

/// Accept: with a bearer token for the account that it stands for, or without one and with a name and
/// a password for a new account.
#[utoipa::path(post, path = "/invitations/{token}/accept", tag = "staff",
    params(("token" = String, Path)), request_body = Option<NewColleague>,
    responses((status = 200, body = Workspace, description = "With the account signed in"),
        (status = 201, body = Session, description = "With a new account"),
        (status = 401, description = "`unauthorized`: the address has an account, sign in"),
        (status = 409, description = "`already_member`"),
        (status = 410, description = "`invitation_over`")))]
pub async fn accept(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
    MaybeInput(given): MaybeInput<NewColleague>,
) -> Result<HttpResponse, Problem> {
    let principal = signed_in(&request).await?;
    let invitation = open(&app, &token, principal.as_ref()).await?;
    if invitation.practice_status != "active" {
        return Err(Problem::suspended());
    }
    match principal {
        Some(principal) => {
            let user = principal.account()?.user;
            tenancy::transaction(
                &app.app_pool,
                &joining(&invitation, user),
                async |connection| join(connection, &invitation, user).await,
            )
            .await?;
            app.rights_changed(user);
            let account = account(&app, user).await?.ok_or_else(Problem::not_found)?;
            let workspace = account
                .workspaces
                .iter()
                .find(|workspace| workspace.tenant_id == invitation.tenant_id);
            Ok(HttpResponse::Ok().json(workspace.ok_or_else(Problem::not_found)?))
        }
        None => accept_as_new(&app, &request, &invitation, given).await,
    }
}

fn joining(invitation: &Row, user: UserId) -> Access {
    Access::member(user, invitation.tenant_id)
}

async fn accept_as_new(
    app: &App,
    request: &HttpRequest,
    invitation: &Row,
    given: Option<NewColleague>,
) -> Result<HttpResponse, Problem> {
    if has_account(app, &invitation.email).await? {
        return Err(Problem::unauthorised(
            "This address has an account: sign in, then accept.",
        ));
    }
    let given = given.and_then(|given| given.name.zip(given.password));
    let (name, password) = given.ok_or_else(|| {
        Problem::invalid(
            "password",
            "is missing: send a name and a password for a new account",
        )
    })?;
    password_rules::check("password", &password, &invitation.email)?;
    let hash = app.passwords.hash(password).await?;
    let user = UserId::new();
    let client = Client::of(request);
    let access = joining(invitation, user);
    let started = tenancy::transaction(&app.app_pool, &access, async |connection| {
        let new = NewAccount {
            id: user,
            email: &invitation.email,
            name: &tidy(&name),
            password_hash: Some(&hash),
            language: Language::of(request, ""),
            // The link came by mail to this address.
            verified: true,
        };
        accounts::create(connection, &new).await?;
        join(connection, invitation, user).await?;
        sessions::start_in(app, connection, user, &client).await
    })
    .await?;
    Ok(HttpResponse::Created().json(session(app, started).await?.into_inner()))
}

/// Answers the invitation and makes the membership, in a transaction of both.
async fn join(
    connection: &mut AsyncPgConnection,
    invitation: &Row,
    user: UserId,
) -> Result<(), Problem> {
    answer(connection, invitation, "accepted", Some(user)).await?;
    let membership = (
        memberships::role.eq(&invitation.role),
        memberships::permissions.eq(&invitation.permissions),
    );
    // Somebody who worked here before comes back.
    let mut joined = diesel::update(memberships::table.find((invitation.tenant_id, user)))
        .filter(memberships::status.eq("ended"))
        .set((
            membership,
            memberships::status.eq("active"),
            memberships::created_at.eq(diesel::dsl::now),
        ))
        .execute(connection)
        .await?;
    if joined == 0 {
        joined = diesel::insert_into(memberships::table)
            .values((
                memberships::tenant_id.eq(invitation.tenant_id),
                memberships::user_id.eq(user),
                membership,
            ))
            .on_conflict_do_nothing()
            .execute(connection)
            .await?;
    }
    if joined == 0 {
        return Err(already_member());
    }
    let who = Who::user(user).in_tenant(invitation.tenant_id);
    let told = json!({ "role": invitation.role, "permissions": invitation.permissions,
        "invitation": invitation.id });
    let entry = Entry::new("member.joined").on(user).after(told);
    audit::record(connection, who, entry).await
}

async fn answer(
    connection: &mut AsyncPgConnection,
    invitation: &Row,
    status: &str,
    by: Option<UserId>,
) -> Result<(), Problem> {
    let open = invitations::table
        .filter(invitations::tenant_id.eq(invitation.tenant_id))
        .filter(invitations::id.eq(invitation.id))
        .filter(invitations::status.eq("open"))
        .filter(invitations::expires_at.gt(diesel::dsl::now));
    let answered = diesel::update(open)
        .set((
            invitations::status.eq(status),
            invitations::answered_by.eq(by),
            invitations::answered_at.eq(diesel::dsl::now),
        ))
        .execute(connection)
        .await?;
    if answered == 0 {
        return Err(over());
    }
    Ok(())
}

/// Say no: the link works no more.
#[utoipa::path(post, path = "/invitations/{token}/reject", tag = "staff",
    params(("token" = String, Path)),
    responses((status = 204, description = "It is rejected"),
        (status = 410, description = "`invitation_over`")))]
pub async fn reject(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let principal = signed_in(&request).await?;
    let invitation = open(&app, &token, principal.as_ref()).await?;
    let user = principal.as_ref().and_then(Principal::user);
    let access = Access {
        user,
        ..Access::practice(invitation.tenant_id)
    };
    tenancy::transaction(&app.app_pool, &access, async |connection| {
        answer(connection, &invitation, "rejected", user).await?;
        let who = user.map_or_else(Who::anonymous, Who::user);
        let entry = Entry::new("invitation.rejected").on(invitation.id);
        audit::record(connection, who.in_tenant(invitation.tenant_id), entry).await
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
