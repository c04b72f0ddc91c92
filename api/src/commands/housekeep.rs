//! `denticloud housekeep`.

use std::error::Error;

use schema::connection::{Role, connect};
use schema::retention;

use crate::config::Config;

/// Does once what the server does now and then, and tells what it was.
pub(super) async fn run(config: &Config) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut connection = connect(config.database_url()?, Role::Engine).await?;
    match retention::run(&mut connection, config.keep()).await? {
        Some(done) => {
            println!("events folded       {:>9}", done.events_folded);
            println!("claims settled      {:>9}", done.claims_settled);
            println!("answers forgotten   {:>9}", done.answers_forgotten);
            println!("notes forgotten     {:>9}", done.notes_forgotten);
            println!("sign-ins forgotten  {:>9}", done.sign_ins_forgotten);
        }
        None => println!("another process is at it"),
    }
    Ok(())
}
