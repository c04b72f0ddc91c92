//! One connection: who it is, what it follows, and the commands that it gives.

mod following;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use actix_web::{rt, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, ProtocolError};
use chrono::Utc;
use schema::ids::{CalendarId, TenantId};
use uuid::Uuid;

use super::close::Close;
use super::frames::{self, Connect, Frame};
use super::outbox::{Next, Outbox};
use super::replies::{self, Plain, Reply};
use super::subscribe::Followed;
use crate::actions;
use crate::app::App;
use crate::auth::access::AccessRule;
use crate::auth::permissions::Permission;
use crate::auth::principal::{Member, Principal, authenticate, member_of};
use crate::problem::Problem;
use crate::request;
use crate::rest::availability;
use crate::wire::appointment::AppointmentView;

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
/// Frames that could not be read before the session ends.
const BAD_FRAMES_MAX: u32 = 20;
/// Commands of one session that run at the same time.
const COMMANDS_MAX: usize = 64;

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
            address,
            app,
            outbox,
            principal: None,
            tenant: None,
            followed: HashMap::new(),
            asked: HashMap::new(),
            commands: 0,
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
    /// Where the socket comes from, for the audit log.
    address: Option<IpAddr>,
    app: web::Data<App>,
    outbox: Arc<Outbox>,
    principal: Option<Principal>,
    tenant: Option<TenantId>,
    followed: HashMap<CalendarId, Followed>,
    /// The newest subscribe of each calendar: an older one that is still under way is dropped.
    asked: HashMap<CalendarId, u64>,
    commands: usize,
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
        match &self.principal {
            None if self.opened.elapsed() > CONNECT_WITHIN => {
                self.outbox.close(Close::BadToken);
            }
            Some(principal) => {
                let over = Utc::now() - principal.until;
                if over.to_std().is_ok_and(|over| over > TOKEN_GRACE) {
                    self.outbox.close(Close::BadToken);
                }
            }
            None => {}
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

    fn bad(&mut self, id: Option<u64>, problem: &Problem) {
        self.bad_frames += 1;
        self.outbox.answer(replies::error(id, problem));
        if self.bad_frames >= BAD_FRAMES_MAX {
            self.outbox.close(Close::TooManyBadFrames);
        }
    }

    fn hear(&mut self, context: &mut Context<Self>, text: &str) {
        if self.outbox.closing().is_some() {
            return;
        }
        let incoming = frames::read(text);
        let (Some(id), Ok(frame)) = (incoming.id, &incoming.frame) else {
            let unread = || Problem::bad_request("The frame cannot be read.");
            let problem = incoming.frame.err().unwrap_or_else(unread);
            return self.bad(incoming.id, &problem);
        };
        let connecting = matches!(frame, Frame::Connect(_));
        if connecting != self.principal.is_none() {
            let text = if connecting {
                "This session is connected."
            } else {
                "Connect first."
            };
            return self.bad(Some(id), &Problem::bad_request(text));
        }
        let rule = incoming.rule;
        match incoming.frame {
            Ok(Frame::Connect(connect)) => self.connect(context, id, connect),
            Ok(Frame::Refresh { token }) => self.refresh(context, id, token),
            Ok(Frame::Subscribe(subscribe)) => self.subscribe(context, id, rule, subscribe),
            Ok(Frame::Unsubscribe { calendar }) => {
                self.asked.remove(&calendar);
                self.followed.remove(&calendar);
                self.outbox.forget(calendar);
                self.outbox.answer(ok(id, serde_json::json!({})));
            }
            Ok(Frame::Availability { tenant, query }) => {
                self.run(
                    context,
                    id,
                    rule,
                    tenant,
                    async move |app: web::Data<App>, member| {
                        Ok(ok(id, availability::find(&app, &member, &query).await?))
                    },
                );
            }
            Ok(Frame::Command {
                tenant,
                key,
                action,
            }) => {
                self.run(
                    context,
                    id,
                    rule,
                    tenant,
                    async move |app: web::Data<App>, member: Member| {
                        let reply = actions::run(&app, &member, key, action).await?;
                        let sees_patients = member.may(Permission::CanViewPatients);
                        let mut view = AppointmentView::of(&reply, sees_patients)?;
                        let positions = std::mem::take(&mut view.positions);
                        view.positions.clone_from(&positions);
                        let replay = reply.replay.then_some(true);
                        Ok(Reply::Ok {
                            id,
                            result: view,
                            positions: Some(&positions),
                            replay,
                        }
                        .text())
                    },
                );
            }
            Err(_) => {}
        }
    }

    fn connect(&mut self, context: &mut Context<Self>, id: u64, connect: Connect) {
        let app = self.app.clone();
        let tenant = connect.tenant;
        let connecting = async move {
            let token = connect
                .token
                .ok_or_else(|| Problem::unauthorised("There is no token."))?;
            let principal = authenticate(&app, &token).await?;
            if tenant.is_some() {
                member_of(principal.clone(), tenant)?;
            }
            Ok(principal)
        };
        // Frames behind this one wait: they need to know who speaks.
        context.wait(
            connecting
                .into_actor(self)
                .map(move |outcome, session, _| match outcome {
                    Ok(principal) => {
                        session.connected(id, &principal);
                        session.tenant = tenant;
                        session.principal = Some(principal);
                    }
                    Err(problem) => session.refused(id, &problem),
                }),
        );
    }

    fn connected(&self, id: u64, principal: &Principal) {
        let reply = Plain::Connected {
            id,
            session: self.id,
            ttl_ms: (principal.until - Utc::now()).num_milliseconds().max(0),
            ping_ms: PING_EVERY.as_millis() as u64,
            server_time: Utc::now(),
        };
        self.outbox.answer(reply.text());
    }

    /// A token that does not count ends the session; trouble of ours lets the client try again.
    fn refused(&self, id: u64, problem: &Problem) {
        self.outbox.answer(replies::error(Some(id), problem));
        match problem.code.as_str() {
            "unauthorized" => self.outbox.close(Close::BadToken),
            "forbidden" => self.outbox.close(Close::Forbidden),
            _ => {}
        }
    }

    fn refresh(&mut self, context: &mut Context<Self>, id: u64, token: String) {
        let app = self.app.clone();
        let checking = async move { authenticate(&app, &token).await };
        context.spawn(
            checking
                .into_actor(self)
                .map(move |outcome, session, context| {
                    let known = session.principal.as_ref().map(Principal::user);
                    match outcome {
                        Ok(principal) if Some(principal.user()) == known => {
                            session.connected(id, &principal);
                            session.principal = Some(principal);
                            session.recheck(context);
                        }
                        Ok(_) => session.refused(id, &Problem::forbidden("Somebody else's token.")),
                        Err(problem) => session.refused(id, &problem),
                    }
                }),
        );
    }

    /// The speaker as a member, with rights as they are now.
    fn member(
        &self,
        tenant: Option<TenantId>,
    ) -> impl Future<Output = Result<Member, Problem>> + use<> {
        let app = self.app.clone();
        let principal = self.principal.clone();
        let tenant = tenant.or(self.tenant);
        async move {
            let principal = principal.ok_or_else(|| Problem::unauthorised("Connect first."))?;
            let account = crate::auth::principal::account(&app, principal.user()).await?;
            let account =
                account.ok_or_else(|| Problem::unauthorised("The account is no more."))?;
            member_of(
                Principal {
                    account,
                    ..principal
                },
                tenant,
            )
        }
    }

    /// Runs a command as a member whom `rule` lets pass, and answers it; the session goes on
    /// meanwhile.
    fn run<F>(
        &mut self,
        context: &mut Context<Self>,
        id: u64,
        rule: AccessRule,
        tenant: Option<TenantId>,
        command: F,
    ) where
        F: AsyncFnOnce(web::Data<App>, Member) -> Result<bytestring::ByteString, Problem> + 'static,
    {
        if self.commands >= COMMANDS_MAX {
            return self
                .outbox
                .answer(replies::error(Some(id), &Problem::busy()));
        }
        self.commands += 1;
        let app = self.app.clone();
        let member = self.member(tenant);
        let running = request::frame(self.id, id, self.address, async move {
            let member = member.await?;
            rule.check_member(&member)?;
            command(app, member).await
        });
        context.spawn(running.into_actor(self).map(move |outcome, session, _| {
            session.commands -= 1;
            let answer = outcome.unwrap_or_else(|problem| replies::error(Some(id), &problem));
            session.outbox.answer(answer);
        }));
    }
}

fn ok(id: u64, result: impl serde::Serialize) -> bytestring::ByteString {
    Reply::Ok {
        id,
        result,
        positions: None,
        replay: None,
    }
    .text()
}
