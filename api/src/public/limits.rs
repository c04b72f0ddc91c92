//! How often one network may ask a public route, on all nodes together while they hear of each
//! other.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde::{Deserialize, Serialize};

use crate::address;
use crate::config::Config;
use crate::problem::Problem;

/// Beyond this many remembered networks those that are as good as new are forgotten.
const KEYS_MAX: usize = 100_000;

/// What is asked for: changes cost more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Reading,
    Changing,
}

/// Requests of one network that a node has let through, as it tells the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    kind: Kind,
    network: String,
    times: u32,
}

/// Counts requests by network.
pub struct PublicLimits {
    reading: DefaultKeyedRateLimiter<String>,
    changing: DefaultKeyedRateLimiter<String>,
    /// What other nodes have not been told yet, where there are others.
    untold: Option<Mutex<HashMap<(Kind, String), u32>>>,
    clock: DefaultClock,
}

impl std::fmt::Debug for PublicLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PublicLimits")
    }
}

impl PublicLimits {
    /// With the limits of `config`; `others`: whether what is counted is to be told.
    #[must_use]
    pub fn new(config: &Config, others: bool) -> Self {
        let per_minute =
            |count: u32| Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        Self {
            reading: RateLimiter::keyed(per_minute(config.public_reads_per_minute)),
            changing: RateLimiter::keyed(per_minute(config.public_changes_per_minute)),
            untold: others.then(Mutex::default),
            clock: DefaultClock::default(),
        }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn take(&self, address: Option<IpAddr>, kind: Kind) -> Result<(), Problem> {
        let network = address.map_or_else(String::new, address::network);
        self.limiter(kind)
            .check_key(&network)
            .map_err(|not_until| {
                let wait = not_until.wait_time_from(self.clock.now());
                Problem::too_many(wait.as_secs() + 1)
            })?;
        if let Some(untold) = &self.untold {
            let mut untold = untold.lock().unwrap_or_else(PoisonError::into_inner);
            *untold.entry((kind, network)).or_default() += 1;
        }
        Ok(())
    }

    /// What was let through since this was asked last, to be told.
    pub fn untold(&self) -> Vec<Requests> {
        let Some(untold) = &self.untold else {
            return Vec::new();
        };
        let untold = std::mem::take(&mut *untold.lock().unwrap_or_else(PoisonError::into_inner));
        let requests = untold.into_iter().map(|((kind, network), times)| Requests {
            kind,
            network,
            times,
        });
        requests.collect()
    }

    /// Counts what another node has let through.
    pub fn hear(&self, requests: &Requests) {
        let limiter = self.limiter(requests.kind);
        for _ in 0..requests.times {
            // One by one: what is more than is left takes what is left.
            if limiter.check_key(&requests.network).is_err() {
                break;
            }
        }
    }

    fn limiter(&self, kind: Kind) -> &DefaultKeyedRateLimiter<String> {
        let limiter = match kind {
            Kind::Reading => &self.reading,
            Kind::Changing => &self.changing,
        };
        if limiter.len() > KEYS_MAX {
            limiter.retain_recent();
        }
        limiter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(others: bool) -> PublicLimits {
        let config = Config {
            public_reads_per_minute: 3,
            public_changes_per_minute: 1,
            ..Config::default()
        };
        PublicLimits::new(&config, others)
    }

    #[test]
    fn nodes_share_what_a_network_has() {
        let (one, two, alone) = (limits(true), limits(true), limits(false));
        let from = |text: &str| text.parse::<IpAddr>().ok();
        for limits in [&one, &alone] {
            for _ in 0..4 {
                let _ = limits.take(from("203.0.113.1"), Kind::Reading);
            }
        }
        assert_eq!(alone.untold(), []);
        assert!(two.take(from("203.0.113.1"), Kind::Reading).is_ok());
        for requests in one.untold() {
            assert_eq!(requests.times, 3, "what was refused is not told");
            two.hear(&requests);
        }
        assert_eq!(one.untold(), []);
        assert!(two.take(from("203.0.113.1"), Kind::Reading).is_err());
        assert!(two.take(from("203.0.114.1"), Kind::Reading).is_ok());
        assert!(two.take(from("203.0.113.1"), Kind::Changing).is_ok());
    }

    #[test]
    fn a_network_has_its_share_and_no_more() {
        let limits = limits(false);
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
