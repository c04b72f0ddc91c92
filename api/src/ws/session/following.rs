//! What a session follows: beginning, beginning again after it read too slowly, and ending when its
//! rights do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix::prelude::*;
use schema::ids::{CalendarId, TenantId};
use schema::span::Span;

use super::Session;
use crate::auth::access::AccessRule;
use crate::auth::principal::Member;
use crate::problem::Problem;
use crate::rest::calendars::reader;
use crate::wire::time;
use crate::ws::close::Close;
use crate::ws::frames::Subscribe;
use crate::ws::outbox::Stream;
use crate::ws::replies::{self, Plain};
use crate::ws::subscribe::{Followed, From, follow};

/// The longest range of a snapshot, in days.
const RANGE_DAYS_MAX: i64 = 400;

/// Changes of these streams were dropped; now there is room to make up for them. With the version
/// that the client has, where one delta can continue it.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::ws) struct CatchUp(pub BTreeMap<Stream, Option<i64>>);

impl Handler<CatchUp> for Session {
    type Result = ();

    fn handle(&mut self, CatchUp(streams): CatchUp, context: &mut Self::Context) {
        for (stream, has) in streams {
            let calendar = match stream {
                Stream::Calendar(calendar) => calendar,
                Stream::Slots(name) => {
                    self.outbox.forget(stream);
                    if let Some(joined) = self.slots.get(&name) {
                        joined.send_state(None);
                    }
                    continue;
                }
            };
            let followed = self.followed.remove(&calendar);
            // Now that nothing more comes of it: what was dropped meanwhile is made up for below.
            self.outbox.forget(Stream::Calendar(calendar));
            if let Some(Followed {
                tenant,
                range,
                reader: before,
                ..
            }) = followed
            {
                // With the rights that the member has now.
                let member = self.member(Some(tenant));
                context.spawn(
                    member
                        .into_actor(self)
                        .map(move |member, session, context| match member {
                            Ok(member) => {
                                let from = has
                                    .filter(|_| reader(&member) == before)
                                    .map_or(From::Nothing, From::Version);
                                session.follow(context, member, calendar, range, from);
                            }
                            Err(problem) => session.reset(calendar, &problem),
                        }),
                );
            }
        }
    }
}

impl Session {
    /// The speaker as a member, with rights as they are now.
    fn member(
        &self,
        tenant: Option<TenantId>,
    ) -> impl Future<Output = Result<Member, Problem>> + use<> {
        let asking = self.asking(tenant);
        async move { asking.await?.member() }
    }

    /// Ends what the speaker may not do any more, or not in the same way: what they follow, or the
    /// session.
    pub(super) fn recheck(&mut self, context: &mut Context<Self>) {
        let Some(speaker) = self.speaker.clone() else {
            return;
        };
        let app = self.app.clone();
        let checking = async move { speaker.still_counts(&app).await };
        context.spawn(
            checking
                .into_actor(self)
                .map(|counts, session, context| match counts {
                    Ok(()) => session.recheck_followed(context),
                    // Trouble of ours says nothing about rights.
                    Err(problem) if problem.retryable() => {}
                    Err(problem) if problem.code == "unauthorized" => {
                        session.outbox.close(Close::BadToken);
                    }
                    Err(_) => session.outbox.close(Close::Forbidden),
                }),
        );
    }

    fn recheck_followed(&mut self, context: &mut Context<Self>) {
        let tenants: BTreeSet<TenantId> = self
            .followed
            .values()
            .map(|followed| followed.tenant)
            .collect();
        for tenant in tenants {
            let member = self.member(Some(tenant));
            context.spawn(member.into_actor(self).map(move |member, session, _| {
                let problem = match &member {
                    Ok(_) => Problem::forbidden("Your rights have changed."),
                    Err(problem) if problem.retryable() => return,
                    Err(problem) => problem.clone(),
                };
                let reader = member.ok().as_ref().map(reader);
                let ended: Vec<CalendarId> = session
                    .followed
                    .iter()
                    .filter(|(_, followed)| followed.tenant == tenant)
                    .filter(|(_, followed)| Some(followed.reader) != reader)
                    .map(|(calendar, _)| *calendar)
                    .collect();
                for calendar in ended {
                    session.reset(calendar, &problem);
                }
            }));
        }
    }

    /// The client's state of a calendar is no longer valid.
    fn reset(&mut self, calendar: CalendarId, problem: &Problem) {
        self.followed.remove(&calendar);
        self.asked.remove(&calendar);
        self.outbox.forget(Stream::Calendar(calendar));
        let reason = problem.code.as_str();
        self.outbox.answer(Plain::Reset { calendar, reason }.text());
    }

    pub(super) fn subscribe(
        &mut self,
        context: &mut Context<Self>,
        id: u64,
        rule: AccessRule,
        frame: Subscribe,
    ) {
        let range = match time::range(&frame.range.from, &frame.range.to, RANGE_DAYS_MAX) {
            Ok(range) => range,
            Err(problem) => return self.bad(Some(id), &problem),
        };
        let most = self.app.config.ws_subscriptions;
        // By what was asked for: many subscribes may be under way.
        if self.asked.len() >= most && !self.asked.contains_key(&frame.calendar) {
            let problem = Problem::invalid("calendar", format!("at most {most} at a time"));
            return self.outbox.answer(replies::error(Some(id), &problem));
        }
        let member = self.member(frame.tenant);
        let Subscribe {
            calendar, since, ..
        } = frame;
        self.asked.insert(calendar, id);
        context.spawn(
            member
                .into_actor(self)
                .map(move |member, session, context| {
                    if session.asked.get(&calendar) != Some(&id) {
                        return;
                    }
                    let allowed = member.and_then(|member| {
                        rule.check_member(&member)?;
                        Ok(member)
                    });
                    match allowed {
                        Ok(member) => {
                            // What was followed before ends first: its deltas are not the new one's.
                            session.followed.remove(&calendar);
                            session.outbox.forget(Stream::Calendar(calendar));
                            session.follow(
                                context,
                                member,
                                calendar,
                                range,
                                From::Client { id, since },
                            );
                        }
                        Err(problem) => {
                            if !session.followed.contains_key(&calendar) {
                                session.asked.remove(&calendar);
                            }
                            session.outbox.answer(replies::error(Some(id), &problem));
                        }
                    }
                }),
        );
    }

    fn follow(
        &mut self,
        context: &mut Context<Self>,
        member: Member,
        calendar: CalendarId,
        range: Span,
        from: From,
    ) {
        let (app, outbox) = (self.app.clone(), Arc::clone(&self.outbox));
        let session = self.id;
        let reading = Arc::clone(&self.reading);
        let asked = self.asked.get(&calendar).copied();
        let id = from.id();
        let following = async move {
            let _turn = reading.lock().await;
            follow(app, session, outbox, &member, calendar, range, from).await
        };
        context.spawn(
            following
                .into_actor(self)
                .map(move |outcome, session, _| match outcome {
                    Ok(followed) if session.asked.get(&calendar).copied() == asked => {
                        session.followed.insert(calendar, followed);
                    }
                    Ok(_) => {}
                    Err(problem) => match id {
                        Some(_) => {
                            if session.asked.get(&calendar).copied() == asked {
                                session.asked.remove(&calendar);
                            }
                            session.outbox.answer(replies::error(id, &problem));
                        }
                        None => session.reset(calendar, &problem),
                    },
                }),
        );
    }
}
