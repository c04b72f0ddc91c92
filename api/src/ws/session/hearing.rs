//! What a session hears: each frame to what it asks for, and its answer back.

use actix::prelude::*;
use actix_web::web;
use bytestring::ByteString;
use schema::ids::TenantId;

use super::Session;
use crate::actions;
use crate::app::App;
use crate::auth::access::AccessRule;
use crate::auth::permissions::Permission;
use crate::problem::Problem;
use crate::request;
use crate::rest::availability;
use crate::wire::appointment::AppointmentView;
use crate::ws::close::Close;
use crate::ws::frames::{self, Frame};
use crate::ws::replies::{self, Reply};
use crate::ws::speaker::Asking;

/// Frames that could not be read before the session ends.
const BAD_FRAMES_MAX: u32 = 20;
/// Commands of one session that run at the same time.
const COMMANDS_MAX: usize = 64;

impl Session {
    pub(super) fn bad(&mut self, id: Option<u64>, problem: &Problem) {
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
                self.asked.remove(&calendar);
                self.followed.remove(&calendar);
                self.outbox.forget(calendar);
                self.outbox.answer(ok(id, serde_json::json!({})));
            }
            Ok(Frame::Availability { tenant, query }) => {
                self.run(context, id, rule, tenant, async move |app, asking| {
                    let slots = match asking {
                        Asking::Member(member) => availability::find(&app, &member, &query).await?,
                        Asking::Visitor(visitor) => {
                            availability::find_public(&app, visitor.practice.tenant, &query).await?
                        }
                    };
                    Ok(ok(id, slots))
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
        if self.commands >= COMMANDS_MAX {
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
