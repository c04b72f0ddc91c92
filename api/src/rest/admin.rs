//! What super admins do: they look after practices, and after the places that belong to none, with
//! who may use them when. No practice is open to them: no patient and no visit is theirs to see.

pub mod assignments;
pub mod audit;
pub mod clinics;
pub mod exceptions;
pub mod lending;
pub mod operatories;
mod places;
pub mod tenants;
