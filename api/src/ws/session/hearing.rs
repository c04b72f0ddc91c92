//! What a session hears: each frame to what it asks for, and its answer back.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use actix_web::web;
use bytestring::ByteString;
use chrono::Utc;
use schema::ids::TenantId;

use super::{BAD_FRAMES_WITHIN, Session};
use crate::actions;
use crate::app::App;
use crate::auth::access::AccessRule;
use crate::auth::permissions::Permission;
use crate::problem::Problem;
use crate::request;
use crate::rest::availability;
use crate::wire::outcome::Outcome;
use crate::wire::repeat;
use crate::ws::close::Close;
use crate::ws::frames::{self, Frame};
use crate::ws::hold_frames;
use crate::ws::outbox::Stream;
use crate::ws::replies::{self, Reply};
use crate::ws::speaker::Asking;

/// Bad frames before the session ends.
const BAD_FRAMES_MAX: u32 = 20;

impl Session {
    pub(super) fn bad(&mut self, id: Option<u64>, problem: &Problem) {
        if self.bad_since.elapsed() > BAD_FRAMES_WITHIN {
            self.bad_frames = 0;
        }
        if self.bad_frames == 0 {
            self.bad_since = Instant::now();
        }
        self.bad_frames += 1;
        self.outbox.answer(replies::error(id, problem));
        if self.bad_frames >= BAD_FRAMES_MAX {
            self.outbox.close(Close::TooManyBadFrames);
        }
    }

    pub(super) fn hear(&mut self, context: &mut Context<Self>, text: &str) {
        if self.outbox.closing().is_some() {
            return;
        }
        let incoming = frames::read(text);
        if !self.allowance.take(Instant::now()) {
            let problem = Problem::too_many(self.allowance.wait().as_secs() + 1);
            return self.bad(incoming.id, &problem);
        }
        let (Some(id), Ok(frame)) = (incoming.id, &incoming.frame) else {
            let unread = || Problem::bad_request("The frame cannot be read.");
            let problem = incoming.frame.err().unwrap_or_else(unread);
            return self.bad(incoming.id, &problem);
        };
        let connecting = matches!(frame, Frame::Connect(_));
        if connecting != self.speaker.is_none() {
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
                self.leave(calendar);
                self.asked.remove(&calendar);
                self.followed.remove(&calendar);
                self.outbox.forget(Stream::Calendar(calendar));
                self.outbox.answer(ok(id, serde_json::json!({})));
            }
            Ok(Frame::SubscribeSlots(subscribe)) => self.subscribe_slots(context, id, subscribe),
            Ok(Frame::UnsubscribeSlots { feed }) => {
                self.slots.remove(&feed);
                self.outbox.forget(Stream::Slots(feed));
                self.outbox.answer(ok(id, serde_json::json!({})));
            }
            Ok(Frame::Presence(presence)) => self.present(id, rule, presence),
            Ok(Frame::Availability { tenant, query }) => {
                let kept = self.held.kept(Utc::now());
                self.run(context, id, rule, tenant, async move |app, asking| {
                    let slots = match asking {
                        Asking::Member(member) => {
                            availability::find(&app, &member, &query, &kept).await?
                        }
                        Asking::Visitor(visitor) => {
                            let tenant = visitor.practice.tenant;
                            availability::find_public(&app, tenant, &query, &kept).await?
                        }
                    };
                    Ok(ok(id, slots))
                });
            }
            Ok(Frame::Explain { tenant, query }) => {
                self.run(context, id, rule, tenant, async move |app, asking| {
                    let explanation = match asking {
                        Asking::Member(member) => {
                            availability::explain_to(&app, &member, &query).await?
                        }
                        Asking::Visitor(visitor) => {
                            let tenant = visitor.practice.tenant;
                            availability::explain_to_public(&app, tenant, &query).await?
                        }
                    };
                    Ok(ok(id, explanation))
                });
            }
            Ok(Frame::Command {
                tenant,
                key,
                action,
            }) => {
                self.run(context, id, rule, tenant, async move |app, asking| {
                    let member = asking.member()?;
                    let reply = actions::run(&app, &member, key, action).await?;
                    let sees_patients = member.may(Permission::CanViewPatients);
                    Ok(Reply::Ok {
                        id,
                        result: Outcome::of(&reply, sees_patients)?,
                        positions: Some(&repeat::positions(&reply)),
                        replay: reply.replay.then_some(true),
                    }
                    .text())
                });
            }
            Ok(Frame::Preview { tenant, action }) => {
                self.run(context, id, rule, tenant, async move |app, asking| {
                    let member = asking.member()?;
                    let done = actions::preview(&app, &member, action).await?;
                    let sees_patients = member.may(Permission::CanViewPatients);
                    Ok(ok(id, Outcome::preview(&done, sees_patients)?))
                });
            }
            Ok(Frame::Hold {
                tenant,
                key,
                action,
            }) => {
                let held = Arc::clone(&self.held);
                self.run(context, id, rule, tenant, async move |app, asking| {
                    hold_frames::run(&app, asking, &held, id, key, action).await
                });
            }
            Err(_) => {}
        }
    }

    /// Runs a command that `rule` allows with the speaker's rights of this moment, and answers it;
    /// the session goes on meanwhile.
    pub(super) fn run<F>(
        &mut self,
        context: &mut Context<Self>,
        id: u64,
        rule: AccessRule,
        tenant: Option<TenantId>,
        command: F,
    ) where
        F: AsyncFnOnce(web::Data<App>, Asking) -> Result<ByteString, Problem> + 'static,
    {
        if self.commands >= self.app.config.ws_commands {
            return self
                .outbox
                .answer(replies::error(Some(id), &Problem::busy()));
        }
        self.commands += 1;
        let app = self.app.clone();
        let asking = self.asking(tenant);
        let running = request::frame(self.id, id, self.address, async move {
            let asking = asking.await?;
            asking.check(rule)?;
            command(app, asking).await
        });
        context.spawn(running.into_actor(self).map(move |outcome, session, _| {
            session.commands -= 1;
            let answer = outcome.unwrap_or_else(|problem| replies::error(Some(id), &problem));
            session.outbox.answer(answer);
            session.show_held();
        }));
    }
}

/// An answer without positions.
pub(super) fn ok(id: u64, result: impl serde::Serialize) -> ByteString {
    Reply::Ok {
        id,
        result,
        positions: None,
        replay: None,
    }
    .text()
}
