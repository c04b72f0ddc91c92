//! The demo: five practices in two cities of Ecuador, their people, patients, prices, hours and
//! holidays, and twelve weeks of visits. The same every time: ids come from names, choices from a
//! seed. `config/demo` has what a person may want to change.

pub mod holidays;
mod insert;
mod patients;
pub mod plan;
mod source;
pub mod visits;
mod world;

use schema::tenancy;

use crate::auth::password::Passwords;
use crate::problem::Problem;

pub use plan::{PlannedVisit, plan};
pub use world::DemoWorld;

/// Where both cities are.
pub const ZONE: chrono_tz::Tz = chrono_tz::America::Guayaquil;
/// The seed of patients and visits.
pub const SEED: u64 = 2026;

/// Loads `world` through a connection in the app's role, in one transaction. Answers `false`, and
/// does nothing, when the database has practices already.
///
/// # Errors
/// When the database refuses.
pub async fn load(
    connection: &mut diesel_async::AsyncPgConnection,
    world: &DemoWorld,
    passwords: &Passwords,
) -> Result<bool, Problem> {
    let access = world.access();
    let loaded = tenancy::begin(connection, &access, insert::has_practices).await?;
    if loaded {
        return Ok(false);
    }
    // Between the transactions: hashing takes its time on purpose.
    let accounts = insert::hashed(world, passwords).await?;
    tenancy::begin(connection, &access, async |connection| {
        insert::all(connection, world, &accounts).await
    })
    .await?;
    Ok(true)
}
