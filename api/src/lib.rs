//! The HTTP side of DentiCloud: REST, sessions, documents, the web app. The one crate that knows the
//! wire; what may be booked is the engine's to say, what is kept is the schema's.

pub mod accounts;
pub mod actions;
pub mod address;
pub mod app;
pub mod audit;
pub mod auth;
pub mod commands;
pub mod config;
pub mod connections;
pub mod cors;
pub mod counts;
pub mod demo;
pub mod holds;
pub mod logging;
pub mod mail;
pub mod metrics;
pub mod names;
pub mod nodes;
pub mod once;
pub mod openapi;
pub mod practices;
pub mod problem;
pub mod public;
pub mod request;
pub mod rest;
pub mod routes;
pub mod server;
pub mod takeover;
pub mod web_app;
pub mod wire;
pub mod ws;
