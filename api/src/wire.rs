//! The one place that knows how the engine's values look on the wire, for REST and WebSocket alike.

pub mod appointment;
pub mod block;
pub mod delta;
pub mod entry;
pub mod hold;
pub mod outcome;
pub mod refusal;
pub mod repeat;
pub mod replan;
pub mod series;
pub mod time;
