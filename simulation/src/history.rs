//! One history: a world, nodes, clients and disasters by a seed, and what came of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use engine::failure::Refusal;
use engine::settings::Settings;
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::audit::{self, Evidence, NodeEvidence};
use crate::bus::Carrier;
use crate::client::{Board, Clients};
use crate::dice::Dice;
use crate::mutation::Mutation;
use crate::node::Nodes;
use crate::records::{Heard, Records};
use crate::store::{Database, Moment};
use crate::time::Time;
use crate::trace::Trace;
use crate::weather::Weather;
use crate::world::{RulesChange, World};

/// What came of a history.
#[derive(Debug)]
pub struct Outcome {
    pub seed: u64,
    /// Promises that were not kept.
    pub broken: Vec<String>,
    /// What happened, line by line.
    pub trace: Vec<String>,
    pub commands: usize,
    pub commits: usize,
    pub refused: usize,
    /// Commands that were told of trouble, or lost with their node.
    pub failed: usize,
}

/// Lives a history through; the same again for the same seed.
#[must_use]
pub fn run(seed: u64, mutation: Option<Mutation>) -> Outcome {
    let mut pace = Dice::new(!seed);
    let pace: engine::simulated::Pace = Box::new(move || {
        let pauses = pace.chance(40);
        Duration::from_millis(if pauses { pace.between(1, 8) } else { 0 })
    });
    engine::simulated::set(mutation.and_then(Mutation::in_engine), Some(pace));
    let system = actix_rt::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap_or_else(|error| {
                // Without a runtime there is nothing to be done.
                eprintln!("no runtime: {error}");
                std::process::exit(1)
            })
    });
    let outcome = system.block_on(live(seed, mutation));
    engine::simulated::set(None, None);
    outcome
}

/// How long after everything the last hold has been ended, and everybody has heard of it.
const REST: Duration = Duration::from_secs(9);

async fn live(seed: u64, mutation: Option<Mutation>) -> Outcome {
    let mut dice = Dice::new(seed);
    let world = Arc::new(World::new(&mut dice));
    let weather = Weather::new(&mut dice);
    let time = Time::begin();
    let trace = Arc::new(Trace::new(time));
    let database = Database::new(
        Arc::clone(&world),
        time,
        Arc::clone(&trace),
        weather.clone(),
        dice.split(),
        mutation,
    );
    let count = 1 + dice.below(3);
    let settings = settings(weather.calm, &mut dice);
    let carrier = Carrier::new(weather.clone(), dice.split());
    let nodes = Nodes::new(
        Arc::clone(&database),
        Rc::clone(&carrier),
        settings,
        count,
        dice.split(),
    );
    for place in 0..count {
        nodes.start(place).await;
    }
    let clients = Rc::new(Clients {
        database: Arc::clone(&database),
        nodes: Rc::clone(&nodes),
        records: Records::default(),
        board: Board::default(),
        starts: 3 + dice.below(14),
        pause_ms: dice.between(10, 800),
    });
    let disasters = Disasters {
        database: Arc::clone(&database),
        nodes: Rc::clone(&nodes),
        carrier,
        weather: weather.clone(),
    };
    let mut beside = disasters.begin(count, &mut dice);
    let mut lives = Vec::new();
    for number in 0..3 + dice.below(4) {
        let commands = 4 + dice.below(8);
        let client = Rc::clone(&clients).live(number, commands, dice.split());
        lives.push(actix_rt::spawn(client));
    }
    join_all(lives).await;
    join_all(beside.drain(..)).await;
    database.heal();
    trace.line(|| "-- nothing goes wrong any more".to_owned());
    tokio::time::sleep(REST).await;

    let evidence = gather(&clients, &weather).await;
    let broken = audit::audit(&evidence);
    let told = |wanted: fn(&Heard) -> bool| {
        let answers = evidence.sent.iter().filter_map(|sent| sent.answer.as_ref());
        answers.filter(|(_, heard)| wanted(heard)).count()
    };
    Outcome {
        seed,
        broken,
        commands: evidence.sent.len(),
        commits: (evidence.moments.iter())
            .filter(|moment| matches!(moment, Moment::Committed(_)))
            .count(),
        refused: told(|heard| matches!(heard, Heard::Refused(Refusal::Rejected(_)))),
        failed: told(|heard| {
            matches!(
                heard,
                Heard::Refused(Refusal::Failed(_)) | Heard::Lost | Heard::Nothing
            )
        }),
        trace: trace.take(),
    }
}

fn settings(calm: bool, dice: &mut Dice) -> Settings {
    // Where it is long, two that wait for each other show.
    let patient = dice.chance(60);
    // Not where loading may take longer: a patient's calendar is forgotten as soon.
    let sleepy = dice.chance(50) && calm;
    let hurried = dice.chance(50) && !calm;
    Settings {
        arbiters: 1,
        writers: 1 + dice.below(3),
        patient_shards: 1 + dice.below(2),
        batch_count_max: *dice.pick(&[1, 3, 64]).unwrap_or(&64),
        reserve_deadline: Duration::from_secs(if patient { 3600 } else { 2 }),
        commit_deadline: Duration::from_millis(if hurried { 700 } else { 60_000 }),
        poll_every: Duration::from_millis(dice.between(100, 1500)),
        poll_every_with_bus: Duration::from_millis(dice.between(500, 4000)),
        reap_every: Duration::from_millis(dice.between(300, 3000)),
        overrun_every: Duration::from_secs(3600),
        idle_after: Duration::from_millis(if sleepy { 700 } else { 9000 }),
        ..Settings::default()
    }
}

async fn gather(clients: &Clients, weather: &Weather) -> Evidence {
    let database = &clients.database;
    let running = clients.nodes.running();
    let mut nodes = Vec::new();
    for node in clients.nodes.all() {
        let runs = running.iter().any(|running| Rc::ptr_eq(running, &node));
        let mut published = Vec::new();
        let mut unsettled = 0;
        if runs {
            unsettled = node.engine.unsettled().await;
            for (id, ..) in &database.world.calendars {
                if let Ok(cell) = node.engine.calendar(*id).await {
                    published.push((*id, cell.timeline()));
                }
            }
        }
        let followed = node.followed.borrow();
        nodes.push(NodeEvidence {
            name: node.name.clone(),
            runs,
            unsettled,
            published,
            followed: (followed.iter())
                .map(|followed| audit::Followed {
                    calendar: followed.calendar,
                    first: Arc::clone(&followed.first),
                    heard: followed.heard(),
                })
                .collect(),
        });
    }
    let state = database.lock();
    Evidence {
        world: Arc::clone(&database.world),
        moments: state.moments.clone(),
        tables: state.tables.clone(),
        sent: clients.records.all(),
        overlaps_refused: state.overlaps_refused,
        panics: weather.panics,
        calm: weather.calm,
        nodes,
    }
}

/// What befalls the nodes, and rules that change.
struct Disasters {
    database: Arc<Database>,
    nodes: Rc<Nodes>,
    carrier: Rc<Carrier>,
    weather: Weather,
}

type Running = actix_rt::task::JoinHandle<()>;

impl Disasters {
    fn begin(self, places: usize, dice: &mut Dice) -> Vec<Running> {
        let this = Rc::new(self);
        let mut running = Vec::new();
        for _ in 0..this.weather.disasters {
            let (place, dice) = (dice.below(places), dice.split());
            running.push(actix_rt::spawn(Rc::clone(&this).befall(place, dice)));
        }
        for _ in 0..this.weather.rule_changes {
            running.push(actix_rt::spawn(Rc::clone(&this).change_rules(dice.split())));
        }
        if this.weather.panics {
            for _ in 0..3 + dice.below(10) {
                running.push(actix_rt::spawn(Rc::clone(&this).panic(dice.split())));
            }
        }
        running
    }

    async fn sometime(dice: &mut Dice) {
        tokio::time::sleep(Duration::from_millis(dice.between(50, 4000))).await;
    }

    async fn befall(self: Rc<Self>, place: usize, mut dice: Dice) {
        Self::sometime(&mut dice).await;
        let trace = &self.database.trace;
        match dice.below(5) {
            kills @ (0 | 1) => {
                let ran = self.nodes.running_at(place);
                match kills {
                    0 => self.nodes.kill(place),
                    _ => self.nodes.stop(place),
                }
                if ran {
                    tokio::time::sleep(Duration::from_millis(dice.between(0, 800))).await;
                    self.nodes.start(place).await;
                }
            }
            2 => {
                let lasts = Duration::from_millis(dice.between(300, 5000));
                if let Some(node) = self.nodes.any(&mut dice) {
                    trace.line(|| format!("{}      stands still for {lasts:?}", node.name));
                    self.database.freeze(node.port, Instant::now() + lasts);
                }
            }
            3 => {
                let lasts = Duration::from_millis(dice.between(200, 4000));
                trace.line(|| format!("bus       down for {lasts:?}"));
                self.carrier.cut(lasts).await;
            }
            _ => {
                let lasts = Duration::from_millis(dice.between(200, 6000));
                trace.line(|| format!("store     away for {lasts:?}"));
                self.database.away(Instant::now() + lasts);
            }
        }
    }

    async fn change_rules(self: Rc<Self>, mut dice: Dice) {
        Self::sometime(&mut dice).await;
        let change = match dice.below(5) {
            0 | 1 => RulesChange::Hours(dice.below(2)),
            2 | 3 => RulesChange::Offer(dice.below(2)),
            _ => RulesChange::Clinic,
        };
        self.database.change_rules(change).await;
        // The node that the administrator is at is told at once, if it lives.
        if let Some(node) = self.nodes.any(&mut dice).filter(|_| dice.chance(60)) {
            match change {
                RulesChange::Clinic => node.engine.clinic_rules_changed(self.database.world.clinic),
                RulesChange::Hours(place) | RulesChange::Offer(place) => {
                    let practice = &self.database.world.practices[place];
                    node.engine.rules_changed(practice.tenant);
                }
            }
        }
    }

    async fn panic(self: Rc<Self>, mut dice: Dice) {
        Self::sometime(&mut dice).await;
        let Some(node) = self.nodes.any(&mut dice) else {
            return;
        };
        if let Some((id, ..)) = dice.pick(&self.database.world.calendars) {
            let name = self.database.world.name(*id);
            let trace = &self.database.trace;
            trace.line(|| format!("{}      the actor of {name} panics", node.name));
            node.engine.break_actor(*id);
        }
    }
}
