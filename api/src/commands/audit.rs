//! `denticloud audit`.

use std::error::Error;
use std::process::ExitCode;

use crate::config::Config;

/// Prints one line for each promise; fails on any breach.
pub(super) async fn run(config: &Config) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let report = schema::audit::run(config.database_url()?).await?;
    print!("{report}");
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
