//! A history as text, line by line: the same seed gives the same text.

use std::sync::{Mutex, PoisonError};

use crate::time::Time;

/// What has happened so far.
#[derive(Debug)]
pub struct Trace {
    time: Time,
    lines: Mutex<Vec<String>>,
}

impl Trace {
    #[must_use]
    pub fn new(time: Time) -> Self {
        Self {
            time,
            lines: Mutex::default(),
        }
    }

    /// Something happens now. Must name nothing that differs between runs, such as fresh ids.
    pub fn line(&self, what: impl FnOnce() -> String) {
        let millis = self.time.millis();
        let line = format!("{:>4}.{:03} {}", millis / 1000, millis % 1000, what());
        self.lock().push(line);
    }

    /// All of it.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
