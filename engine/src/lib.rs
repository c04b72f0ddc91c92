//! The scheduling engine: pure rules (`scheduling`), and the actors, writers and feed that apply
//! them. Knows nothing of HTTP.

pub mod scheduling;
