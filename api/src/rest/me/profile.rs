//! What a patient says of themselves. Practices see it in their records; the birth date is theirs to
//! correct once it is known, for it is what a record is found by.

use actix_web::web;
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use garde::Validate;
use schema::ids::{PatientId, TenantId, UserId};
use schema::schema::patients;
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::principal::Principal;
use crate::problem::Problem;
use crate::rest::input::{Input, nullable};
use crate::rest::patients::record::{
    check_date_of_birth, check_name, check_phone, international, tidy,
};

/// A patient's own record.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, ToSchema)]
#[diesel(table_name = patients)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    id: Uuid,
    first_name: String,
    last_name: String,
    email: Option<String>,
    /// E.164.
    #[schema(example = "+593991234567")]
    phone: Option<String>,
    date_of_birth: Option<NaiveDate>,
}

/// What changes; fields that are left out stay.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileChange {
    #[serde(default)]
    #[garde(inner(custom(check_name)))]
    first_name: Option<String>,
    #[serde(default)]
    #[garde(inner(custom(check_name)))]
    last_name: Option<String>,
    /// International, with `+` and the country's code; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[garde(inner(inner(custom(check_phone))))]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    /// Only where none is known.
    #[serde(default)]
    #[garde(inner(custom(check_date_of_birth)))]
    date_of_birth: Option<NaiveDate>,
}

#[derive(AsChangeset, Default, PartialEq)]
#[diesel(table_name = patients)]
struct Changes {
    first_name: Option<String>,
    last_name: Option<String>,
    phone: Option<Option<String>>,
}

/// Your own record.
#[utoipa::path(get, path = "/me/profile", tag = "me", responses((status = 200, body = Profile)))]
pub async fn get(app: web::Data<App>, principal: Principal) -> Result<web::Json<Profile>, Problem> {
    let user = principal.account()?.user;
    let found = tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
        read(connection, user).await
    })
    .await?;
    Ok(web::Json(found))
}

/// Change your own record. Practices that have one of you each get the change.
#[utoipa::path(patch, path = "/me/profile", tag = "me", request_body = ProfileChange,
    responses((status = 200, body = Profile)))]
pub async fn update(
    app: web::Data<App>,
    principal: Principal,
    Input(given): Input<ProfileChange>,
) -> Result<web::Json<Profile>, Problem> {
    let user = principal.account()?.user;
    let changes = Changes {
        first_name: given.first_name.as_deref().map(tidy),
        last_name: given.last_name.as_deref().map(tidy),
        phone: given
            .phone
            .map(|phone| phone.as_deref().map(international).transpose())
            .transpose()?,
    };
    let (profile, relations) =
        tenancy::transaction(&app.app_pool, &principal.access(), async |connection| {
            let before = read(connection, user).await?;
            if let Some(born) = given.date_of_birth {
                set_birth_date(connection, user, &before, born).await?;
            }
            if changes != Changes::default() {
                diesel::update(patients::table.filter(patients::user_id.eq(user)))
                    .set(&changes)
                    .execute(connection)
                    .await?;
            }
            let after = read(connection, user).await?;
            let entry = Entry::new("patient.updated").on(after.id);
            let entry = entry.before(&before).after(&after);
            audit::record(connection, &principal, entry).await?;
            Ok::<_, Problem>((after, relations(connection).await?))
        })
        .await?;
    for relation in relations {
        app.patients.forget(relation.tenant_id, relation.patient_id);
    }
    Ok(web::Json(profile))
}

async fn set_birth_date(
    connection: &mut AsyncPgConnection,
    user: UserId,
    before: &Profile,
    born: NaiveDate,
) -> Result<(), Problem> {
    if before.date_of_birth == Some(born) {
        return Ok(());
    }
    if before.date_of_birth.is_some() {
        return Err(Problem::invalid(
            "dateOfBirth",
            "is known: ask a practice to correct it",
        ));
    }
    diesel::update(patients::table.filter(patients::user_id.eq(user)))
        .filter(patients::date_of_birth.is_null())
        .set(patients::date_of_birth.eq(born))
        .execute(connection)
        .await?;
    Ok(())
}

/// The oldest record with a birth date tells for all.
async fn read(connection: &mut AsyncPgConnection, user: UserId) -> Result<Profile, Problem> {
    let found = patients::table
        .filter(patients::user_id.eq(user))
        .order((
            patients::date_of_birth.is_null(),
            patients::created_at,
            patients::id,
        ))
        .select(Profile::as_select())
        .first(connection)
        .await?;
    Ok(found)
}

#[derive(QueryableByName)]
struct Relation {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    tenant_id: TenantId,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    patient_id: PatientId,
}

async fn relations(connection: &mut AsyncPgConnection) -> QueryResult<Vec<Relation>> {
    diesel::sql_query("SELECT tenant_id, patient_id FROM my_dentists()")
        .load(connection)
        .await
}
