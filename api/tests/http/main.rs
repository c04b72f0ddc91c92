//! The server from outside: real TCP, a real Postgres, one database per test.

mod auth;
mod catalogue;
mod documents;
mod isolation;
mod patients;
mod protocol;
mod support;
