//! What a membership allows: the one table of role × action, for REST, WebSocket and the documents.

use serde::Serialize;
use utoipa::ToSchema;

/// The table: a permission, its name on the wire and in the database, and which roles have it
/// unless the owner decides otherwise.
macro_rules! permissions {
    ($($(#[doc = $about:literal])+ $name:ident $wire:literal [$($role:literal),+],)+) => {
        /// Something that a member of a practice may be allowed to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub enum Permission { $($(#[doc = $about])+ $name),+ }

        impl Permission {
            /// Name, description and defaults by role, in the order of [`Role::ALL`].
            const TABLE: &[(Self, &'static str, &'static str, [bool; 5])] =
                &[$((Self::$name, $wire, concat!($($about),+), [$($role),+])),+];
        }
    };
}

permissions! {
    //                                          dentist  admin recep. billing assist.
    /// See who the patients are.
    CanViewPatients "canViewPatients"             [true,  true,  true,  true,  true],
    /// Add patients and change their records.
    CanManagePatients "canManagePatients"         [true,  true,  true, false, false],
    /// Book, move and cancel visits.
    CanManageAppointments "canManageAppointments" [true,  true,  true, false,  true],
    /// Change hours, closures and blocks.
    CanManageSchedule "canManageSchedule"         [true,  true,  true, false, false],
    /// Book against a rule that may be overridden.
    CanOverrideRules "canOverrideRules"           [true,  true, false, false, false],
    /// Take payments.
    CanProcessPayments "canProcessPayments"       [true,  true,  true,  true, false],
    /// Change treatments and prices.
    CanManageTreatments "canManageTreatments"     [true,  true, false, false, false],
    /// See the practice's figures.
    CanViewReports "canViewReports"               [true,  true, false,  true, false],
    /// See who did what.
    CanViewAudit "canViewAudit"                   [true,  true, false, false, false],
    /// Invite members and change what they may do.
    CanManageStaff "canManageStaff"               [true,  true, false, false, false],
    /// Change the practice itself.
    CanManagePractice "canManagePractice"         [true,  true, false, false, false],
}

/// A member's role in a practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The owner.
    Dentist,
    /// The practice's manager.
    Admin,
    StaffReceptionist,
    StaffBilling,
    StaffAssistant,
}

impl Permission {
    /// As the wire and the database call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        // The table is in the enum's order; a test compares.
        Self::TABLE[self as usize].1
    }

    /// The permission of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::TABLE
            .iter()
            .find(|(_, known, ..)| *known == name)
            .map(|(permission, ..)| *permission)
    }

    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TABLE.iter().map(|(permission, ..)| *permission)
    }

    /// What it is, for people.
    #[must_use]
    pub fn about(self) -> &'static str {
        Self::TABLE[self as usize].2.trim_start()
    }
}

impl Role {
    /// All there are, with their names on the wire and in the database.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Dentist, "dentist"),
        (Self::Admin, "admin"),
        (Self::StaffReceptionist, "staff_receptionist"),
        (Self::StaffBilling, "staff_billing"),
        (Self::StaffAssistant, "staff_assistant"),
    ];

    /// As the wire and the database call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(role, _)| *role)
    }

    /// What a new member of this role may do.
    #[must_use]
    pub fn default_permissions(self) -> Vec<Permission> {
        Permission::TABLE
            .iter()
            .filter(|(.., roles)| roles[self as usize])
            .map(|(permission, ..)| *permission)
            .collect()
    }

    /// What a member may do whose membership says `stored`. The owner may do everything, or nobody
    /// could give a right back.
    #[must_use]
    pub fn effective_permissions<'a>(
        self,
        stored: impl Iterator<Item = &'a str>,
    ) -> Vec<Permission> {
        if self == Self::Dentist {
            return self.default_permissions();
        }
        let mut permissions: Vec<_> = stored.filter_map(Permission::parse).collect();
        permissions.sort_by_key(|permission| *permission as usize);
        permissions.dedup();
        permissions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_the_order_of_their_enums() {
        for (index, (permission, name, _, roles)) in Permission::TABLE.iter().enumerate() {
            assert_eq!(*permission as usize, index);
            assert_eq!(serde_json::to_value(permission).unwrap(), *name);
            assert!(roles[Role::Dentist as usize], "the owner may do everything");
        }
        for (index, (role, name)) in Role::ALL.iter().enumerate() {
            assert_eq!(*role as usize, index);
            assert_eq!(serde_json::to_value(role).unwrap(), *name);
        }
    }

    #[test]
    fn a_membership_allows_what_it_says_and_the_owner_everything() {
        let stored = ["canViewPatients", "canFly", "canViewPatients"];
        let allowed = |role: Role| role.effective_permissions(stored.into_iter());
        assert_eq!(allowed(Role::StaffBilling), [Permission::CanViewPatients]);
        assert_eq!(allowed(Role::Dentist).len(), Permission::TABLE.len());
    }
}
