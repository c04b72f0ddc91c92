//! Tells those who wait what they are offered. An offer is the engine's and names nobody; its letter
//! is written here, once, in the transaction that takes the offer for it.

use std::time::Duration;

use actix_web::web;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use schema::ids::OfferId;
use schema::tenancy::{self, Access};

use super::letter::Letter;
use crate::app::App;
use crate::problem::Problem;
use crate::public::booking::local_time;
use crate::rest::language::Language;

/// Offers taken at a time.
const BATCH: i32 = 20;

#[derive(QueryableByName)]
struct Untold {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: OfferId,
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = Text)]
    first_name: String,
    #[diesel(sql_type = Text)]
    practice: String,
    #[diesel(sql_type = Text)]
    zone: String,
    #[diesel(sql_type = Text)]
    locale: String,
    #[diesel(sql_type = Text)]
    name_es: String,
    #[diesel(sql_type = Text)]
    name_en: String,
    #[diesel(sql_type = Text)]
    provider: String,
    #[diesel(sql_type = Timestamptz)]
    start_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    expires_at: DateTime<Utc>,
}

/// Looks for offers as often as the mail queue is looked at.
pub async fn run(app: web::Data<App>) {
    let every = Duration::from_millis(app.config.mail_poll_ms.max(10));
    loop {
        if let Err(problem) = write_due(&app).await {
            tracing::warn!(%problem, cause = problem.cause(), "cannot tell of offers");
        }
        tokio::time::sleep(every).await;
    }
}

/// Writes the letters of all offers that nobody was told of; answers how many.
///
/// # Errors
/// 503 without a database.
pub async fn write_due(app: &App) -> Result<usize, Problem> {
    let mut written = 0;
    loop {
        let taken = tenancy::transaction(&app.app_pool, &Access::nobody(), async |connection| {
            let taken: Vec<Untold> = diesel::sql_query("SELECT * FROM take_untold_offers($1)")
                .bind::<Integer, _>(BATCH)
                .load(connection)
                .await?;
            for offer in &taken {
                let language = Language::named(&offer.locale);
                let letter = offer.letter(app, language);
                super::queue(connection, &offer.email, language, &letter).await?;
            }
            Ok::<_, Problem>(taken.len())
        })
        .await?;
        if taken == 0 {
            return Ok(written);
        }
        written += taken;
        app.mail.wake();
    }
}

impl Untold {
    fn letter(&self, app: &App, language: Language) -> Letter {
        let token = app.engine.tokens().offer(self.id);
        Letter::Offer {
            name: self.first_name.clone(),
            practice: self.practice.clone(),
            treatment: language.pick(&self.name_es, &self.name_en),
            dentist: self.provider.clone(),
            when: local_time(&self.zone, self.start_at),
            until: local_time(&self.zone, self.expires_at),
            link: format!("{}/my/offers#token={token}", app.config.public_url),
        }
    }
}
