//! The `load-tests` program: plays scenarios and fails unless every promise was kept.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use load_tests::report::{Summary, write_json};
use load_tests::scenario::{
    self, availability, compare, direct, fanout, faults, kill, nodes, patients, rush, soak, steady,
    tenants, widgets,
};
use load_tests::stage::Setup;
use load_tests::{Error, Outcome};
use load_tests::{bare, plot};

/// Load and proof: plays scenarios against a server and a database of their own, and audits what is
/// left. Fails unless nothing was overbooked, lost, missed or duplicated.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    scenario: Option<Scenario>,
    /// A Postgres with a superuser's login; a database is created on it and dropped
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The server to play against [default: `denticloud` beside this program]
    #[arg(long, global = true, env = "DENTICLOUD_BIN")]
    server_binary: Option<PathBuf>,
    /// Signs the clients' tokens [default: a random one]
    #[arg(
        long,
        global = true,
        env = "DENTICLOUD_JWT_SECRET",
        hide_env_values = true
    )]
    jwt_secret: Option<String>,
    /// What is left to chance is decided by this number
    #[arg(long, global = true)]
    seed: Option<u64>,
    /// Keep the databases
    #[arg(long, global = true)]
    keep: bool,
    /// Write the summaries to this file
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw each summary as an SVG in this folder
    #[arg(long, global = true, value_name = "FOLDER")]
    plots: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Short versions of most of the others (this is what no scenario means)
    All,
    /// A day of a city: searches, bookings, moves, cancellations in many practices, and how long each
    /// takes
    Steady(steady::Options),
    /// The same for as long as one likes, with the server's memory
    Soak(soak::Options),
    /// Searches over REST beside a static answer of the same size
    Availability(availability::Options),
    /// All clients want one slot: one winner in each round
    Rush(rush::Options),
    /// Ten practices and ten thousand, in turns: are booking and searching as fast
    Tenants(tenants::Options),
    /// The same bookings as ordinary transactions straight to the database, without the server
    Direct(direct::Options),
    /// The server and `direct` in turns: how many times as fast, and who answers sooner
    Compare(compare::Options),
    /// kill -9 of the server during bookings, restart, everybody goes on
    Kill(kill::Options),
    /// A front desk searches among very many patients, beside very many practices
    Patients(patients::Options),
    /// Connections cut at random, kills, slow readers: every follower ends with the server's state
    Faults(faults::Options),
    /// Several nodes over one database: from a commit on one to a follower on another, and faults
    Nodes(nodes::Options),
    /// One calendar, many sockets: from a change to the last of them, beside a bare server
    Fanout(fanout::Options),
    /// Booking pages that follow free slots under load
    Widgets(widgets::Options),
    /// The bare server of `fanout`, on the port that PORT names
    #[command(hide = true)]
    Bare,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Scenario::Bare) = arguments.scenario {
        return serve_bare();
    }
    let outcome = tokio::runtime::Runtime::new()
        .map_err(Error::from)
        .and_then(|runtime| {
            runtime.block_on(async {
                tokio::select! {
                    outcome = run(arguments) => outcome,
                    // What runs is dropped: the server is killed and the database goes.
                    () = interrupted() => Err("interrupted".into()),
                }
            })
        });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load-tests: {error}");
            ExitCode::from(2)
        }
    }
}

fn serve_bare() -> ExitCode {
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok());
    match bare::serve(port.unwrap_or_default()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load-tests: {error}");
            ExitCode::from(2)
        }
    }
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn setup(arguments: &Arguments) -> Outcome<Setup> {
    let database_url = arguments.database_url.clone();
    let server_binary = match &arguments.server_binary {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("denticloud"),
    };
    if !server_binary.exists() {
        let path = server_binary.display();
        return Err(format!(
            "there is no server at {path}: build it (cargo build --release -p api), \
             or name it with --server-binary"
        )
        .into());
    }
    Ok(Setup {
        database_url: database_url.ok_or("DATABASE_URL is not set; make load starts a Postgres")?,
        server_binary,
        jwt_secret: arguments.jwt_secret.clone().unwrap_or_else(|| {
            let half = || uuid::Uuid::new_v4().simple().to_string();
            half() + &half()
        }),
        environment: Vec::new(),
        keep: arguments.keep,
    })
}

/// Plays what was asked for; answers whether every promise was kept.
async fn run(arguments: Arguments) -> Outcome<bool> {
    let setup = setup(&arguments)?;
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let mut summaries: Vec<Summary> = Vec::new();
    let mut tell = |summary: Summary| {
        println!("{summary}");
        summaries.push(summary);
    };
    let played = match &arguments.scenario {
        None | Some(Scenario::All) => scenario::all(&setup, seed, &mut tell).await,
        Some(Scenario::Steady(options)) => steady::run(&setup, options, seed, &mut tell).await,
        Some(Scenario::Soak(options)) => soak::run(&setup, options, seed, &mut tell).await,
        Some(Scenario::Patients(options)) => {
            patients::run(&setup, options, seed).await.map(&mut tell)
        }
        Some(Scenario::Availability(options)) => availability::run(&setup, options)
            .await
            .map(|summaries| summaries.into_iter().for_each(&mut tell)),
        Some(Scenario::Rush(options)) => rush::run(&setup, options).await.map(&mut tell),
        Some(Scenario::Tenants(options)) => tenants::run(&setup, options, seed)
            .await
            .map(|summaries| summaries.into_iter().for_each(&mut tell)),
        Some(Scenario::Direct(options)) => direct::run(&setup, options, seed, &mut tell).await,
        Some(Scenario::Compare(options)) => compare::run(&setup, options, seed, &mut tell).await,
        Some(Scenario::Kill(options)) => kill::run(&setup, options, seed)
            .await
            .map(|played| tell(played.summary)),
        Some(Scenario::Faults(options)) => faults::run(&setup, options, seed)
            .await
            .map(|played| tell(played.summary)),
        Some(Scenario::Nodes(options)) => nodes::run(&setup, options, seed)
            .await
            .map(|played| tell(played.summary)),
        Some(Scenario::Fanout(options)) => fanout::run(&setup, options).await.map(&mut tell),
        Some(Scenario::Widgets(options)) => {
            widgets::run(&setup, options, seed).await.map(&mut tell)
        }
        Some(Scenario::Bare) => Ok(()),
    };
    if let Some(path) = &arguments.json {
        write_json(path, &summaries)?;
    }
    if let Some(folder) = &arguments.plots {
        plot::write(folder, &summaries)?;
    }
    played?;
    Ok(summaries.iter().all(|summary| summary.verdict.is_clean()))
}
