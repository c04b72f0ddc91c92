//! Limits on guessing: each failure of an account makes the next wait longer, an address may sign
//! in, register and ask for e-mails so often and no more. A log-in that succeeds clears its
//! account's failures, so people who know their password never wait. Nodes tell each other what they
//! have counted; without a bus N of them let N times as much through.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::one::RefMut;
use engine::bus::{Bus, Topic};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::counts::Count;
use crate::problem::Problem;

/// Beyond this many remembered keys those not used lately are forgotten.
const KEYS_MAX: usize = 100_000;
/// An account may fail this many times more often over all addresses than from one.
const EVERYWHERE: u32 = 10;
/// Waits for an account over all addresses stay short: else anybody could lock its owner out.
const EVERYWHERE_WAIT_MAX: Duration = Duration::from_mins(1);
/// How long an address counts as the owner's after a log-in.
const OWNERS_ADDRESS: Duration = Duration::from_hours(24 * 30);

/// Whom something is counted against.
pub type Key = [u8; 32];

struct Limiter {
    limit: DefaultDirectRateLimiter,
    quota: Quota,
    used: Instant,
}

/// Failures in a row.
struct Failures {
    count: u32,
    /// When the next may be tried.
    open: Instant,
}

impl Failures {
    fn add(&mut self, growth: Growth, now: Instant) {
        // A pause of the longest wait forgives.
        if now.saturating_duration_since(self.open) > growth.max {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.open = now + growth.wait(self.count);
    }
}

/// How failures slow the next attempt down.
#[derive(Clone, Copy)]
struct Growth {
    /// Attempts that are free.
    free: u32,
    /// The first wait; each is twice the one before.
    first: Duration,
    max: Duration,
}

impl Growth {
    fn wait(self, failures: u32) -> Duration {
        match failures.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(beyond) => self
                .first
                .saturating_mul(2_u32.saturating_pow(beyond))
                .min(self.max),
        }
    }
}

/// What is limited by time alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Logins,
    Registrations,
    Letters,
    LettersOfAddress,
}

/// What a node has counted, as it tells the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    Taken(Kind, Key),
    /// Of an account, from one address or over all of them.
    Failed {
        key: Key,
        everywhere: bool,
    },
    Succeeded {
        own: Key,
        everywhere: Key,
    },
}

/// Counts what could be guessing.
pub struct Throttle {
    bus: Arc<Bus>,
    from_one: Growth,
    everywhere: Growth,
    logins: Quota,
    registrations: Quota,
    letters: Quota,
    letters_of_address: Quota,
    failures: DashMap<Key, Failures>,
    /// Account and address of log-ins that succeeded.
    owners: DashMap<Key, Instant>,
    limiters: DashMap<Key, Limiter>,
    clock: DefaultClock,
}

impl Throttle {
    /// With the limits of `config`; tells the bus what it counts.
    #[must_use]
    pub fn new(config: &Config, bus: Arc<Bus>) -> Self {
        let number = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        let first = Duration::from_secs(config.login_wait_seconds.max(1));
        let from_one = Growth {
            free: config.login_attempts.max(1),
            first,
            max: Duration::from_secs(config.login_wait_max_seconds).max(first),
        };
        Self {
            bus,
            from_one,
            everywhere: Growth {
                free: from_one.free.saturating_mul(EVERYWHERE),
                first,
                max: EVERYWHERE_WAIT_MAX.max(first),
            },
            logins: Quota::per_minute(number(config.login_address_per_minute)),
            registrations: Quota::per_hour(number(config.register_address_per_hour)),
            letters: Quota::per_hour(number(config.letters_per_hour)),
            letters_of_address: Quota::per_hour(
                number(config.letters_per_hour).saturating_mul(number(20)),
            ),
            failures: DashMap::new(),
            owners: DashMap::new(),
            limiters: DashMap::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Takes one attempt to sign in to `email` from `address`; it counts as failed until
    /// [`Self::succeeded`].
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn login(&self, email: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        self.take(Kind::Logins, key("login", "", address))?;
        let own = key("account", email, address);
        self.fail(own, false)?;
        let known = self.owners.get(&own);
        let owner = known.is_some_and(|since| since.elapsed() < OWNERS_ADDRESS);
        if owner {
            return Ok(());
        }
        self.fail(key("account", email, None), true)
    }

    /// Forgets the failures of an account whose password was right.
    pub fn succeeded(&self, email: &str, address: Option<IpAddr>) {
        let own = key("account", email, address);
        let everywhere = key("account", email, None);
        self.forgive(own, everywhere);
        self.tell(Counted::Succeeded { own, everywhere });
    }

    fn forgive(&self, own: Key, everywhere: Key) {
        self.failures.remove(&own);
        self.failures.remove(&everywhere);
        if self.owners.len() > KEYS_MAX {
            self.owners
                .retain(|_, since| since.elapsed() < OWNERS_ADDRESS);
        }
        self.owners.insert(own, Instant::now());
    }

    /// Takes one step of a sign-in with another service from `address`.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn sign_in_elsewhere(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        self.take(Kind::Logins, key("elsewhere", "", address))
    }

    /// Takes one registration from `address`.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn register(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        self.take(Kind::Registrations, key("register", "", address))
    }

    /// Takes one e-mail that `address` wants sent to `email`.
    ///
    /// # Errors
    /// 429 with the time to wait.
    pub fn letter(&self, email: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        self.take(Kind::LettersOfAddress, key("letters", "", address))?;
        self.take(Kind::Letters, key("letter", email, None))
    }

    /// Counts what another node has counted.
    pub fn hear(&self, counted: Counted) {
        match counted {
            Counted::Taken(kind, key) => drop(self.count(kind, key)),
            Counted::Failed { key, everywhere } => {
                let now = Instant::now();
                self.failures_of(key, now).add(self.growth(everywhere), now);
            }
            Counted::Succeeded { own, everywhere } => self.forgive(own, everywhere),
        }
    }

    fn tell(&self, counted: Counted) {
        self.bus.say(Topic::Counts, &[Count::Guess(counted)]);
    }

    fn fail(&self, key: Key, everywhere: bool) -> Result<(), Problem> {
        let now = Instant::now();
        {
            let mut failures = self.failures_of(key, now);
            if failures.open > now {
                return Err(Problem::too_many((failures.open - now).as_secs() + 1));
            }
            failures.add(self.growth(everywhere), now);
        }
        self.tell(Counted::Failed { key, everywhere });
        Ok(())
    }

    fn growth(&self, everywhere: bool) -> Growth {
        match everywhere {
            true => self.everywhere,
            false => self.from_one,
        }
    }

    fn failures_of(&self, key: Key, now: Instant) -> RefMut<'_, Key, Failures> {
        if self.failures.len() > KEYS_MAX {
            // Long over: as good as new.
            self.failures
                .retain(|_, failures| failures.open + self.from_one.max > now);
        }
        self.failures.entry(key).or_insert(Failures {
            count: 0,
            open: now,
        })
    }

    fn take(&self, kind: Kind, key: Key) -> Result<(), Problem> {
        self.count(kind, key)?;
        self.tell(Counted::Taken(kind, key));
        Ok(())
    }

    fn count(&self, kind: Kind, key: Key) -> Result<(), Problem> {
        let quota = match kind {
            Kind::Logins => self.logins,
            Kind::Registrations => self.registrations,
            Kind::Letters => self.letters,
            Kind::LettersOfAddress => self.letters_of_address,
        };
        if self.limiters.len() > KEYS_MAX {
            self.limiters.retain(|_, limiter| {
                limiter.used.elapsed() < limiter.quota.burst_size_replenished_in()
            });
        }
        let mut limiter = self.limiters.entry(key).or_insert_with(|| Limiter {
            limit: RateLimiter::direct(quota),
            quota,
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
fn key(what: &str, email: &str, address: Option<IpAddr>) -> Key {
    let email = email.trim().to_lowercase();
    Sha256::digest(format!("{what} {email} {}", network(address))).into()
}

/// One household has a whole /64 of IPv6.
fn network(address: Option<IpAddr>) -> String {
    match address {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => format!("{:x}", address.to_bits() >> 64),
        None => String::new(),
    }
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Throttle")
            .field("failures", &self.failures.len())
            .field("limiters", &self.limiters.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(attempts: u32, per_minute: u32) -> Throttle {
        with(attempts, per_minute, Bus::silent(uuid::Uuid::nil()))
    }

    fn with(attempts: u32, per_minute: u32, bus: Arc<Bus>) -> Throttle {
        let config = Config {
            login_attempts: attempts,
            login_wait_seconds: 3600,
            login_address_per_minute: per_minute,
            register_address_per_hour: 2,
            letters_per_hour: 1,
            ..Config::default()
        };
        Throttle::new(&config, bus)
    }

    #[test]
    fn what_one_node_counts_counts_on_the_others() {
        let (bus, mut wire) = Bus::wired(uuid::Uuid::from_u128(1));
        let (other_bus, other_wire) = Bus::wired(uuid::Uuid::from_u128(2));
        wire.set_up(true);
        let (one, two) = (with(2, 1000, bus), with(2, 1000, Arc::clone(&other_bus)));
        let mut ear = other_bus.listen::<Vec<Count>>(Topic::Counts);
        let mut carry = || {
            while let Some(message) = wire.said_also() {
                other_wire.deliver(&message);
            }
            while let Some(counts) = ear.heard_also() {
                for count in counts {
                    let Count::Guess(counted) = count else {
                        panic!("{count:?}")
                    };
                    two.hear(counted);
                }
            }
        };
        assert!(one.login("a@x.ec", HERE).is_ok());
        assert!(one.login("a@x.ec", HERE).is_ok());
        carry();
        assert!(two.login("a@x.ec", HERE).is_err());
        assert!(one.register(HERE).is_ok() && one.register(HERE).is_ok());
        one.succeeded("a@x.ec", HERE);
        carry();
        assert!(two.login("a@x.ec", HERE).is_ok());
        assert!(two.register(HERE).is_err());
    }

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn other(last: u8) -> Option<IpAddr> {
        Some(IpAddr::V4([10, 0, 0, last].into()))
    }

    #[test]
    fn failures_of_one_account_are_limited_and_success_forgives() {
        let throttle = throttle(2, 1000);
        assert!(throttle.login("a@x.ec", HERE).is_ok());
        assert!(throttle.login("A@x.ec ", HERE).is_ok());
        assert!(throttle.login("a@x.ec", HERE).unwrap_err().retryable());
        assert!(throttle.login("b@x.ec", HERE).is_ok());
        throttle.succeeded("a@x.ec", HERE);
        assert!(throttle.login("a@x.ec", HERE).is_ok());
    }

    #[test]
    fn many_addresses_cannot_try_one_account_but_its_owner_can() {
        let throttle = throttle(2, 1000);
        throttle.succeeded("a@x.ec", HERE);
        for attempt in 0..20 {
            assert!(
                throttle.login("a@x.ec", other(attempt)).is_ok(),
                "{attempt}"
            );
        }
        assert!(throttle.login("a@x.ec", other(99)).is_err());
        assert!(throttle.login("a@x.ec", HERE).is_ok());
    }

    #[test]
    fn an_address_cannot_try_every_account() {
        let throttle = throttle(2, 3);
        for account in ["a", "b", "c"] {
            assert!(throttle.login(account, HERE).is_ok());
        }
        assert!(throttle.login("d", HERE).is_err());
        assert!(throttle.login("d", other(1)).is_ok());
    }

    #[test]
    fn waits_double_to_a_bound() {
        let growth = Growth {
            free: 3,
            first: Duration::from_secs(15),
            max: Duration::from_secs(100),
        };
        let waits = [1, 2, 3, 4, 5, 6, u32::MAX].map(|failures| growth.wait(failures).as_secs());
        assert_eq!(waits, [0, 0, 15, 30, 60, 100, 100]);
    }

    #[test]
    fn registrations_and_letters_have_limits_of_their_own() {
        let throttle = throttle(2, 3);
        assert!(throttle.register(HERE).is_ok());
        assert!(throttle.register(HERE).is_ok());
        assert!(throttle.register(HERE).is_err());
        assert!(throttle.register(other(1)).is_ok());
        assert!(throttle.letter("a@x.ec", HERE).is_ok());
        assert!(throttle.letter("A@x.ec", other(1)).is_err());
        assert!(throttle.letter("b@x.ec", other(1)).is_ok());
    }
}
