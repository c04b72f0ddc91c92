//! One connection: who it is, what it follows, and the commands that it gives.

mod connecting;
mod following;
mod hearing;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_web::{rt, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, ProtocolError};
use chrono::Utc;
use schema::ids::CalendarId;
use uuid::Uuid;

use super::close::Close;
use super::hold_frames::Held;
use super::outbox::{Next, Outbox};
use super::replies::Plain;
use super::speaker::Speaker;
use super::subscribe::Followed;
use crate::app::App;
use crate::problem::Problem;

/// No `connect` within this long ends the session.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Between pings.
const PING_EVERY: Duration = Duration::from_secs(25);
/// Nothing heard for this long after a ping ends the session.
const PONG_WITHIN: Duration = Duration::from_secs(8);
/// A token may have ended this long before the session does.
const TOKEN_GRACE: Duration = Duration::from_secs(25);
/// How often positions are told without being asked.
const MARK_EVERY: Duration = Duration::from_secs(10);
/// A queue over its bound that does not run empty within this long ends the session.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// How often the rights of a session that follows something are looked at again.
const RECHECK_EVERY: Duration = Duration::from_secs(30);
/// How often the above are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Starts a session on an opened socket.
pub(super) fn start(
    app: web::Data<App>,
    socket: actix_ws::Session,
    stream: AggregatedMessageStream,
    address: Option<IpAddr>,
) {
    let outbox = Arc::new(Outbox::default());
    Session::create(move |context| {
        context.add_stream(stream);
        let writer = write(socket, Arc::clone(&outbox), context.address());
        let number = app.sessions.add(Arc::clone(&outbox));
        rt::spawn(writer);
        Session {
            id: Uuid::new_v4(),
            number,
            app,
            outbox,
            address,
            speaker: None,
            followed: HashMap::new(),
            asked: HashMap::new(),
            commands: 0,
            held: Arc::default(),
            bad_frames: 0,
            opened: Instant::now(),
            heard: Instant::now(),
            pinged: Instant::now(),
            marked: Instant::now(),
            reading: Arc::default(),
        }
    });
}

/// Sends what is queued, in order, until the session or the socket ends.
async fn write(mut socket: actix_ws::Session, outbox: Arc<Outbox>, session: Addr<Session>) {
    loop {
        let sent = match outbox.next().await {
            Next::Text(text) => socket.text(text).await,
            Next::Ping => socket.ping(b"").await,
            Next::Drained(calendars) => {
                session.do_send(following::StartAgain(calendars));
                Ok(())
            }
            Next::Close(close) => {
                let _ = socket.close(Some(close.reason())).await;
                break;
            }
        };
        if sent.is_err() {
            break;
        }
    }
    session.do_send(Ended);
}

/// The socket is closed.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended;

struct Session {
    id: Uuid,
    number: u64,
    app: web::Data<App>,
    outbox: Arc<Outbox>,
    address: Option<IpAddr>,
    /// `None` until it has connected.
    speaker: Option<Speaker>,
    followed: HashMap<CalendarId, Followed>,
    /// The newest subscribe of each calendar: an older one that is still under way is dropped.
    asked: HashMap<CalendarId, u64>,
    commands: usize,
    /// What it holds: it ends soon after the session, unless it is used elsewhere.
    held: Arc<Held>,
    bad_frames: u32,
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
        context.run_interval(TICK, |session, _| session.tick());
        context.run_interval(RECHECK_EVERY, |session, context| session.recheck(context));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.app.sessions.remove(self.number);
        // A server that stops sends its clients elsewhere, with their holds.
        if self.outbox.closing() != Some(Close::Draining) {
            let (app, held) = (self.app.clone(), Arc::clone(&self.held));
            rt::spawn(async move { held.abandon(&app).await });
        }
        self.outbox.close(Close::Gone);
    }
}

impl Handler<Ended> for Session {
    type Result = ();

    fn handle(&mut self, _: Ended, context: &mut Self::Context) {
        context.stop();
    }
}

impl StreamHandler<Result<AggregatedMessage, ProtocolError>> for Session {
    fn handle(
        &mut self,
        message: Result<AggregatedMessage, ProtocolError>,
        context: &mut Self::Context,
    ) {
        self.heard = Instant::now();
        match message {
            Ok(AggregatedMessage::Text(text)) => self.hear(context, &text),
            Ok(AggregatedMessage::Binary(_)) => {
                self.bad(None, &Problem::bad_request("Frames are text."));
            }
            // The library answers pings.
            Ok(AggregatedMessage::Ping(_) | AggregatedMessage::Pong(_)) => {}
            Ok(AggregatedMessage::Close(_)) => self.outbox.close(Close::Gone),
            Err(ProtocolError::Overflow) => {
                self.bad(None, &Problem::bad_request("A frame has at most 64 KiB."));
                self.outbox.close(Close::TooManyBadFrames);
            }
            Err(_) => self.outbox.close(Close::Gone),
        }
    }

    fn finished(&mut self, context: &mut Self::Context) {
        context.stop();
    }
}

impl Session {
    fn tick(&mut self) {
        match &self.speaker {
            None if self.opened.elapsed() > CONNECT_WITHIN => {
                self.outbox.close(Close::BadToken);
            }
            Some(Speaker::Known { principal, .. }) => {
                let over = Utc::now() - principal.until;
                if over.to_std().is_ok_and(|over| over > TOKEN_GRACE) {
                    self.outbox.close(Close::BadToken);
                }
            }
            None | Some(Speaker::Visitor(_)) => {}
        }
        if self.heard < self.pinged && self.pinged.elapsed() > PONG_WITHIN {
            self.outbox.close(Close::NoPong);
        } else if self.pinged.elapsed() > PING_EVERY {
            self.pinged = Instant::now();
            self.outbox.ping();
        }
        if self.outbox.over_for() > DRAIN_WITHIN {
            self.outbox.close(Close::TooSlow);
        }
        if self.marked.elapsed() > MARK_EVERY && !self.followed.is_empty() {
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
