//! The rules, as pure functions: values in, decision out. No clock, no I/O, no actors.

pub mod hours;
pub mod intervals;
pub mod recurrence;
pub mod zone;
