//! The server from outside: real TCP, a real Postgres, one database per test.

// What helps tests fails as loudly as they do.
#![allow(clippy::unwrap_used, missing_debug_implementations)]

mod auth;
mod catalogue;
mod demo;
mod documents;
mod isolation;
mod mail;
mod patients;
mod permissions;
mod protocol;
mod support;
