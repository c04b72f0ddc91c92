//! The scheduling engine: pure rules (`scheduling`), and the actors, writers and feed that apply
//! them. Knows nothing of HTTP.

mod actors;
pub mod bus;
pub mod clock;
pub mod command;
mod commit_queue;
mod coordinator;
pub mod directory;
mod engine;
pub mod failure;
pub mod feed;
mod housekeeper;
pub mod ics;
mod listener;
mod plan;
mod poller;
mod reaper;
mod registry;
mod rules_cache;
pub mod scheduling;
pub mod settings;
#[cfg(feature = "simulation")]
pub mod simulated;
mod standing;
pub mod store;
pub mod together;
pub mod tokens;
pub mod waitlist;
mod writer;

pub use engine::{Engine, StartError};
