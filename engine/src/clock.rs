//! The one place that knows what time it is.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use schema::span::Minute;

/// Where the engine reads the time. Expiry and notice are judged by it; events carry the
/// database's clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Utc::now))
    }

    /// A clock that tells what `read` does; for tests and simulations.
    #[must_use]
    pub fn of(read: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }

    /// The minute that has begun.
    #[must_use]
    pub fn minute(&self) -> Minute {
        Minute::floor(self.now())
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
