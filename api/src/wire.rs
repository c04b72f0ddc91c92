//! The one place that knows how the engine's values look on the wire, for REST and WebSocket alike.

pub mod appointment;
pub mod delta;
pub mod entry;
pub mod hold;
pub mod refusal;
pub mod time;
