//! How often one network may ask a public route.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::address;
use crate::config::Config;
use crate::problem::Problem;

/// Beyond this many remembered networks those that are as good as new are forgotten.
const KEYS_MAX: usize = 100_000;

/// What is asked for: changes cost more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Reading,
    Changing,
}

/// Counts requests by network.
pub struct PublicLimits {
    reading: DefaultKeyedRateLimiter<String>,
    changing: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl std::fmt::Debug for PublicLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PublicLimits")
    }
}

impl PublicLimits {
    /// With the limits of `config`.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let per_minute =
            |count: u32| Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        Self {
            reading: RateLimiter::keyed(per_minute(config.public_reads_per_minute)),
            changing: RateLimiter::keyed(per_minute(config.public_changes_per_minute)),
            clock: DefaultClock::default(),
        }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn take(&self, address: Option<IpAddr>, kind: Kind) -> Result<(), Problem> {
        let limiter = match kind {
            Kind::Reading => &self.reading,
            Kind::Changing => &self.changing,
        };
        if limiter.len() > KEYS_MAX {
            limiter.retain_recent();
        }
        let network = address.map_or_else(String::new, address::network);
        limiter.check_key(&network).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Problem::too_many(wait.as_secs() + 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_share_and_no_more() {
        let limits = PublicLimits::new(&Config {
            public_reads_per_minute: 3,
            public_changes_per_minute: 1,
            ..Config::default()
        });
        let from = |text: &str| text.parse::<IpAddr>().ok();
        assert!(limits.take(from("203.0.113.1"), Kind::Changing).is_ok());
        let refused = limits.take(from("203.0.113.2"), Kind::Changing);
        assert!(refused.unwrap_err().retryable());
        assert!(limits.take(from("203.0.114.1"), Kind::Changing).is_ok());
        for _ in 0..3 {
            assert!(limits.take(from("203.0.113.1"), Kind::Reading).is_ok());
        }
        assert!(limits.take(from("203.0.113.1"), Kind::Reading).is_err());
    }
}
