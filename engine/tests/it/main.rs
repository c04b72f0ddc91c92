//! The engine as a whole, against a real Postgres.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod booking;
mod daily_cap;
mod elsewhere;
mod feed;
mod holds;
mod in_doubt;
mod many;
mod overload;
mod overrun;
mod rules;
mod session;
mod support;
mod waiting;
mod waitlist;
