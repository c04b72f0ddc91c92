//! What a session follows: beginning, beginning again after it read too slowly, and ending when its
//! rights do.

use std::collections::BTreeSet;
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
use crate::ws::frames::{Position, Subscribe};
use crate::ws::replies::{self, Plain};
use crate::ws::subscribe::{Followed, follow};

/// Calendars that one session follows.
const CALENDARS_MAX: usize = 200;
/// The longest range of a snapshot, in days.
const RANGE_DAYS_MAX: i64 = 400;

/// Deltas of these calendars were dropped; now there is room for their state.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StartAgain(pub BTreeSet<CalendarId>);

impl Handler<StartAgain> for Session {
    type Result = ();

    fn handle(&mut self, StartAgain(calendars): StartAgain, context: &mut Self::Context) {
        for calendar in calendars {
            if let Some(Followed { member, range, .. }) = self.followed.remove(&calendar) {
                // With the rights that the member has now.
                let member = self.member(Some(member.tenant()));
                context.spawn(
                    member
                        .into_actor(self)
                        .map(move |member, session, context| match member {
                            Ok(member) => {
                                session.follow(context, member, calendar, range, None, None)
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

    /// Ends what the speaker may not follow any more, or not in the same way.
    pub(super) fn recheck(&mut self, context: &mut Context<Self>) {
        let tenants: BTreeSet<TenantId> = self
            .followed
            .values()
            .map(|followed| followed.member.tenant())
            .collect();
        for tenant in tenants {
            let member = self.member(Some(tenant));
            context.spawn(member.into_actor(self).map(move |member, session, _| {
                let problem = match &member {
                    Ok(_) => Problem::forbidden("Your rights have changed."),
                    // Trouble of ours says nothing about rights.
                    Err(problem) if problem.retryable() => return,
                    Err(problem) => problem.clone(),
                };
                let reader = member.ok().as_ref().map(reader);
                let ended: Vec<CalendarId> = session
                    .followed
                    .iter()
                    .filter(|(_, followed)| followed.member.tenant() == tenant)
                    .filter(|(_, f)| Some(f.attached.subscription.reader) != reader)
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
        self.outbox.forget(calendar);
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
        if self.followed.len() >= CALENDARS_MAX && !self.followed.contains_key(&frame.calendar) {
            let problem =
                Problem::invalid("calendar", format!("at most {CALENDARS_MAX} at a time"));
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
                            session.outbox.forget(calendar);
                            session.follow(context, member, calendar, range, since, Some(id));
                        }
                        Err(problem) => session.outbox.answer(replies::error(Some(id), &problem)),
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
        since: Option<Position>,
        id: Option<u64>,
    ) {
        let (app, outbox) = (self.app.clone(), Arc::clone(&self.outbox));
        let reading = Arc::clone(&self.reading);
        let asked = self.asked.get(&calendar).copied();
        let following = async move {
            let _turn = reading.lock().await;
            follow(app, outbox, member, calendar, range, since, id).await
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
                        Some(_) => session.outbox.answer(replies::error(id, &problem)),
                        None => session.reset(calendar, &problem),
                    },
                }),
        );
    }
}
