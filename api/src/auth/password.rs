//! Argon2id hashes of passwords, made and checked off the request threads and not too many at once:
//! each takes megabytes and milliseconds on purpose.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::problem::Problem;

/// How long a log-in waits for its turn before it is told to come back.
const TURN_WAIT: Duration = Duration::from_secs(5);

/// Makes and checks hashes with the configured cost.
#[derive(Debug)]
pub struct Passwords {
    params: Params,
    turns: Arc<Semaphore>,
    /// Checked for unknown accounts, so that they take as long as known ones.
    nobody: String,
}

impl Passwords {
    /// With the cost of `config`.
    ///
    /// # Errors
    /// When that cost is outside what Argon2 allows.
    pub fn new(config: &Config) -> Result<Self, argon2::password_hash::Error> {
        let params = Params::new(config.argon2_memory_kib, config.argon2_passes, 1, None)?;
        let turns = match config.argon2_parallel_checks {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            checks => checks,
        };
        Ok(Self {
            nobody: hash(&params, "nobody's")?,
            params,
            turns: Arc::new(Semaphore::new(turns)),
        })
    }

    /// The hash of a new password as a PHC string.
    ///
    /// # Errors
    /// When too many wait.
    pub async fn hash(&self, password: String) -> Result<String, Problem> {
        let params = self.params.clone();
        self.in_turn(move || hash(&params, &password))
            .await?
            .map_err(|error| Problem::internal(error.to_string()))
    }

    /// Whether `password` has the hash `stored`; without one, no after the same work.
    ///
    /// # Errors
    /// When too many wait.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Problem> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.clone());
        let matches = self
            .in_turn(move || {
                PasswordHash::new(&stored).is_ok_and(|stored| {
                    // The cost is the hash's own, not today's setting.
                    Argon2::default()
                        .verify_password(password.as_bytes(), &stored)
                        .is_ok()
                })
            })
            .await?;
        Ok(known && matches)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = tokio::time::timeout(TURN_WAIT, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_| Problem::busy())?
            .map_err(|error| Problem::internal(error.to_string()))?;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(|error| Problem::internal(error.to_string()))
    }
}

fn hash(params: &Params, password: &str) -> Result<String, argon2::password_hash::Error> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    Ok(argon2.hash_password(password.as_bytes())?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let passwords = Passwords::new(&Config {
            argon2_memory_kib: 8,
            argon2_passes: 1,
            ..Config::default()
        })
        .unwrap();
        let stored = passwords.hash("Dentist123!".to_owned()).await.unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"),
            "{stored}"
        );
        for (password, hash, fits) in [
            ("Dentist123!", Some(stored.clone()), true),
            ("dentist123!", Some(stored), false),
            ("Dentist123!", Some("not a hash".to_owned()), false),
            ("nobody's", None, false),
        ] {
            let found = passwords.verify(password.to_owned(), hash).await.unwrap();
            assert_eq!(found, fits, "{password}");
        }
    }
}
