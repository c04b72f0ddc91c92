//! `denticloud import-ics`: an exported calendar file becomes busy time.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use engine::Engine;
use engine::clock::Clock;
use engine::command::{BusyTime, Command, Done, Import, Request};
use engine::ics::{self, Busy, Imported, SkipReason};
use engine::scheduling::placement::Asker;
use engine::scheduling::zone::Zone;
use engine::settings::Settings;
use schema::audit_log::Origin;
use schema::ids::{CalendarId, ClaimId};
use schema::span::{DAY, Span};
use uuid::Uuid;

use crate::config::Config;

/// Busy times are read this many days back, which is as far as staff enter visits.
const DAYS_BACK: i64 = 35;
/// And this many days ahead, beyond any practice's horizon.
const DAYS_AHEAD: i64 = 400;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The calendar that the times are busy on: a provider's or equipment's
    #[arg(long)]
    calendar: CalendarId,
    /// What the file is an export of: a later import under the same name replaces this one
    /// [default: the file's name]
    #[arg(long)]
    source: Option<String>,
    /// A calendar exported from Google, Outlook or Apple
    file: PathBuf,
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

pub(super) async fn run(config: &Config, arguments: Arguments) -> Outcome<()> {
    let bytes = std::fs::read(&arguments.file)
        .map_err(|error| format!("{}: {error}", arguments.file.display()))?;
    let settings = Settings {
        arbiters: 1,
        writers: 1,
        readers: 2,
        redis_url: config.redis_url.clone(),
        ..Settings::default()
    };
    let engine = Engine::start(config.database_url()?, settings, Clock::system()).await?;
    let outcome = import(&engine, &arguments, &String::from_utf8_lossy(&bytes)).await;
    engine.stop().await;
    outcome
}

async fn import(engine: &Engine, arguments: &Arguments, text: &str) -> Outcome<()> {
    let cell = engine.calendar(arguments.calendar).await?;
    let tenant = cell
        .tenant
        .ok_or("only a practice's own calendars take imported times")?;
    let zone = engine.rules(tenant).await?.zone;
    let now = engine.clock().minute();
    let window = Span::new(now.plus(-DAYS_BACK * DAY), now.plus(DAYS_AHEAD * DAY))
        .ok_or("the clock is out of range")?;
    let file = ics::read(text, zone, window);
    let unusable = |skipped: &&ics::Skipped| {
        matches!(
            skipped.reason,
            SkipReason::NotACalendar | SkipReason::TooLong { .. }
        )
    };
    if let Some(skipped) = file.skipped.iter().find(unusable) {
        return Err(skipped.reason.to_string().into());
    }
    let source = arguments.source.clone().unwrap_or_else(|| {
        arguments
            .file
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into())
    });
    let complete = !file
        .skipped
        .iter()
        .any(|skipped| skipped.reason.hides_busy_times());
    let command = Command::Import(Import {
        calendar: cell.id,
        busy: file
            .busy
            .iter()
            .map(|busy| busy_time(cell.id, &source, busy))
            .collect(),
        source,
        window,
        complete,
    });
    let reply = engine
        .execute(Request {
            tenant,
            asker: Asker::Staff,
            principal: "import".to_owned(),
            user: None,
            origin: Origin::default(),
            key: None,
            command,
        })
        .await?;
    tell_skipped(&file);
    if let Done::Imported {
        added,
        removed,
        unchanged,
    } = reply.done
    {
        println!("{added} busy times added, {removed} removed, {unchanged} unchanged");
    }
    if !complete {
        println!("nothing that the file lacks was removed, because parts of it could not be read");
    }
    tell_clashes(&cell.timeline(), zone, &file);
    Ok(())
}

/// The same entry of the same file gets the same id, so that importing it again changes nothing.
fn busy_time(calendar: CalendarId, source: &str, busy: &Busy) -> BusyTime {
    let (uid, recurrence) = busy.key();
    let occurrence = recurrence.map_or_else(String::new, |start| start.to_string());
    let name = format!("{source}\u{0}{uid}\u{0}{occurrence}");
    BusyTime {
        id: ClaimId(Uuid::new_v5(&calendar.0, name.as_bytes())),
        span: busy.span,
        title: busy.summary.clone(),
    }
}

fn tell_skipped(file: &Imported) {
    for skipped in &file.skipped {
        let uid = skipped.uid.as_deref().unwrap_or("-");
        println!("skipped line {} ({uid}): {}", skipped.line, skipped.reason);
    }
}

/// Imported times are facts: what is booked over them stays, and somebody has to look at it.
fn tell_clashes(timeline: &engine::scheduling::timeline::Timeline, zone: Zone, file: &Imported) {
    for busy in &file.busy {
        for claim in timeline
            .overlapping(busy.span)
            .filter(|claim| claim.kind.is_booking())
        {
            let start = zone.to_local(claim.span.start());
            println!("clash: booked at {start} ({})", zone.name());
        }
    }
}
