//! What a session says of itself to those who look at the same calendar.

use schema::ids::CalendarId;

use super::Session;
use super::hearing::ok;
use crate::auth::access::AccessRule;
use crate::auth::principal::Caller;
use crate::problem::Problem;
use crate::ws::frames::Present;
use crate::ws::presence::{Doing, Presence, Who};
use crate::ws::replies;
use crate::ws::speaker::Speaker;

impl Session {
    pub(super) fn present(&mut self, id: u64, rule: AccessRule, frame: Present) {
        if let (Some(Speaker::Visitor(_)), Err(problem)) = (&self.speaker, rule.check_visitor()) {
            return self.outbox.answer(replies::error(Some(id), &problem));
        }
        let Some(followed) = self.followed.get(&frame.calendar) else {
            let problem = Problem::invalid("calendar", "one that this session follows");
            return self.outbox.answer(replies::error(Some(id), &problem));
        };
        let Some(who) = self.who() else {
            let problem = Problem::forbidden("Sign in for this.");
            return self.outbox.answer(replies::error(Some(id), &problem));
        };
        let presence = Presence {
            calendar: frame.calendar,
            session: self.id,
            who,
            state: frame.state,
            span: frame.span,
        };
        followed.attached.tell(&self.outbox, presence);
        self.outbox.answer(ok(id, serde_json::json!({})));
    }

    /// Tells the others of a calendar that this session is not there any more, if it was.
    pub(super) fn leave(&self, calendar: CalendarId) {
        let followed = self.followed.get(&calendar);
        if let Some(followed) = followed
            && let Some(said) = followed.attached.presence_of(self.id)
        {
            let gone = Presence {
                state: Doing::Gone,
                span: None,
                ..said
            };
            followed.attached.tell(&self.outbox, gone);
        }
    }

    pub(super) fn leave_all(&self) {
        for calendar in self.followed.keys() {
            self.leave(*calendar);
        }
    }

    fn who(&self) -> Option<Who> {
        match self.speaker.as_ref()? {
            Speaker::Known { principal, .. } => Some(match &principal.caller {
                Caller::User { account, .. } => Who {
                    id: account.user.0,
                    name: account.name.clone(),
                    is_key: false,
                },
                Caller::Key(key) => Who {
                    id: key.id,
                    name: key.workspace.name.clone(),
                    is_key: true,
                },
            }),
            Speaker::Visitor(_) => None,
        }
    }
}
