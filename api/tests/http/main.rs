//! The server from outside: real TCP, a real Postgres, one database per test.

// What helps tests fails as loudly as they do.
#![allow(clippy::unwrap_used, missing_debug_implementations)]

mod accounts;
mod api_keys;
mod audit;
mod auth;
mod catalogue;
mod demo;
mod documents;
mod input;
mod isolation;
mod mail;
mod me;
mod oidc;
mod patients;
mod permissions;
mod practice;
mod protocol;
mod staff;
mod support;
