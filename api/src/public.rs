//! A practice's public side: who asks without an account, how often they may, and what becomes of
//! what they book. No answer tells whether somebody is a patient.

pub mod applicant;
pub mod booking;
pub mod limits;
pub mod manage;

use std::net::IpAddr;

use actix_web::{HttpRequest, web};
use sha2::{Digest, Sha256};

use crate::address;
use crate::app::App;
use crate::practices::{self, Practice};
use crate::problem::Problem;
use crate::public::limits::Kind;
use crate::ws::speaker::Visitor;

/// Names a widget's session on routes; holds are counted by it. Without, by the network alone.
pub const SESSION_HEADER: &str = "X-Session-Id";
const SESSION_BYTES_MAX: usize = 128;

/// Somebody on a practice's public page.
#[derive(Clone, Debug)]
pub struct Guest {
    pub practice: Practice,
    pub address: Option<IpAddr>,
    /// `session:<id>`, where there is one.
    pub session: Option<String>,
    /// Whether the session is a socket, which nobody else can claim to be.
    pub on_socket: bool,
}

impl Guest {
    /// Who asks by a request, counted.
    ///
    /// # Errors
    /// 404 for an unknown practice, 403 `suspended`, 429 for too many requests, 422 for a session's
    /// id that is none.
    pub async fn of(
        app: &web::Data<App>,
        request: &HttpRequest,
        subdomain: &str,
        kind: Kind,
    ) -> Result<Self, Problem> {
        let address = address::of(request);
        app.public_limits.take(address, kind)?;
        let session = session(request)?;
        let practice = practices::find(app, subdomain).await?;
        Ok(Self {
            practice,
            address,
            session,
            on_socket: false,
        })
    }

    /// The network that limits count by.
    #[must_use]
    pub fn network(&self) -> String {
        self.address
            .map_or_else(|| "unknown".to_owned(), address::network)
    }
}

impl From<Visitor> for Guest {
    fn from(visitor: Visitor) -> Self {
        Self {
            practice: visitor.practice,
            address: visitor.address,
            session: Some(format!("session:{}", visitor.session)),
            on_socket: true,
        }
    }
}

/// Hashed: the client chose it, and it may be as long as it likes.
fn session(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get(SESSION_HEADER) else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    if !(1..=SESSION_BYTES_MAX).contains(&bytes.len()) {
        return Err(Problem::invalid(SESSION_HEADER, "1 to 128 characters"));
    }
    let digest = Sha256::digest(bytes);
    Ok(Some(format!("session:{}", hex::encode(&digest[..16]))))
}
