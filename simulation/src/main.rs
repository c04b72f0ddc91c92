//! `simulate`: lives many histories through, and tells which seeds break a promise.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use simulation::history::{self, Outcome};
use simulation::mutation::Mutation;
use simulation::silence_panics_on_purpose;

/// Simulated histories of the engine, each by its seed.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Options {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many, each with the seed after the one before.
    #[arg(long, default_value_t = 2000)]
    histories: u64,
    /// At a time; one on each core without.
    #[arg(long)]
    threads: Option<usize>,
    /// Print what happened, line by line.
    #[arg(long)]
    trace: bool,
    /// Break the engine on purpose, in one way or (without a name) in each: every way must be
    /// noticed.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "all")]
    mutate: Option<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    silence_panics_on_purpose();
    match &options.mutate {
        None => explore(&options, None).exit(&options),
        Some(name) if name == "all" => mutate(&options, &Mutation::ALL),
        Some(name) => match Mutation::parse(name) {
            Some(mutation) if options.trace => explore(&options, Some(mutation)).exit(&options),
            Some(mutation) => mutate(&options, &[mutation]),
            None => {
                let names: Vec<_> = Mutation::ALL.map(Mutation::name).into();
                eprintln!("no mutation {name}: there are {}", names.join(", "));
                ExitCode::from(2)
            }
        },
    }
}

/// What came of many histories.
#[derive(Debug, Default)]
struct Tally {
    histories: u64,
    commands: usize,
    commits: usize,
    refused: usize,
    failed: usize,
    /// Of the lowest seed.
    broken: Option<Outcome>,
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        self.histories += 1;
        self.commands += outcome.commands;
        self.commits += outcome.commits;
        self.refused += outcome.refused;
        self.failed += outcome.failed;
        let first = self
            .broken
            .as_ref()
            .is_none_or(|known| outcome.seed < known.seed);
        if !outcome.broken.is_empty() && first {
            self.broken = Some(outcome);
        }
    }

    fn exit(self, options: &Options) -> ExitCode {
        let Some(outcome) = self.broken else {
            return ExitCode::SUCCESS;
        };
        for what in &outcome.broken {
            println!("BROKEN: {what}");
        }
        let mutate = options.mutate.as_deref();
        let mutate = mutate.map_or_else(String::new, |name| format!(" --mutate {name}"));
        println!(
            "replay: make simulate ARGS=\"--seed {} --histories 1 --trace{mutate}\"",
            outcome.seed
        );
        ExitCode::FAILURE
    }
}

fn explore(options: &Options, mutation: Option<Mutation>) -> Tally {
    let began = Instant::now();
    let threads = options
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= options.histories {
                        return;
                    }
                    let outcome = history::run(options.seed + number, mutation);
                    if options.trace {
                        println!("== seed {}\n{}", outcome.seed, outcome.trace.join("\n"));
                    }
                    if !outcome.broken.is_empty() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    tally
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .add(outcome);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    let took = began.elapsed().as_secs_f64();
    println!(
        "{} histories from seed {} in {took:.1} s ({:.0} a minute): {} commands, {} commits, {} \
         refused, {} told of trouble; {}",
        tally.histories,
        options.seed,
        tally.histories as f64 / took * 60.0,
        tally.commands,
        tally.commits,
        tally.refused,
        tally.failed,
        match &tally.broken {
            None => "no promise broken".to_owned(),
            Some(outcome) => format!("seed {} BREAKS A PROMISE", outcome.seed),
        }
    );
    tally
}

fn mutate(options: &Options, mutations: &[Mutation]) -> ExitCode {
    let mut unnoticed = false;
    for mutation in mutations {
        println!("{}:", mutation.name());
        let tally = explore(options, Some(*mutation));
        match &tally.broken {
            Some(outcome) => {
                let what = outcome.broken.first().map_or("", String::as_str);
                println!("  noticed after {} histories: {what}", tally.histories);
            }
            None => {
                println!("  NOT NOTICED");
                unnoticed = true;
            }
        }
    }
    match unnoticed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}
