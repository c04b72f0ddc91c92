//! The rules, as pure functions: values in, decision out. No clock, no I/O, no actors.

pub mod availability;
pub mod cells;
pub mod diary;
pub mod draft;
pub mod explain;
pub mod gaps;
pub mod hours;
pub mod intervals;
pub mod lending;
mod marks;
pub mod pattern;
pub mod placement;
pub mod policy;
pub mod recurrence;
pub mod rejection;
pub mod relocation;
pub mod repetition;
pub mod reservation;
pub mod rulebook;
pub mod status;
pub mod timeline;
pub mod waitlist;
pub mod zone;
