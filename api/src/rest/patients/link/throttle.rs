//! Limits on guessing birth dates: few tries for one person by anybody, and not many by a practice.
//! Counted as log-ins are: nodes tell each other.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use engine::bus::{Bus, Topic};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use schema::ids::TenantId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::counts::Count;
use crate::problem::Problem;

/// Tries for one address or number at once; afterwards one comes back every [`PERSON_WAIT`].
const PERSON_TRIES: NonZeroU32 = NonZeroU32::new(5).unwrap();
const PERSON_WAIT: Duration = Duration::from_hours(1);
/// Tries of one practice at once; afterwards one a minute.
const PRACTICE_TRIES: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// Beyond this many remembered people those whose tries have come back are forgotten.
const KEYS_MAX: usize = 200_000;

/// A try, as nodes tell each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Try {
    By(TenantId),
    For([u8; 32]),
}

/// Counts tries to link strangers' records.
pub struct LinkThrottle {
    bus: Arc<Bus>,
    practices: DefaultKeyedRateLimiter<TenantId>,
    people: DefaultKeyedRateLimiter<[u8; 32]>,
    clock: DefaultClock,
}

impl LinkThrottle {
    /// Tells the bus what it counts.
    #[must_use]
    pub fn new(bus: Arc<Bus>) -> Self {
        let person = Quota::with_period(PERSON_WAIT)
            .unwrap_or_else(|| Quota::per_hour(NonZeroU32::MIN))
            .allow_burst(PERSON_TRIES);
        let practice = Quota::per_minute(NonZeroU32::MIN).allow_burst(PRACTICE_TRIES);
        Self {
            bus,
            practices: RateLimiter::keyed(practice),
            people: RateLimiter::keyed(person),
            clock: DefaultClock::default(),
        }
    }

    /// Takes one of the practice's tries.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn practice(&self, tenant: TenantId) -> Result<(), Problem> {
        self.take(Try::By(tenant))
    }

    /// Takes one of the tries for the person behind an e-mail address or a phone number.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn person(&self, known: &str) -> Result<(), Problem> {
        // Hashed: whom a practice looked for is kept nowhere.
        self.take(Try::For(Sha256::digest(known).into()))
    }

    fn take(&self, tried: Try) -> Result<(), Problem> {
        self.count(&tried)?;
        self.bus.say(Topic::Counts, &[Count::Link(tried)]);
        Ok(())
    }

    /// Counts what another node has counted.
    pub fn hear(&self, tried: &Try) {
        let _ = self.count(tried);
    }

    fn count(&self, tried: &Try) -> Result<(), Problem> {
        if self.people.len() > KEYS_MAX {
            self.people.retain_recent();
        }
        let counted = match tried {
            Try::By(tenant) => self.practices.check_key(tenant),
            Try::For(person) => self.people.check_key(person),
        };
        counted.map_err(|not_until| self.wait(&not_until))
    }

    fn wait(&self, not_until: &governor::NotUntil<<DefaultClock as Clock>::Instant>) -> Problem {
        Problem::too_many(not_until.wait_time_from(self.clock.now()).as_secs() + 1)
    }
}

impl std::fmt::Debug for LinkThrottle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkThrottle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_is_guessed_at_a_few_times_and_others_are_not_hindered() {
        let throttle = LinkThrottle::new(Bus::silent(uuid::Uuid::nil()));
        for _ in 0..PERSON_TRIES.get() {
            assert!(throttle.person("ana@x.ec").is_ok());
        }
        assert!(throttle.person("ana@x.ec").unwrap_err().retryable());
        assert!(throttle.person("eva@x.ec").is_ok());
    }

    #[test]
    fn one_practice_guesses_at_so_many() {
        let throttle = LinkThrottle::new(Bus::silent(uuid::Uuid::nil()));
        let (sol, luna) = (TenantId::new(), TenantId::new());
        for _ in 0..PRACTICE_TRIES.get() {
            assert!(throttle.practice(sol).is_ok());
        }
        assert!(throttle.practice(sol).is_err());
        assert!(throttle.practice(luna).is_ok());
    }
}
