//! What the database holds and how it is changed: Diesel tables, models, the commit transaction,
//! pools, test databases. Knows nothing of actors, HTTP or scheduling rules.

pub mod ids;
pub mod span;
