//! `denticloud migrate`.

use std::error::Error;

use crate::config::Config;

pub(super) async fn run(config: &Config) -> Result<(), Box<dyn Error + Send + Sync>> {
    let done = schema::migrate::migrate(config.database_url()?).await?;
    if done.is_empty() {
        println!("The schema is up to date.");
    }
    for name in done {
        println!("migrated {name}");
    }
    Ok(())
}
