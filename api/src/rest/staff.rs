//! Who works for the practice: seeing them, changing what they may do, ending it. Inviting is in
//! `invitations`.
//!
//! Two rules keep rights where they belong: nobody gives or takes a permission that they lack, and
//! the owner always has all of them.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::ids::{TenantId, UserId};
use schema::schema::{memberships, users};
use schema::tenancy;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::permissions::{Permission, Role};
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::input::{Input, Params};
use crate::rest::page::{Page, PageQuery, behind};

/// Somebody who works for the practice.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaffMember {
    /// The account's id.
    #[schema(value_type = Uuid)]
    id: UserId,
    name: String,
    email: String,
    role: Role,
    permissions: Vec<Permission>,
    /// When the membership was made.
    since: DateTime<Utc>,
}

/// What changes of a membership.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StaffChange {
    /// With another role and no `permissions` come the role's defaults.
    #[garde(skip)]
    #[schema(value_type = Option<Role>)]
    role: Option<String>,
    /// All that the member shall have.
    #[garde(skip)]
    #[schema(value_type = Option<Vec<Permission>>)]
    permissions: Option<Vec<String>>,
}

#[derive(Queryable)]
struct Row {
    user: UserId,
    name: String,
    email: String,
    role: String,
    permissions: Vec<Option<String>>,
    since: DateTime<Utc>,
}

impl TryFrom<Row> for StaffMember {
    type Error = Problem;

    fn try_from(row: Row) -> Result<Self, Problem> {
        let role = Role::parse(&row.role).ok_or_else(|| Problem::internal("an unknown role"))?;
        let stored = row.permissions.iter().flatten().map(String::as_str);
        Ok(Self {
            id: row.user,
            name: row.name,
            email: row.email,
            role,
            permissions: role.effective_permissions(stored),
            since: row.since,
        })
    }
}

/// A role that somebody can be given: the owner's cannot.
pub(super) fn given_role(name: &str) -> Result<Role, Problem> {
    match Role::parse(name) {
        Some(Role::Dentist) => Err(Problem::invalid("role", "a practice has one owner")),
        Some(role) => Ok(role),
        None => Err(Problem::invalid("role", "is no role of a practice")),
    }
}

/// What a membership shall allow: what is named, or else the role's defaults.
pub(super) fn given_permissions(
    role: Role,
    named: Option<&[String]>,
) -> Result<BTreeSet<Permission>, Problem> {
    let Some(named) = named else {
        return Ok(role.default_permissions().into_iter().collect());
    };
    named
        .iter()
        .map(|name| {
            Permission::parse(name)
                .ok_or_else(|| Problem::invalid("permissions", "names what is no permission"))
        })
        .collect()
}

/// Whether `member` has all of what they give or take.
pub(super) fn check_grant<'a>(
    member: &Member,
    changed: impl IntoIterator<Item = &'a Permission>,
) -> Result<(), Problem> {
    match changed
        .into_iter()
        .find(|permission| !member.may(**permission))
    {
        None => Ok(()),
        Some(lacked) => Err(Problem::forbidden(format!(
            "You lack {} and can neither give nor take it.",
            lacked.name()
        ))),
    }
}

pub(super) fn names(permissions: &BTreeSet<Permission>) -> Vec<&'static str> {
    permissions
        .iter()
        .map(|permission| permission.name())
        .collect()
}

#[diesel::dsl::auto_type]
fn staff_of(tenant: TenantId) -> _ {
    memberships::table
        .inner_join(users::table)
        .filter(memberships::tenant_id.eq(tenant))
        .filter(memberships::status.eq("active"))
        .select((
            memberships::user_id,
            users::name,
            users::email,
            memberships::role,
            memberships::permissions,
            memberships::created_at,
        ))
}

async fn find(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    user: UserId,
) -> Result<StaffMember, Problem> {
    let row: Row = staff_of(tenant)
        .filter(memberships::user_id.eq(user))
        .first(connection)
        .await?;
    row.try_into()
}

/// Everybody who works for the practice, by name.
#[utoipa::path(get, path = "/staff", tag = "staff", params(PageQuery),
    responses((status = 200, body = Page<StaffMember>)))]
pub async fn list(
    app: web::Data<App>,
    member: Member,
    page: Params<PageQuery>,
) -> Result<web::Json<Page<StaffMember>>, Problem> {
    let (limit, after) = (page.limit()?, page.after::<(String, UserId)>()?);
    let rows: Vec<Row> =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let mut query = staff_of(member.tenant())
                .order((users::name, users::id))
                .limit(limit + 1)
                .into_boxed();
            if let Some(last) = after {
                query = query.filter(behind!((users::name, users::id), last));
            }
            Ok::<_, Problem>(query.load(connection).await?)
        })
        .await?;
    let staff: Vec<StaffMember> = rows
        .into_iter()
        .map(Row::try_into)
        .collect::<Result<_, _>>()?;
    Ok(web::Json(Page::of(
        staff,
        limit,
        |one| (one.name.clone(), one.id),
        std::convert::identity,
    )))
}

/// Change a member's role or permissions. The owner's cannot be changed.
#[utoipa::path(patch, path = "/staff/{id}", tag = "staff", params(("id" = Uuid, Path)),
    request_body = StaffChange, responses((status = 200, body = StaffMember)))]
pub async fn update(
    app: web::Data<App>,
    member: Member,
    id: web::Path<UserId>,
    Input(given): Input<StaffChange>,
) -> Result<web::Json<StaffMember>, Problem> {
    let tenant = member.tenant();
    let changed = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        lock(connection, tenant, *id).await?;
        let before = find(connection, tenant, *id).await?;
        check_target(&before)?;
        let role = match &given.role {
            Some(role) => given_role(role)?,
            None => before.role,
        };
        let had: BTreeSet<Permission> = before.permissions.iter().copied().collect();
        let has = match (&given.permissions, role == before.role) {
            (None, true) => had.clone(),
            (named, _) => given_permissions(role, named.as_deref())?,
        };
        check_grant(&member, had.symmetric_difference(&has))?;
        diesel::update(memberships::table.find((tenant, *id)))
            .set((
                memberships::role.eq(role.name()),
                memberships::permissions.eq(names(&has)),
            ))
            .execute(connection)
            .await?;
        let entry = Entry::new("member.changed")
            .on(*id)
            .before(json!({ "role": before.role, "permissions": before.permissions }))
            .after(json!({ "role": role, "permissions": has }));
        audit::record(connection, &member, entry).await?;
        find(connection, tenant, *id).await
    })
    .await?;
    app.rights_changed(*id);
    Ok(web::Json(changed))
}

/// End a membership. Sockets that follow the practice's calendars for this person end at once.
#[utoipa::path(delete, path = "/staff/{id}", tag = "staff", params(("id" = Uuid, Path)),
    responses((status = 204, description = "It has ended")))]
pub async fn remove(
    app: web::Data<App>,
    member: Member,
    id: web::Path<UserId>,
) -> Result<HttpResponse, Problem> {
    let tenant = member.tenant();
    tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        lock(connection, tenant, *id).await?;
        let before = find(connection, tenant, *id).await?;
        check_target(&before)?;
        check_grant(&member, &before.permissions)?;
        diesel::update(memberships::table.find((tenant, *id)))
            .set(memberships::status.eq("ended"))
            .execute(connection)
            .await?;
        let entry = Entry::new("member.removed")
            .on(*id)
            .before(json!({ "role": before.role, "permissions": before.permissions }));
        audit::record(connection, &member, entry).await
    })
    .await?;
    app.rights_changed(*id);
    Ok(HttpResponse::NoContent().finish())
}

/// Two changes of one membership take turns.
async fn lock(
    connection: &mut AsyncPgConnection,
    tenant: TenantId,
    user: UserId,
) -> Result<(), Problem> {
    memberships::table
        .find((tenant, user))
        .filter(memberships::status.eq("active"))
        .select(memberships::user_id)
        .for_update()
        .first::<UserId>(connection)
        .await?;
    Ok(())
}

fn check_target(target: &StaffMember) -> Result<(), Problem> {
    match target.role {
        Role::Dentist => Err(Problem::forbidden(
            "The owner's membership can be neither changed nor ended.",
        )),
        _ => Ok(()),
    }
}
