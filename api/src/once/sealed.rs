//! A first answer as it is kept: whole, and sealed, because answers carry patients and sometimes
//! tokens that the database must not have in the clear.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::Problem;
use crate::rest::appointments::REPLAY_HEADER;

/// The headers that are part of an answer.
const HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// What was answered the first time.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FirstAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    /// In base64.
    body: String,
}

impl FirstAnswer {
    pub(super) fn of(head: &HttpResponse<()>, body: &[u8]) -> Self {
        let headers = HEADERS.iter().filter_map(|name| {
            let value = head.headers().get(name)?.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        Self {
            status: head.status().as_u16(),
            headers: headers.collect(),
            body: STANDARD.encode(body),
        }
    }

    /// The change was made and its answer is gone: what is known is the row.
    pub(super) fn lost(row: &Value) -> Self {
        Self {
            status: StatusCode::OK.as_u16(),
            headers: vec![(
                header::CONTENT_TYPE.as_str().to_owned(),
                "application/json".to_owned(),
            )],
            body: STANDARD.encode(row.to_string()),
        }
    }

    /// The same answer, which says that it is not new.
    pub(super) fn again(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = HttpResponse::build(status);
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.as_str()),
                HeaderValue::from_str(&value),
            ) {
                response.insert_header((name, value));
            }
        }
        response.insert_header((REPLAY_HEADER, "true"));
        response.body(STANDARD.decode(self.body).unwrap_or_default())
    }
}

/// Seals answers: AES-256-GCM, bound to what was asked.
#[derive(Clone)]
pub struct Seal([u8; 32]);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// From a secret of any length that is used for other things too.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, b"denticloud first answers");
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&tag.as_ref()[..32]);
        Self(bytes)
    }

    fn key(&self) -> Result<LessSafeKey, Problem> {
        let key = UnboundKey::new(&AES_256_GCM, &self.0);
        let key = key.map_err(|_| Problem::internal("a key of another length"))?;
        Ok(LessSafeKey::new(key))
    }

    pub(super) fn close(&self, answer: &FirstAnswer, asked: &[u8]) -> Result<Vec<u8>, Problem> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| Problem::internal("no randomness"))?;
        let mut text = serde_json::to_vec(answer)
            .map_err(|error| Problem::internal(format!("a first answer: {error}")))?;
        self.key()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(asked),
                &mut text,
            )
            .map_err(|_| Problem::internal("an answer cannot be sealed"))?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// # Errors
    /// 500 for one that was sealed under another secret.
    pub(super) fn open(&self, sealed: &[u8], asked: &[u8]) -> Result<FirstAnswer, Problem> {
        let unreadable = || Problem::internal("a first answer that cannot be opened");
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| unreadable())?;
        let mut text = text.to_vec();
        let text = self
            .key()?
            .open_in_place(nonce, Aad::from(asked), &mut text)
            .map_err(|_| unreadable())?;
        serde_json::from_slice(text).map_err(|_| unreadable())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_same_secret_and_question_open_it() {
        let seal = Seal::from_secret(b"one secret");
        let answer = FirstAnswer::lost(&json!({ "key": "dck_secret" }));
        let sealed = seal.close(&answer, b"asked").unwrap();
        assert_eq!(seal.open(&sealed, b"asked").unwrap(), answer);
        assert_ne!(sealed, seal.close(&answer, b"asked").unwrap());
        let text = String::from_utf8_lossy(&sealed).into_owned();
        assert!(!text.contains("application/json"), "{text}");
        assert!(seal.open(&sealed, b"asked something else").is_err());
        let other = Seal::from_secret(b"another secret");
        assert!(other.open(&sealed, b"asked").is_err());
        for length in [0, 5, NONCE_LEN, sealed.len() - 1] {
            assert!(seal.open(&sealed[..length], b"asked").is_err(), "{length}");
        }
    }
}
