//! Limits on guessing passwords: few failures per account and address, many log-ins per address. A
//! log-in that succeeds clears its account's count, so people who know their password never wait.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::problem::Problem;

/// Beyond this many remembered keys those not used lately are forgotten.
const KEYS_MAX: usize = 100_000;

struct Limiter {
    limit: DefaultDirectRateLimiter,
    used: Instant,
}

/// Counts log-ins.
pub struct LoginThrottle {
    account: Quota,
    address: Quota,
    /// After this long without use a limiter is as good as new.
    forget_after: Duration,
    limiters: DashMap<[u8; 32], Limiter>,
    clock: DefaultClock,
}

impl LoginThrottle {
    /// With the limits of `config`.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let attempts = NonZeroU32::new(config.login_attempts).unwrap_or(NonZeroU32::MIN);
        let wait = Duration::from_secs(config.login_wait_seconds.max(1));
        let per_minute =
            NonZeroU32::new(config.login_address_per_minute).unwrap_or(NonZeroU32::MIN);
        Self {
            account: Quota::with_period(wait)
                .unwrap_or_else(|| Quota::per_minute(NonZeroU32::MIN))
                .allow_burst(attempts),
            address: Quota::per_minute(per_minute),
            forget_after: (wait * attempts.get()).max(Duration::from_mins(1)),
            limiters: DashMap::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Takes one attempt of `email` from `address`.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn attempt(&self, email: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        self.take(address_key(address), self.address)?;
        self.take(account_key(email, address), self.account)
    }

    /// Forgets the failures of an account whose password was right.
    pub fn succeeded(&self, email: &str, address: Option<IpAddr>) {
        self.limiters.remove(&account_key(email, address));
    }

    fn take(&self, key: [u8; 32], quota: Quota) -> Result<(), Problem> {
        if self.limiters.len() > KEYS_MAX {
            self.limiters
                .retain(|_, limiter| limiter.used.elapsed() < self.forget_after);
        }
        let mut limiter = self.limiters.entry(key).or_insert_with(|| Limiter {
            limit: RateLimiter::direct(quota),
            used: Instant::now(),
        });
        limiter.used = Instant::now();
        limiter.limit.check().map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Problem::too_many(wait.as_secs() + 1)
        })
    }
}

/// Hashed: neither addresses of people nor of machines are kept, and every key is short.
fn account_key(email: &str, address: Option<IpAddr>) -> [u8; 32] {
    key(&format!(
        "account {} {}",
        email.trim().to_lowercase(),
        network(address)
    ))
}

fn address_key(address: Option<IpAddr>) -> [u8; 32] {
    key(&format!("address {}", network(address)))
}

fn key(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// One household has a whole /64 of IPv6.
fn network(address: Option<IpAddr>) -> String {
    match address {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => format!("{:x}", address.to_bits() >> 64),
        None => String::new(),
    }
}

impl std::fmt::Debug for LoginThrottle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginThrottle")
            .field("keys", &self.limiters.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(attempts: u32, per_minute: u32) -> LoginThrottle {
        LoginThrottle::new(&Config {
            login_attempts: attempts,
            login_wait_seconds: 3600,
            login_address_per_minute: per_minute,
            ..Config::default()
        })
    }

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    #[test]
    fn failures_of_one_account_are_limited_and_success_forgives() {
        let throttle = throttle(2, 1000);
        assert!(throttle.attempt("a@x.ec", HERE).is_ok());
        assert!(throttle.attempt("A@x.ec ", HERE).is_ok());
        assert!(throttle.attempt("a@x.ec", HERE).unwrap_err().retryable());
        assert!(throttle.attempt("b@x.ec", HERE).is_ok());
        throttle.succeeded("a@x.ec", HERE);
        assert!(throttle.attempt("a@x.ec", HERE).is_ok());
    }

    #[test]
    fn an_address_cannot_try_every_account() {
        let throttle = throttle(2, 3);
        for account in ["a", "b", "c"] {
            assert!(throttle.attempt(account, HERE).is_ok());
        }
        assert!(throttle.attempt("d", HERE).is_err());
        assert!(
            throttle
                .attempt("d", Some("10.0.0.1".parse().unwrap()))
                .is_ok()
        );
    }
}
