//! Tokens of those who have no account: whoever has a hold's, an offer's or a booking's token may
//! act on it. A token is made of the id under a secret, so that the answer to a repeated command
//! has the same one although the database keeps its hash alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use schema::ids::{AppointmentId, HoldId, OfferId};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Makes and compares tokens. Nodes that share a database share the secret; after another secret
/// the tokens that people have still count, only repeated answers carry others.
#[derive(Clone)]
pub struct HolderTokens([u8; 32]);

impl std::fmt::Debug for HolderTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HolderTokens")
    }
}

impl Default for HolderTokens {
    /// A secret that nobody else has: for one process.
    fn default() -> Self {
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(Uuid::new_v4().as_bytes());
        secret[16..].copy_from_slice(Uuid::new_v4().as_bytes());
        Self(secret)
    }
}

impl HolderTokens {
    /// From a secret of any length that is used for other things too.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        Self(keyed(secret, b"denticloud holder tokens"))
    }

    /// The token of a hold.
    #[must_use]
    pub fn hold(&self, id: HoldId) -> String {
        self.token("hold", id.0)
    }

    /// The token that accepts or declines an offer.
    #[must_use]
    pub fn offer(&self, id: OfferId) -> String {
        self.token("offer", id.0)
    }

    /// The token by which whoever booked in public comes back to the booking.
    #[must_use]
    pub fn manage(&self, id: AppointmentId) -> String {
        self.token("manage", id.0)
    }

    fn token(&self, what: &str, id: Uuid) -> String {
        let mut message = what.as_bytes().to_vec();
        message.extend_from_slice(id.as_bytes());
        URL_SAFE_NO_PAD.encode(keyed(&self.0, &message))
    }
}

/// What the database keeps of a token.
#[must_use]
pub fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// Whether `token` is the one with that hash, in the same time whatever it is.
#[must_use]
pub fn matches(token: &str, kept: &[u8]) -> bool {
    hash(token).as_slice().ct_eq(kept).into()
}

fn keyed(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length (RFC 2104): the error is for other constructions.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_same_again_and_nobody_elses() {
        let tokens = HolderTokens::from_secret(b"one secret");
        let id = Uuid::new_v4();
        let token = tokens.hold(HoldId(id));
        assert_eq!(token, tokens.hold(HoldId(id)));
        assert_eq!(token.len(), 43);
        assert_ne!(token, tokens.offer(OfferId(id)));
        assert_ne!(token, tokens.hold(HoldId(Uuid::new_v4())));
        let other = HolderTokens::from_secret(b"another secret");
        assert_ne!(token, other.hold(HoldId(id)));
        assert!(matches(&token, &hash(&token)));
        assert!(
            !matches(&token, &hash("x")) && !matches("", &hash(&token)) && !matches(&token, &[])
        );
        assert_eq!(format!("{tokens:?}"), "HolderTokens");
    }

    #[test]
    fn the_mac_is_the_standards() {
        // RFC 4231, test case 2.
        let mac = keyed(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex::encode(mac),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
