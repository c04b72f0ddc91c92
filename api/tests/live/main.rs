//! Booking and following from outside: real TCP and WebSockets, a real Postgres, one database per
//! test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod blocks;
mod catalogue;
mod closing;
mod following;
mod frames;
mod guests;
mod holds;
mod import_ics;
mod isolation;
mod keys;
mod link;
mod nodes;
mod one_winner;
mod patients;
mod presence;
mod public;
mod replanning;
mod rest;
mod retention;
mod rights;
mod searching;
mod series;
mod slots;
mod socket;
mod waitlist;
mod walk;
mod watch;
mod world;
