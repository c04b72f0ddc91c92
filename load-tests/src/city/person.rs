//! Somebody at a front desk: searches, looks, books free slots that nobody else gets, and moves,
//! cancels and confirms what they have booked themselves. So nothing that they want may be refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use chrono::TimeDelta;
use rand::RngExt;
use rand::rngs::StdRng;
use uuid::Uuid;

use super::Life;
use super::deed::{Deed, Mix};
use crate::Outcome;
use crate::client::{Answer, CANCELLED, CONFIRMED, Client, Command, Protocol, Question};
use crate::diary::{Booking, Diary, opening};
use crate::seed::Practice;

/// Days ahead, from tomorrow on, of which one is looked at: those that most people want.
const DAYS: u64 = 300;

/// A client with what it has booked.
pub(super) struct Person {
    pub life: Arc<Life>,
    pub protocol: Protocol,
    pub client: Client,
    pub practice: Practice,
    pub diary: Arc<Diary>,
    pub random: StdRng,
    pub visits: Vec<Visit>,
}

/// A visit that this person has booked.
pub(super) struct Visit {
    id: Uuid,
    booking: Booking,
    confirmed: bool,
}

impl Person {
    /// Until nothing is due any more.
    pub async fn live(mut self) -> Outcome<()> {
        loop {
            let due = tokio::select! {
                biased;
                due = self.life.pace.next() => due,
                _ = self.client.idle() => {
                    self.connect().await?;
                    continue;
                }
            };
            let Some(due) = due else { return Ok(()) };
            if !self.act(due).await? {
                eprintln!("a practice is full: play with more tenants, or for a shorter time");
                return Ok(());
            }
        }
    }

    async fn connect(&mut self) -> Outcome<()> {
        self.client = self.life.site.client(self.protocol, self.practice).await?;
        Ok(())
    }

    /// One deed; `false` when there is no slot left to book.
    async fn act(&mut self, due: Instant) -> Outcome<bool> {
        let deed = self.next();
        match deed {
            Deed::SearchDay | Deed::SearchWeek | Deed::Look => self.see(deed, due).await?,
            Deed::Book => return self.book(due).await,
            Deed::Move => return self.move_one(due).await,
            Deed::Cancel => self.cancel(due).await?,
            Deed::Confirm => self.confirm(due).await?,
        }
        Ok(true)
    }

    /// What is done to visits needs one, and whoever has many gives one back before the next.
    fn next(&mut self) -> Deed {
        let deed = self.life.mix.next(&mut self.random);
        let possible = match deed {
            Deed::Move | Deed::Cancel => !self.visits.is_empty(),
            Deed::Confirm => self.visits.iter().any(|visit| !visit.confirmed),
            _ => true,
        };
        match deed {
            _ if !possible => Deed::Book,
            Deed::Book if self.visits.len() >= self.life.visits_max => Deed::Cancel,
            _ => deed,
        }
    }

    async fn see(&mut self, deed: Deed, due: Instant) -> Outcome<()> {
        let from = opening(self.life.site.today, self.random.random_range(0..DAYS));
        let dentist = self
            .practice
            .dentist(self.random.random_range(0..self.life.site.size.dentists));
        let question = match deed {
            Deed::Look => Question::Calendar {
                calendar: dentist.calendar,
                from,
                to: from + TimeDelta::days(7),
            },
            Deed::SearchWeek => Question::Free {
                treatment: self.practice.short(),
                dentist: Some(dentist.id),
                from,
                to: from + TimeDelta::days(7),
            },
            _ => Question::Free {
                treatment: self.practice.short(),
                dentist: None,
                from,
                to: from + TimeDelta::days(1),
            },
        };
        let found = self.client.ask(&question).await;
        let error = found.as_ref().err().and_then(Answer::error);
        self.life.meter.record_as(deed.name(), due, error);
        match found {
            Ok(0) if deed != Deed::Look => self.fault("nothing free", &question),
            Ok(_) => {}
            Err(answer) => self.refused(&answer, &question).await?,
        }
        Ok(())
    }

    async fn book(&mut self, due: Instant) -> Outcome<bool> {
        let Some(booking) = self.diary.next() else {
            return Ok(false);
        };
        let command = Command::Book(booking.clone());
        match self.give(Deed::Book, &command, due).await {
            Answer::Done { appointment, .. } => {
                self.life.ledger.booked(appointment, &booking);
                if self.life.mix == Mix::Day {
                    self.life.standing.fetch_add(1, Ordering::Relaxed);
                    self.visits.push(Visit {
                        id: appointment,
                        booking,
                        confirmed: false,
                    });
                }
            }
            other => {
                self.life.ledger.unanswered(&booking);
                self.refused(&other, &command).await?;
            }
        }
        Ok(true)
    }

    async fn move_one(&mut self, due: Instant) -> Outcome<bool> {
        let place = self.random.random_range(0..self.visits.len());
        let mut visit = self.visits.swap_remove(place);
        let Some(to) = self.diary.another(&visit.booking) else {
            return Ok(false);
        };
        let command = Command::Move {
            appointment: visit.id,
            to: to.clone(),
        };
        match self.give(Deed::Move, &command, due).await {
            Answer::Done { version, .. } => {
                self.life.ledger.moved(visit.id, version, &to);
                let left = std::mem::replace(&mut visit.booking, to);
                self.diary.give_back(left);
                self.visits.push(visit);
            }
            other => {
                self.life.ledger.unsure(visit.id);
                self.refused(&other, &command).await?;
            }
        }
        Ok(true)
    }

    async fn cancel(&mut self, due: Instant) -> Outcome<()> {
        let place = self.random.random_range(0..self.visits.len());
        let visit = self.visits.swap_remove(place);
        let command = Command::Cancel {
            appointment: visit.id,
        };
        match self.give(Deed::Cancel, &command, due).await {
            Answer::Done { version, .. } => {
                self.life.ledger.became(visit.id, version, CANCELLED);
                self.life.standing.fetch_sub(1, Ordering::Relaxed);
                self.diary.give_back(visit.booking);
            }
            other => {
                self.life.ledger.unsure(visit.id);
                self.refused(&other, &command).await?;
            }
        }
        Ok(())
    }

    async fn confirm(&mut self, due: Instant) -> Outcome<()> {
        let first = self.random.random_range(0..self.visits.len());
        let (before, after) = self.visits.split_at_mut(first);
        let mut visits = after.iter_mut().chain(before);
        let Some(visit) = visits.find(|visit| !visit.confirmed) else {
            return Ok(());
        };
        visit.confirmed = true;
        let appointment = visit.id;
        let command = Command::Confirm { appointment };
        match self.give(Deed::Confirm, &command, due).await {
            Answer::Done { version, .. } => {
                self.life.ledger.became(appointment, version, CONFIRMED);
            }
            other => {
                self.life.ledger.unsure(appointment);
                self.visits.retain(|visit| visit.id != appointment);
                self.refused(&other, &command).await?;
            }
        }
        Ok(())
    }

    async fn give(&mut self, deed: Deed, command: &Command, due: Instant) -> Answer {
        let key = self.life.keys.then(|| Uuid::new_v4().to_string());
        let answer = self.client.give(command, key.as_deref()).await;
        match self.life.mix {
            Mix::Day => {
                let meter = &self.life.meter;
                meter.record_as(deed.name(), due, answer.error());
            }
            Mix::Bookings => self.life.meter.record(due, &answer),
        }
        answer
    }

    /// Nobody else wants what this person wants: whatever is no success is a fault.
    async fn refused(
        &mut self,
        answer: &Answer,
        what: &(dyn std::fmt::Debug + Sync),
    ) -> Outcome<()> {
        self.fault(&format!("{answer:?}"), what);
        match answer {
            Answer::Lost(_) => self.connect().await,
            _ => Ok(()),
        }
    }

    fn fault(&self, text: &str, what: &dyn std::fmt::Debug) {
        self.life.ledger.fault(format!("{text}: {what:?}"));
    }
}
