//! Two records of one person become one.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use engine::command::{Command, Done, MergePatients, PatientRef};
use garde::Validate;
use schema::ids::PatientId;
use schema::patients as people;
use schema::patients::links::{self, Obstacle};
use schema::tenancy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Patient, find};
use crate::actions;
use crate::app::App;
use crate::auth::principal::Member;
use crate::once;
use crate::problem::Problem;
use crate::rest::appointments::key;
use crate::rest::input::Input;

/// Which records.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub struct Merge {
    /// The record that stays. What it lacks (e-mail address, phone number, birth date, account) it
    /// gets from the other.
    #[garde(skip)]
    #[serde(alias = "keepId")]
    #[schema(value_type = uuid::Uuid)]
    keep: PatientId,
    /// The record that goes: visits, series, waiting-list entries, medical facts and notes become
    /// the other's.
    #[garde(skip)]
    #[serde(alias = "removeId")]
    #[schema(value_type = uuid::Uuid)]
    remove: PatientId,
}

/// The record that is left.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Merged {
    patient: Patient,
    /// How many visits were the other record's.
    moved_appointments: usize,
}

/// Merge two records of the practice. 409 `patient_busy`, with the time, where visits of both
/// overlap; `shared_record` where the one to be removed is another practice's too; `account` where
/// both have an account, or the removed one's would come to see other practices' visits.
#[utoipa::path(post, path = "/patients/merge", tag = "patients", request_body = Merge,
    responses((status = 200, body = Merged), (status = 404), (status = 409)))]
pub async fn merge(
    app: web::Data<App>,
    member: Member,
    request: HttpRequest,
    Input(given): Input<Merge>,
) -> Result<HttpResponse, Problem> {
    let tenant = member.tenant();
    let key = key(&request)?;
    if given.keep == given.remove {
        return Err(Problem::invalid("remove", "is the record to keep"));
    }
    let ids = [given.keep, given.remove];
    let (obstacle, cards) =
        tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
            let obstacle =
                links::merge_obstacle(connection, tenant, given.keep, given.remove).await?;
            let cards = people::cards(connection, &[tenant, tenant], &ids).await?;
            Ok::<_, Problem>((obstacle, cards))
        })
        .await?;
    let moved = match obstacle {
        None => {
            let patient = |id: PatientId| {
                let card = cards.iter().find(|card| card.patient_id == id);
                let card = card.ok_or_else(Problem::not_found)?;
                Ok::<_, Problem>(PatientRef {
                    id,
                    calendar: card.calendar_id,
                })
            };
            let command = Command::MergePatients(MergePatients {
                keep: patient(given.keep)?,
                remove: patient(given.remove)?,
            });
            match actions::command_of(&app, &member, key, command).await?.done {
                Done::Merged { moved, .. } => {
                    once::changed();
                    moved
                }
                _ => return Err(Problem::internal("not the answer of a merge")),
            }
        }
        // Said again: as it was.
        Some(Obstacle::Merged) => 0,
        Some(Obstacle::NotFound) => return Err(Problem::not_found()),
        Some(Obstacle::SharedRecord) => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "shared_record",
                "The record to be removed is another practice's too.",
            ));
        }
        Some(Obstacle::Account) => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "account",
                "The accounts of the two records cannot become one.",
            ));
        }
    };
    for id in ids {
        app.patients.forget(tenant, id);
    }
    let patient = tenancy::transaction(&app.app_pool, &member.access(), async |connection| {
        find(connection, tenant, given.keep).await
    })
    .await?;
    Ok(HttpResponse::Ok().json(Merged {
        patient,
        moved_appointments: moved,
    }))
}
