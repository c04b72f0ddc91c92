//! The job that sends what is queued. Several processes share the work: each takes rows that no
//! other has, for a while; a row whose process died is taken again after that.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Jsonb, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::connection::{self, ConnectionPool, Role};
use schema::schema::mail_queue;
use schema::tenancy::unavailable;
use serde_json::Value;
use tokio::sync::{Mutex, Notify, watch};
use uuid::Uuid;

use super::letter::Letter;
use super::transport::{MailError, Transport};
use crate::app::StartError;
use crate::config::Config;
use crate::rest::language::Language;

/// Rows taken at a time.
const BATCH: i64 = 20;
/// For how long a taken row is nobody else's: longer than a batch of slow servers takes.
const TAKEN_SECONDS: f64 = 900.0;
/// Tries before a row is given up: with the pauses below, after about two days.
const ATTEMPTS_MAX: i16 = 16;
const PAUSE_FIRST: TimeDelta = TimeDelta::seconds(30);
const PAUSE_MAX: TimeDelta = TimeDelta::hours(6);
/// How long a row that was given up is kept.
const GIVEN_UP_KEPT: TimeDelta = TimeDelta::days(30);

/// Sends queued e-mails.
pub struct Mailer {
    pool: ConnectionPool,
    transport: Transport,
    every: Duration,
    woken: Notify,
    stopping: watch::Sender<bool>,
    /// One round at a time.
    round: Mutex<()>,
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    recipient: String,
    #[diesel(sql_type = Text)]
    locale: String,
    #[diesel(sql_type = Jsonb)]
    letter: Value,
    #[diesel(sql_type = SmallInt)]
    attempts: i16,
}

impl Mailer {
    /// With the transport of `config`; sends nothing before [`Self::run`].
    ///
    /// # Errors
    /// When a setting is missing or impossible.
    pub fn new(config: &Config) -> Result<Self, StartError> {
        let pool = connection::pool(config.database_url()?, Role::Mail, 1)
            .map_err(|error| StartError::Pool(error.to_string()))?;
        Ok(Self {
            pool,
            transport: Transport::new(config)?,
            every: Duration::from_millis(config.mail_poll_ms.max(10)),
            woken: Notify::new(),
            stopping: watch::Sender::new(false),
            round: Mutex::default(),
        })
    }

    /// Something was queued and committed.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Sends until [`Self::stop`].
    pub async fn run(&self) {
        let mut stopping = self.stopping.subscribe();
        loop {
            if let Err(error) = self.deliver_due().await {
                tracing::warn!(%error, "the mail queue cannot be read");
            }
            tokio::select! {
                () = self.woken.notified() => {}
                () = tokio::time::sleep(self.every) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    /// Lets [`Self::run`] end after what it is sending.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Sends all that is due now, and returns when it is sent or put off.
    ///
    /// # Errors
    /// The database's own.
    pub async fn deliver_due(&self) -> QueryResult<()> {
        let _round = self.round.lock().await;
        let mut connection = self
            .pool
            .get()
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        loop {
            let mut taken = take(&mut connection).await?;
            if taken.is_empty() {
                break;
            }
            // As they were queued: ids are made of the time.
            taken.sort_unstable_by_key(|row| row.id);
            for row in taken {
                self.deliver(&mut connection, row).await?;
            }
            if *self.stopping.borrow() {
                return Ok(());
            }
        }
        let old = Utc::now() - GIVEN_UP_KEPT;
        diesel::delete(mail_queue::table.filter(mail_queue::given_up_at.lt(old)))
            .execute(&mut connection)
            .await
            .map(drop)
    }

    async fn deliver(&self, connection: &mut AsyncPgConnection, row: Taken) -> QueryResult<()> {
        let language = Language::named(&row.locale);
        // Another version of the program may have queued what this one does not know.
        let letter = serde_json::from_value::<Letter>(row.letter);
        let kind = letter.as_ref().map_or("unknown", Letter::kind);
        let sent = match &letter {
            Ok(letter) => {
                let sending = self.transport.send(&row.recipient, letter.text(language));
                sending.await
            }
            Err(_) => Err(MailError::Unknown),
        };
        let this = mail_queue::table.find(row.id);
        match sent {
            Ok(()) => {
                metrics::counter!("mail_sent_total", "letter" => kind).increment(1);
                diesel::delete(this).execute(connection).await?;
            }
            Err(error) if error.is_final() || row.attempts >= ATTEMPTS_MAX => {
                // Neither to whom nor what it said.
                tracing::error!(mail = %row.id, letter = kind, %error, "an e-mail is given up");
                metrics::counter!("mail_given_up_total", "letter" => kind).increment(1);
                diesel::update(this)
                    .set((
                        mail_queue::letter.eq(None::<Value>),
                        mail_queue::given_up_at.eq(diesel::dsl::now),
                    ))
                    .execute(connection)
                    .await?;
            }
            Err(error) => {
                tracing::warn!(mail = %row.id, letter = kind, %error, "an e-mail waits");
                metrics::counter!("mail_put_off_total", "letter" => kind).increment(1);
                diesel::update(this)
                    .set(mail_queue::due_at.eq(next_try(row.attempts, Utc::now())))
                    .execute(connection)
                    .await?;
            }
        }
        Ok(())
    }
}

/// Rows that are due and that no other process has, now ours for a while.
async fn take(connection: &mut AsyncPgConnection) -> QueryResult<Vec<Taken>> {
    diesel::sql_query(
        "UPDATE mail_queue SET attempts = attempts + 1, due_at = now() + make_interval(secs => $1)
         WHERE id IN (SELECT id FROM mail_queue WHERE letter IS NOT NULL AND due_at <= now()
             ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING id, recipient, locale, letter, attempts",
    )
    .bind::<Double, _>(TAKEN_SECONDS)
    .bind::<BigInt, _>(BATCH)
    .load(connection)
    .await
}

/// Each pause is twice the one before.
fn next_try(attempts: i16, now: DateTime<Utc>) -> DateTime<Utc> {
    let doublings = u32::from(attempts.clamp(1, 20).unsigned_abs()) - 1;
    now + (PAUSE_FIRST * 2_i32.pow(doublings)).min(PAUSE_MAX)
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let now = Utc::now();
        let pause = |attempts| (next_try(attempts, now) - now).num_seconds();
        assert_eq!([1, 2, 3, 4].map(pause), [30, 60, 120, 240]);
        assert_eq!(
            [10, 11, 16, i16::MAX].map(pause),
            [15_360, 21_600, 21_600, 21_600]
        );
        let all: i64 = (1..ATTEMPTS_MAX).map(pause).sum();
        assert!((24..72).contains(&(all / 3600)), "{all}");
    }
}
