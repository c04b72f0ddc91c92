//! What the program can be told to do, one file per command.

mod audit;
mod demo;
mod housekeep;
mod import_ics;
mod migrate;
mod serve;
mod watch;

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
    /// Load the demo practices into an empty database
    Demo,
    /// Bring an exported calendar file in as busy times
    ImportIcs(import_ics::Arguments),
    /// Put away old events, claims and answers, as the server does each hour
    Housekeep,
    /// Follow a calendar in the terminal
    Watch(watch::Arguments),
    /// Hold the database against the promises; fails on any breach
    Audit,
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
        Ok(code) => code,
        Err(error) => {
            eprintln!("denticloud: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, config: Config) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    match command {
        Command::Serve => serve::run(config).await?,
        Command::Migrate => migrate::run(&config).await?,
        Command::Demo => demo::run(&config).await?,
        Command::ImportIcs(arguments) => import_ics::run(&config, arguments).await?,
        Command::Housekeep => housekeep::run(&config).await?,
        Command::Watch(arguments) => watch::run(arguments).await?,
        Command::Audit => return audit::run(&config).await,
    }
    Ok(ExitCode::SUCCESS)
}
