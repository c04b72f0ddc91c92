//! One connection: who it is, what it follows, and the commands that it gives.

mod connecting;
mod following;
mod hearing;
mod present;
mod slots;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_web::{rt, web};
use chrono::Utc;
use schema::ids::CalendarId;
use uuid::Uuid;

pub(super) use self::following::CatchUp;
use super::allowance::Allowance;
use super::close::Close;
use super::hold_frames::Held;
use super::link::{Broken, Heard, Reader};
use super::outbox::Outbox;
use super::replies::Plain;
use super::sessions::Group;
use super::slots::Joined;
use super::speaker::Speaker;
use super::subscribe::Followed;
use crate::app::App;
use crate::problem::Problem;

/// How often a session looks at the time, at the most and at the least.
const TICK_MIN: Duration = Duration::from_millis(10);
const TICK_MAX: Duration = Duration::from_secs(1);
/// Bad frames are forgiven after this long.
const BAD_FRAMES_WITHIN: Duration = Duration::from_secs(60);
/// How many times as many frames as in a second may come at once.
const FRAMES_BURST: u32 = 10;

/// Starts a session that hears what `reader` reads and puts what it has to say into `outbox`.
pub(super) fn start(
    app: web::Data<App>,
    reader: Reader,
    outbox: Arc<Outbox>,
    address: Option<IpAddr>,
) -> Addr<Session> {
    Session::create(move |context| {
        context.add_stream(reader);
        let number = app.sessions.add(Arc::clone(&outbox), context.address());
        if app.sessions.len() > app.config.ws_sessions {
            outbox.close(Close::Overloaded);
        }
        let now = Instant::now();
        let frames = app.config.ws_frames_per_second;
        Session {
            id: Uuid::new_v4(),
            number,
            app,
            outbox,
            address,
            speaker: None,
            groups: Vec::new(),
            followed: HashMap::new(),
            asked: HashMap::new(),
            slots: HashMap::new(),
            slots_beginning: 0,
            commands: 0,
            held: Arc::default(),
            allowance: Allowance::new(frames, frames.saturating_mul(FRAMES_BURST), now),
            bad_frames: 0,
            bad_since: now,
            opened: now,
            heard: now,
            pinged: now,
            marked: now,
            reading: Arc::default(),
        }
    })
}

/// Nothing more is sent.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Ended;

/// What the speaker may do has changed.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct RightsChanged;

pub(super) struct Session {
    id: Uuid,
    number: u64,
    app: web::Data<App>,
    outbox: Arc<Outbox>,
    address: Option<IpAddr>,
    /// `None` until it has connected.
    speaker: Option<Speaker>,
    /// Whom it is counted and told with.
    groups: Vec<Group>,
    followed: HashMap<CalendarId, Followed>,
    /// The newest subscribe of each calendar: an older one that is still under way is dropped.
    asked: HashMap<CalendarId, u64>,
    /// Feeds of free slots, by name, and how many are about to begin.
    slots: HashMap<Uuid, Joined>,
    slots_beginning: usize,
    commands: usize,
    /// What it holds: it ends soon after the session, unless it is used elsewhere.
    held: Arc<Held>,
    allowance: Allowance,
    bad_frames: u32,
    bad_since: Instant,
    opened: Instant,
    heard: Instant,
    pinged: Instant,
    marked: Instant,
    /// States are read and encoded one at a time.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let config = &self.app.config;
        let shortest = [
            config.ws_connect_ms,
            config.ws_ping_ms,
            config.ws_pong_ms,
            config.ws_token_grace_ms,
            config.ws_mark_ms,
            config.ws_drain_ms,
            config.ws_close_ms,
        ];
        let shortest = ms(shortest.into_iter().min().unwrap_or_default());
        let tick = (shortest / 4).clamp(TICK_MIN, TICK_MAX);
        context.run_interval(tick, |session, context| session.tick(context));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.leave_all();
        self.app.sessions.remove(self.number, &self.groups);
        // A server that stops sends its clients elsewhere, with their holds.
        if self.outbox.closing() != Some(Close::Draining) {
            let (app, held) = (self.app.clone(), Arc::clone(&self.held));
            rt::spawn(async move { held.abandon(&app).await });
        }
        self.outbox.close(Close::Gone);
    }
}

impl Drop for Session {
    /// Also ends the connection of a session that a panic has ended.
    fn drop(&mut self) {
        self.outbox.end();
    }
}

fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

impl Handler<RightsChanged> for Session {
    type Result = ();

    fn handle(&mut self, _: RightsChanged, context: &mut Self::Context) {
        self.recheck(context);
    }
}

impl Handler<Ended> for Session {
    type Result = ();

    fn handle(&mut self, _: Ended, context: &mut Self::Context) {
        context.stop();
    }
}

impl StreamHandler<Result<Heard, Broken>> for Session {
    fn handle(&mut self, heard: Result<Heard, Broken>, context: &mut Self::Context) {
        self.heard = Instant::now();
        match heard {
            Ok(Heard::Text(text)) => self.hear(context, &text),
            Ok(Heard::Binary) => self.bad(None, &Problem::bad_request("Frames are text.")),
            Ok(Heard::Ping(bytes)) => self.outbox.pong(bytes),
            Ok(Heard::Pong) => {}
            Err(Broken::TooLong) => {
                self.bad(None, &Problem::bad_request("A frame has at most 64 KiB."));
                self.outbox.close(Close::TooManyBadFrames);
            }
            Ok(Heard::Close) | Err(Broken::Malformed) => self.outbox.close(Close::Gone),
        }
    }

    /// The peer says nothing more. It may still listen: it is sent what is there for it.
    fn finished(&mut self, _: &mut Self::Context) {
        self.outbox.close(Close::Gone);
    }
}

impl Session {
    fn tick(&mut self, context: &mut Context<Self>) {
        let config = &self.app.config;
        if let Some(closing) = self.outbox.closing_for() {
            // The peer had its time to hear why; a write that is stuck ends here.
            if closing > ms(config.ws_close_ms) {
                context.stop();
            }
            return;
        }
        match &self.speaker {
            None if self.opened.elapsed() > ms(config.ws_connect_ms) => {
                self.outbox.close(Close::BadToken);
            }
            Some(Speaker::Known { principal, .. }) => {
                let over = Utc::now() - principal.until;
                if over
                    .to_std()
                    .is_ok_and(|over| over > ms(config.ws_token_grace_ms))
                {
                    self.outbox.close(Close::BadToken);
                }
            }
            None | Some(Speaker::Visitor(_)) => {}
        }
        if self.heard < self.pinged && self.pinged.elapsed() > ms(config.ws_pong_ms) {
            self.outbox.close(Close::NoPong);
        } else if self.pinged.elapsed() > ms(config.ws_ping_ms) {
            self.pinged = Instant::now();
            self.outbox.ping();
        }
        if self.outbox.over_for() > ms(config.ws_drain_ms) {
            self.outbox.close(Close::TooSlow);
        }
        if self.marked.elapsed() > ms(config.ws_mark_ms) && !self.followed.is_empty() {
            self.marked = Instant::now();
            let positions: BTreeMap<CalendarId, i64> = self
                .followed
                .iter()
                .map(|(id, followed)| (*id, followed.attached.subscription.sent()))
                .collect();
            self.outbox.answer(Plain::Mark { positions }.text());
        }
    }
}
