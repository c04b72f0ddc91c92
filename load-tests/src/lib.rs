//! Load and proof: a swarm of clients over real sockets and HTTP against the real server as a child
//! process, and afterwards the audit. Knows the server's wire and its database, none of its code but
//! the schema.
//!
//! A scenario ([`scenario`]) asks for a [`stage`] (a database of its own, seeded practices, a running
//! server), drives it by [`client`]s and [`follower`]s, keeps book of every answer in a [`ledger`],
//! and ends with a [`report`] whose last line is the [`verdict`].

pub mod bare;
pub mod city;
pub mod client;
pub mod cluster;
pub mod database;
pub mod diary;
pub mod direct;
pub mod follower;
pub mod http;
pub mod ledger;
pub mod light;
pub mod measure;
pub mod pace;
pub mod plain;
pub mod plot;
pub mod postgres;
pub mod proxy;
pub mod redis;
pub mod report;
pub mod scenario;
pub mod seed;
pub mod server;
pub mod stage;
pub mod token;
pub mod verdict;

/// What can end a run: told as text, on one line.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// The result of everything that can end a run.
pub type Outcome<T> = Result<T, Error>;
