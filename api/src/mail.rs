//! E-mails: queued in the transaction of what they tell of, sent by a job of any process.
//!
//! A queued e-mail is a row of `mail_queue` until it is sent, so a process that dies loses none; one
//! that dies between sending and saying so sends it twice. What a letter says is nobody's to log:
//! its link may be as good as a password.

mod delivery;
pub mod letter;
pub mod offers;
mod transport;

use diesel::QueryResult;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use schema::schema::mail_queue;
use uuid::Uuid;

use crate::rest::language::Language;

pub use delivery::Mailer;
pub use letter::Letter;
pub use transport::MailError;

/// Queues `letter`, to be sent once the transaction of `connection` is committed. Call
/// [`Mailer::wake`] after that; otherwise it waits for the job's next round.
///
/// # Errors
/// The database's own.
pub async fn queue(
    connection: &mut AsyncPgConnection,
    recipient: &str,
    language: Language,
    letter: &Letter,
) -> QueryResult<()> {
    let letter = serde_json::to_value(letter)
        .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
    diesel::insert_into(mail_queue::table)
        .values((
            mail_queue::id.eq(Uuid::now_v7()),
            mail_queue::recipient.eq(recipient),
            mail_queue::locale.eq(language.locale()),
            mail_queue::letter.eq(letter),
        ))
        .execute(connection)
        .await
        .map(drop)
}
