//! What super admins do: the places that belong to no practice, and who may use them when.

pub mod assignments;
pub mod clinics;
pub mod exceptions;
pub mod lending;
pub mod operatories;
