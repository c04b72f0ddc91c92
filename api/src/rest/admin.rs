//! What super admins do. They look after practices, clinics and chairs, and open none of them: no
//! patient and no visit is theirs to see.

pub mod audit;
pub mod tenants;
