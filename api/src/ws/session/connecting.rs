//! Who speaks: connecting with a token or to a practice's public side, and a new token in time.

use actix::prelude::*;
use chrono::Utc;
use schema::ids::TenantId;

use super::{PING_EVERY, Session};
use crate::auth::principal::{authenticate, member_of};
use crate::practices;
use crate::problem::Problem;
use crate::ws::close::Close;
use crate::ws::frames::Connect;
use crate::ws::replies::{self, Plain};
use crate::ws::speaker::{Asking, Speaker, Visitor};

/// A public session lives as long as its socket; clients need not know that it has no token.
const VISIT_TTL_MS: i64 = 24 * 60 * 60 * 1000;

impl Session {
    pub(super) fn connect(&mut self, context: &mut Context<Self>, id: u64, connect: Connect) {
        let app = self.app.clone();
        let (session, address) = (self.id, self.address);
        let connecting = async move {
            let Connect {
                token,
                tenant,
                practice,
            } = connect;
            match (token, practice) {
                (Some(token), None) => {
                    let principal = authenticate(&app, &token).await?;
                    if tenant.is_some() {
                        member_of(principal.clone(), tenant)?;
                    }
                    Ok(Speaker::Known { principal, tenant })
                }
                (None, Some(subdomain)) => Ok(Speaker::Visitor(Visitor {
                    session,
                    address,
                    practice: practices::find(&app, &subdomain).await?,
                })),
                (Some(_), Some(_)) => Err(Problem::bad_request(
                    "Connect with a token or to a practice, not both.",
                )),
                (None, None) => Err(Problem::unauthorised("There is no token.")),
            }
        };
        // Frames behind this one wait: they need to know who speaks.
        context.wait(
            connecting
                .into_actor(self)
                .map(move |outcome, session, _| match outcome {
                    Ok(speaker) => {
                        session.connected(id, &speaker);
                        session.speaker = Some(speaker);
                    }
                    Err(problem) => session.refused(id, &problem),
                }),
        );
    }

    fn connected(&self, id: u64, speaker: &Speaker) {
        let ttl_ms = match speaker {
            Speaker::Known { principal, .. } => {
                (principal.until - Utc::now()).num_milliseconds().max(0)
            }
            Speaker::Visitor(_) => VISIT_TTL_MS,
        };
        let reply = Plain::Connected {
            id,
            session: self.id,
            ttl_ms,
            ping_ms: PING_EVERY.as_millis() as u64,
            server_time: Utc::now(),
        };
        self.outbox.answer(reply.text());
    }

    /// Somebody who may not speak here ends the session; trouble of ours lets the client try again.
    fn refused(&self, id: u64, problem: &Problem) {
        self.outbox.answer(replies::error(Some(id), problem));
        match problem.code.as_str() {
            "unauthorized" => self.outbox.close(Close::BadToken),
            "forbidden" | "suspended" | "not_found" => self.outbox.close(Close::Forbidden),
            _ => {}
        }
    }

    pub(super) fn refresh(&mut self, context: &mut Context<Self>, id: u64, token: String) {
        let Some(Speaker::Known { principal, tenant }) = &self.speaker else {
            let problem = Problem::bad_request("This session has no token to refresh.");
            return self.bad(Some(id), &problem);
        };
        let (app, known, tenant) = (self.app.clone(), principal.actor(), *tenant);
        let checking = async move { authenticate(&app, &token).await };
        context.spawn(checking.into_actor(self).map(
            move |outcome, session, context| match outcome {
                Ok(principal) if principal.actor() == known => {
                    let speaker = Speaker::Known { principal, tenant };
                    session.connected(id, &speaker);
                    session.speaker = Some(speaker);
                    session.recheck(context);
                }
                Ok(_) => session.refused(id, &Problem::forbidden("Somebody else's token.")),
                Err(problem) => session.refused(id, &problem),
            },
        ));
    }

    /// The speaker, with rights as they are now.
    pub(super) fn asking(
        &self,
        tenant: Option<TenantId>,
    ) -> impl Future<Output = Result<Asking, Problem>> + use<> {
        let (app, speaker) = (self.app.clone(), self.speaker.clone());
        async move {
            let speaker = speaker.ok_or_else(|| Problem::unauthorised("Connect first."))?;
            speaker.asking(&app, tenant).await
        }
    }
}
