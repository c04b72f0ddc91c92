//! The scheduling model as values: what rows and events say, one file per table or document.

pub mod appointment;
pub mod block;
pub mod catalogue;
pub mod claim;
pub mod hold;
pub mod pattern;
pub mod series;
pub mod waitlist;
