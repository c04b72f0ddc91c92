//! The task behind a feed: computes what has become dirty, follows the calendars that matter, and
//! lets time pass.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use actix_web::{rt, web};
use chrono::Months;
use engine::directory::Following;
use engine::failure::Refusal;
use engine::scheduling::availability::{Search, Whom};
use engine::scheduling::placement::{Asker, horizon_days, notice_min};
use engine::scheduling::rulebook::{Provider, RuleBook, Treatment};
use schema::ids::CalendarId;
use schema::models::pattern::Role;
use schema::span::{DAY, Minute, Span};

use super::signal::{Dirty, Listener, Signal};
use super::{Feed, Key};
use crate::app::App;

/// More slots than a month of a practice has.
const SLOTS_MAX: usize = 100_000;
/// After trouble, how long until it is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long changes are gathered before they are computed.
const GATHER: Duration = Duration::from_millis(3);
/// Between two computations, at least: the first change is told at once, and of a busy practice's
/// no more than anybody can look at, for each costs a frame to everybody who follows.
const APART: Duration = Duration::from_millis(50);
const MINUTE: Duration = Duration::from_secs(60);

/// Keeps a feed up to date until nobody follows it.
pub(super) async fn run(app: web::Data<App>, feed: Weak<Feed>, key: Key, signal: Arc<Signal>) {
    let mut rules_changes = app.engine.rules_changes();
    let mut course = Course {
        app: app.clone(),
        key,
        signal: Arc::clone(&signal),
        book: None,
        horizon: None,
        following: Vec::new(),
    };
    loop {
        let Some(current) = feed.upgrade() else {
            return;
        };
        rules_changes.mark_unchanged();
        let pause = match course.advance(&current).await {
            Ok(()) => {
                current.is_ready();
                course.until_next_minute()
            }
            Err(error) => {
                tracing::warn!(?error, "a slot feed cannot be computed");
                signal.everything();
                // Not by the signal that has just been given.
                drop(current);
                rt::time::sleep(AGAIN).await;
                continue;
            }
        };
        drop(current);
        let computed = Instant::now();
        tokio::select! {
            // One command touches several calendars, one commit several feeds: what comes within
            // a moment is computed once.
            () = signal.woken() => {
                let rest = APART.saturating_sub(computed.elapsed());
                rt::time::sleep(rest.max(GATHER)).await;
            }
            _ = rules_changes.changed() => {}
            () = rt::time::sleep(pause) => {}
        }
    }
}

struct Course {
    app: web::Data<App>,
    key: Key,
    signal: Arc<Signal>,
    book: Option<Arc<RuleBook>>,
    /// How far ahead could be booked when it was looked at last.
    horizon: Option<Minute>,
    /// Ends what it follows when it is replaced.
    following: Vec<Following>,
}

impl Course {
    /// Brings the feed to this moment.
    async fn advance(&mut self, feed: &Feed) -> Result<(), Refusal> {
        let book = self.app.engine.rules(self.key.tenant).await?;
        let same = self
            .book
            .as_ref()
            .is_some_and(|old| Arc::ptr_eq(old, &book));
        if !same {
            // Followed first, computed then: nothing falls between.
            self.follow(&book).await?;
            self.book = Some(Arc::clone(&book));
            self.signal.everything();
        }
        let dirty = self.signal.take();
        let Some(range) = month(&book, self.key) else {
            return Ok(());
        };
        feed.is_of(range);
        let Some((treatment, providers)) = offered(&book, self.key) else {
            feed.change(|slots| slots.replace(range, []));
            return Ok(());
        };
        let whom = match self.key.provider {
            Some(_) => Whom::These(providers),
            None => Whom::Anybody,
        };
        let now = self.app.engine.clock().minute();
        let mut windows = match &dirty {
            Dirty::Everything => vec![range],
            Dirty::Spans(spans) => windows(&book, treatment, range, spans),
        };
        // The horizon moves on with time: what it has just passed may be free.
        let latest = now.plus(horizon_days(&book, treatment) * DAY);
        let moved = self.horizon.replace(latest) != Some(latest);
        if moved && range.start() <= latest && latest < range.end() && dirty != Dirty::Everything {
            windows.extend(Span::lasting(latest, 1).and_then(|minute| minute.intersection(range)));
        }
        for window in windows {
            let search = Search {
                limit: SLOTS_MAX,
                ..Search::with(treatment, whom.clone(), window, Asker::Public)
            };
            let found = self.app.engine.availability(&book, &search).await?;
            self.app.slot_feeds.computed();
            let found = found.into_iter().map(|slot| (slot.span, slot.provider));
            feed.change(|slots| slots.replace(window, found));
        }
        let earliest = now.plus(notice_min(&book, treatment));
        feed.change(|slots| slots.expire(earliest));
        Ok(())
    }

    async fn follow(&mut self, book: &RuleBook) -> Result<(), Refusal> {
        let mut following = Vec::new();
        if let (Some(range), Some((treatment, providers))) =
            (month(book, self.key), offered(book, self.key))
        {
            // Visits that begin before its end reach beyond it, by a day at most.
            let range = Span::new(range.start().plus(-DAY), range.end().plus(DAY)).unwrap_or(range);
            for calendar in calendars(book, treatment, &providers) {
                let listener = Listener {
                    signal: Arc::clone(&self.signal),
                    range,
                };
                let engine = &self.app.engine;
                following.push(engine.follow(calendar, Arc::new(listener)).await?.1);
            }
        }
        self.following = following;
        Ok(())
    }

    fn until_next_minute(&self) -> Duration {
        let now = self.app.engine.clock().now();
        let into = now.timestamp_millis().rem_euclid(60_000);
        MINUTE - Duration::from_millis(into.unsigned_abs())
    }
}

/// The month in the practice's zone.
fn month(book: &RuleBook, key: Key) -> Option<Span> {
    let next = key.month.checked_add_months(Months::new(1))?;
    Span::new(
        book.zone.day(key.month)?.start(),
        book.zone.day(next)?.start(),
    )
}

/// The treatment with whoever may be booked for it; `None` for what is not offered online.
pub(in crate::ws) fn offered(book: &RuleBook, key: Key) -> Option<(&Treatment, Vec<&Provider>)> {
    let treatment = book.treatments.get(&key.treatment)?;
    if !treatment.active || !treatment.online_bookable {
        return None;
    }
    let providers: Vec<&Provider> = book
        .who_offers(treatment)
        .filter(|provider| key.provider.is_none_or(|id| id == provider.id))
        .collect();
    (!providers.is_empty()).then_some((treatment, providers))
}

/// The calendars whose changes may change the feed.
fn calendars(
    book: &RuleBook,
    treatment: &Treatment,
    providers: &[&Provider],
) -> BTreeSet<CalendarId> {
    let mut found: BTreeSet<CalendarId> = treatment
        .equipment
        .iter()
        .map(|machine| machine.calendar)
        .collect();
    for provider in providers {
        found.insert(provider.calendar);
        let chairs = book.operatories_for(provider.id, treatment);
        found.extend(chairs.into_iter().map(|operatory| operatory.calendar));
    }
    let helps = |role: Role| treatment.pattern.iter().any(|part| part.role == role);
    let helpers = book
        .providers
        .values()
        .filter(|provider| provider.active && helps(provider.role));
    // Whoever leads is one of `providers`; of other roles anybody may be chosen.
    let helpers = helpers.filter(|provider| provider.role != treatment.lead_role());
    found.extend(helpers.map(|provider| provider.calendar));
    found
}

/// The whole local days on which slots may have come or gone when time in `spans` has changed
/// hands: caps count by the day.
fn windows(book: &RuleBook, treatment: &Treatment, range: Span, spans: &[Span]) -> Vec<Span> {
    let after = treatment.pattern.iter().map(|part| part.buffer_after).max();
    let before = treatment
        .pattern
        .iter()
        .map(|part| part.buffer_before)
        .max();
    let reach = treatment.duration + after.unwrap_or_default();
    let mut days = BTreeSet::new();
    for span in spans {
        let first = span.start().plus(-reach).max(range.start());
        let last = span.end().plus(before.unwrap_or_default()).min(range.end());
        if first < last {
            let first = book.zone.to_local(first).date();
            let last = book.zone.to_local(Minute(last.0 - 1)).date();
            days.extend(first.iter_days().take_while(|day| *day <= last));
        }
    }
    let mut windows: Vec<Span> = Vec::new();
    for day in days {
        let Some(day) = book.zone.day(day).and_then(|day| day.intersection(range)) else {
            continue;
        };
        match windows.last_mut() {
            Some(last) if last.end() == day.start() => {
                *last = Span::new(last.start(), day.end()).unwrap_or(*last);
            }
            _ => windows.push(day),
        }
    }
    windows
}
