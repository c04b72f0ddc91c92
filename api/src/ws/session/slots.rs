//! The feeds of free slots that a session follows.

use std::sync::Arc;

use actix::prelude::*;
use actix_web::web;
use chrono::{NaiveDate, Utc};
use engine::scheduling::rejection::{Missing, Rejection};

use super::Session;
use crate::app::App;
use crate::practices;
use crate::problem::Problem;
use crate::ws::frames::SubscribeSlots;
use crate::ws::outbox::Outbox;
use crate::ws::replies;
use crate::ws::slots::{Joined, Key};
use crate::ws::speaker::Speaker;

impl Session {
    pub(super) fn subscribe_slots(
        &mut self,
        context: &mut Context<Self>,
        id: u64,
        mut frame: SubscribeSlots,
    ) {
        let Some(month) = month(&frame.month) else {
            let problem = Problem::invalid("month", "a month such as 2027-03");
            return self.bad(Some(id), &problem);
        };
        let most = self.app.config.ws_slot_feeds;
        if self.slots.len() + self.slots_beginning >= most {
            let problem = Problem::invalid("feed", format!("at most {most} at a time"));
            return self.outbox.answer(replies::error(Some(id), &problem));
        }
        if let (None, Some(Speaker::Visitor(visitor))) = (&frame.practice, &self.speaker) {
            frame.practice = Some(visitor.practice.subdomain.clone());
        }
        self.slots_beginning += 1;
        let joining = join(self.app.clone(), Arc::clone(&self.outbox), frame, month);
        context.spawn(joining.into_actor(self).map(move |outcome, session, _| {
            session.slots_beginning -= 1;
            match outcome {
                Ok(joined) => {
                    joined.show_held(&session.held.slots(Utc::now()));
                    joined.send_state(Some(id));
                    session.slots.insert(joined.name(), joined);
                }
                Err(problem) => session.outbox.answer(replies::error(Some(id), &problem)),
            }
        }));
    }
}

impl Session {
    /// Has the feeds show what the session holds by now.
    pub(super) fn show_held(&self) {
        if !self.slots.is_empty() {
            let held = self.held.slots(Utc::now());
            for joined in self.slots.values() {
                joined.show_held(&held);
            }
        }
    }
}

async fn join(
    app: web::Data<App>,
    outbox: Arc<Outbox>,
    frame: SubscribeSlots,
    month: NaiveDate,
) -> Result<Joined, Problem> {
    let practice = frame
        .practice
        .ok_or_else(|| Problem::invalid("practice", "the subdomain of a practice"))?;
    let practice = practices::find(&app, &practice).await?;
    let key = Key {
        tenant: practice.tenant,
        treatment: frame.treatment,
        provider: frame.dentist,
        month,
    };
    let book = app.engine.rules(key.tenant).await?;
    let treatment = book.treatments.get(&key.treatment);
    let treatment = treatment
        .filter(|treatment| treatment.active && treatment.online_bookable)
        .ok_or(Rejection::NotFound(Missing::Treatment))?;
    if let Some(id) = key.provider {
        let provider = book.providers.get(&id).filter(|provider| provider.active);
        let provider = provider.ok_or(Rejection::NotFound(Missing::Provider))?;
        if !book.offers(provider, treatment) {
            return Err(Rejection::NotOffered.into());
        }
    }
    app.slot_feeds.join(&app, key, outbox).await
}

/// The first day of a month such as `2027-03`.
fn month(text: &str) -> Option<NaiveDate> {
    let (year, month) = text.split_once('-')?;
    if year.len() != 4 || month.len() != 2 {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)
        .filter(|first| first.format("%Y-%m").to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_one_text() {
        assert_eq!(month("2027-03"), NaiveDate::from_ymd_opt(2027, 3, 1));
        for wrong in [
            "2027-3",
            "2027-13",
            "2027-00",
            "27-03",
            "2027-03-01",
            "+027-03",
            "2027-+3",
            "",
        ] {
            assert_eq!(month(wrong), None, "{wrong}");
        }
    }
}
