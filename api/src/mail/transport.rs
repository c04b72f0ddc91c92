//! Where e-mails go: to an SMTP server, or as files into a folder for people who develop and test.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::file;
use lettre::transport::smtp;
use lettre::{
    AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor, message,
};
use secrecy::ExposeSecret;

use super::letter::Text;
use crate::config::{Config, MailTransport};

/// A server that does not answer within this long is tried again later.
const SEND_WITHIN: Duration = Duration::from_secs(30);

/// Why e-mails cannot be sent with these settings, or one was not.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("DENTICLOUD_MAIL_FROM is no address: {0}")]
    From(lettre::address::AddressError),
    #[error("DENTICLOUD_SMTP_URL is not set, though e-mails shall go by SMTP")]
    NoServer,
    #[error("DENTICLOUD_SMTP_URL cannot be used: {0}")]
    Server(smtp::Error),
    #[error("the mail folder cannot be made: {0}")]
    Folder(#[from] std::io::Error),
    #[error("this version of the program does not know the letter")]
    Unknown,
    #[error("the recipient is no address")]
    Recipient,
    #[error("the message cannot be built: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("SMTP: {0}")]
    Smtp(#[from] smtp::Error),
    #[error("file: {0}")]
    File(#[from] file::Error),
    #[error("the mail server took longer than {} s", SEND_WITHIN.as_secs())]
    Slow,
}

impl MailError {
    /// Whether trying again cannot help.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Recipient | Self::Message(_) => true,
            Self::Smtp(error) => error.is_permanent(),
            _ => false,
        }
    }
}

/// Sends messages.
pub(super) struct Transport {
    from: Mailbox,
    way: Way,
}

enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(PathBuf),
}

impl Transport {
    pub(super) fn new(config: &Config) -> Result<Self, MailError> {
        let from = config.mail_from.parse().map_err(MailError::From)?;
        let way = match config.mail_transport {
            MailTransport::Smtp => {
                let url = config.smtp_url.as_ref().ok_or(MailError::NoServer)?;
                let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
                    .map_err(MailError::Server)?;
                Way::Smtp(server.timeout(Some(SEND_WITHIN)).build())
            }
            MailTransport::File => Way::Folder(PathBuf::from(&config.mail_folder)),
        };
        Ok(Self { from, way })
    }

    pub(super) async fn send(&self, recipient: &str, text: Text) -> Result<(), MailError> {
        let address = recipient.parse().map_err(|_| MailError::Recipient)?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address))
            .subject(text.subject)
            // No answering machine shall answer (RFC 3834).
            .header(Automatic)
            .header(ContentType::TEXT_PLAIN)
            .body(text.body)?;
        let sending = async {
            match &self.way {
                Way::Smtp(server) => server
                    .send(message)
                    .await
                    .map(drop)
                    .map_err(MailError::from),
                Way::Folder(folder) => {
                    std::fs::create_dir_all(folder)?;
                    let folder = AsyncFileTransport::<Tokio1Executor>::new(folder);
                    folder
                        .send(message)
                        .await
                        .map(drop)
                        .map_err(MailError::from)
                }
            }
        };
        tokio::time::timeout(SEND_WITHIN, sending)
            .await
            .map_err(|_| MailError::Slow)?
    }
}

/// `Auto-Submitted: auto-generated` (RFC 3834, 5).
#[derive(Clone)]
struct Automatic;

impl message::header::Header for Automatic {
    fn name() -> message::header::HeaderName {
        message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> message::header::HeaderValue {
        message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
