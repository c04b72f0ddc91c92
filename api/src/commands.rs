//! What the program can be told to do, one file per command.

mod migrate;
mod serve;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::logging;

/// A real-time scheduling engine for dental practices.
#[derive(Debug, Parser)]
#[command(name = "denticloud", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve REST, WebSocket and the web app until INT or TERM
    Serve,
    /// Bring the database's schema up to date
    Migrate,
}

/// Reads the arguments and the configuration and runs the command; its error, if any, goes to
/// standard error as one line.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Config::load().map_err(Into::into).and_then(|config| {
        logging::start(&config)?;
        // The actors need an actix system, whichever command starts them.
        actix_web::rt::System::new().block_on(run(arguments.command, config))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("denticloud: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, config: Config) -> Result<(), Box<dyn Error + Send + Sync>> {
    match command {
        Command::Serve => serve::run(config).await,
        Command::Migrate => migrate::run(&config).await,
    }
}
