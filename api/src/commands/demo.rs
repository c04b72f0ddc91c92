//! `denticloud demo`.

use std::error::Error;

use schema::connection::{Role, connect};

use crate::auth::password::Passwords;
use crate::config::Config;
use crate::demo::{self, DemoWorld};

pub(super) async fn run(config: &Config) -> Result<(), Box<dyn Error + Send + Sync>> {
    let world = DemoWorld::build()?;
    let mut connection = connect(config.database_url()?, Role::App).await?;
    let passwords = Passwords::new(config).map_err(|error| error.to_string())?;
    let loaded = demo::load(&mut connection, &world, &passwords)
        .await
        .map_err(|problem| problem.cause().unwrap_or(problem.detail()).to_owned())?;
    if loaded {
        println!(
            "Loaded the demo: {} practices, {} patients.",
            world.tenants.len(),
            world.patients.len()
        );
    } else {
        println!("The database has practices already: the demo was not loaded.");
    }
    Ok(())
}
