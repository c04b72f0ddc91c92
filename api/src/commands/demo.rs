//! `denticloud demo`.

use std::error::Error;

use engine::Engine;
use engine::clock::Clock;
use engine::settings::Settings;
use schema::connection::{Role, connect};

use crate::auth::password::Passwords;
use crate::config::Config;
use crate::demo::{self, DemoWorld, visits};

pub(super) async fn run(config: &Config) -> Result<(), Box<dyn Error + Send + Sync>> {
    let world = DemoWorld::build()?;
    let mut connection = connect(config.database_url()?, Role::App).await?;
    let passwords = Passwords::new(config).map_err(|error| error.to_string())?;
    let loaded = demo::load(&mut connection, &world, &passwords)
        .await
        .map_err(|problem| problem.cause().unwrap_or(problem.detail()).to_owned())?;
    if !loaded {
        println!("The database has practices already: the demo was not loaded.");
        return Ok(());
    }
    let engine =
        Engine::start(config.database_url()?, Settings::default(), Clock::system()).await?;
    let today = engine.clock().now().with_timezone(&demo::ZONE).date_naive();
    let booked = visits::book(&engine, &demo::plan(&world, today, demo::SEED)).await;
    engine.stop().await;
    let booked = booked?;
    println!(
        "Loaded the demo: {} practices, {} patients, {} visits ({} refused).",
        world.tenants.len(),
        world.patients.len(),
        booked.visits,
        booked.refused.len(),
    );
    Ok(())
}
