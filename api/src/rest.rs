//! The REST API, one file per area: what comes in, what goes out, and the query between.

pub mod admin;
pub mod appointments;
pub mod assignments;
pub mod audit;
pub mod availability;
pub mod calendars;
mod checks;
pub mod clinics;
pub mod equipment;
pub mod exceptions;
pub mod hours;
pub mod input;
pub mod invitations;
pub mod language;
pub mod operations;
pub mod operatories;
pub mod page;
pub mod patients;
pub mod providers;
pub mod rules;
pub mod sessions;
pub mod staff;
pub mod tenants;
pub mod treatments;
pub mod utilization;
pub mod wall_clock;
