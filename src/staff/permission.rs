//! Which role may do what: one table. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use Role::{Admin, Assessor, Coordinator, Finance, Staff, StageOfficial, SuperAdmin, Viewer};

/// What somebody at the desk is.
#[derive(
    ToSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The owner's own account: everything, and who else is an admin.
    SuperAdmin,
    Admin,
    /// Money and its books.
    Finance,
    /// Members, broadcasts and emergencies from day to day.
    Staff,
    /// Looks into cases and claims.
    Assessor,
    /// An official of one stage, who sees that stage only.
    StageOfficial,
    /// Answers the emergencies of one stage, and sees that stage only.
    Coordinator,
    /// Reads, decides nothing.
    Viewer,
}

/// Something that can be done at the desk.
#[derive(
    ToSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    ReadDashboard,
    ReadMembers,
    /// Approve and refuse who asked to join.
    DecideMembers,
    /// See a whole phone number, with a reason that is written down.
    SeePhones,
    ThawWallets,
    ReadStages,
    ManageStages,
    ReadFunds,
    ReadPayments,
    ReadSuspense,
    AllocateSuspense,
    ReadLedger,
    ReadEmergencies,
    NoteEmergencies,
    CloseEmergencies,
    SendBroadcasts,
    FollowFeed,
    ReadAudit,
    ManageStaff,
    ManageKeys,
}

impl Permission {
    pub const ALL: [Permission; 20] = [
        Permission::ReadDashboard,
        Permission::ReadMembers,
        Permission::DecideMembers,
        Permission::SeePhones,
        Permission::ThawWallets,
        Permission::ReadStages,
        Permission::ManageStages,
        Permission::ReadFunds,
        Permission::ReadPayments,
        Permission::ReadSuspense,
        Permission::AllocateSuspense,
        Permission::ReadLedger,
        Permission::ReadEmergencies,
        Permission::NoteEmergencies,
        Permission::CloseEmergencies,
        Permission::SendBroadcasts,
        Permission::FollowFeed,
        Permission::ReadAudit,
        Permission::ManageStaff,
        Permission::ManageKeys,
    ];

    /// Everybody who may, beside the super admin, who may everything.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Permission::ReadDashboard => &[Admin, Finance, Staff, Assessor, Viewer],
            Permission::ReadMembers => &[
                Admin,
                Finance,
                Staff,
                Assessor,
                StageOfficial,
                Coordinator,
                Viewer,
            ],
            Permission::DecideMembers => &[Admin, Staff],
            Permission::SeePhones => &[Admin, Finance, Staff, StageOfficial, Coordinator],
            Permission::ThawWallets => &[Admin, Finance],
            Permission::ReadStages => &[
                Admin,
                Finance,
                Staff,
                Assessor,
                StageOfficial,
                Coordinator,
                Viewer,
            ],
            Permission::ManageStages => &[Admin],
            Permission::ReadFunds => &[Admin, Finance, Staff, StageOfficial, Viewer],
            Permission::ReadPayments => &[Admin, Finance, Staff, StageOfficial, Viewer],
            Permission::ReadSuspense => &[Admin, Finance],
            Permission::AllocateSuspense => &[Admin, Finance],
            Permission::ReadLedger => &[Admin, Finance],
            Permission::ReadEmergencies => &[Admin, Staff, Assessor, StageOfficial, Coordinator],
            Permission::NoteEmergencies => &[Admin, Staff, Assessor, StageOfficial, Coordinator],
            Permission::CloseEmergencies => &[Admin, Staff, Coordinator],
            Permission::SendBroadcasts => &[Admin, Staff],
            Permission::FollowFeed => &[Admin, Finance, Staff, StageOfficial, Coordinator],
            Permission::ReadAudit => &[Admin],
            Permission::ManageStaff => &[Admin],
            Permission::ManageKeys => &[],
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Permission::ReadDashboard => "read_dashboard",
            Permission::ReadMembers => "read_members",
            Permission::DecideMembers => "decide_members",
            Permission::SeePhones => "see_phones",
            Permission::ThawWallets => "thaw_wallets",
            Permission::ReadStages => "read_stages",
            Permission::ManageStages => "manage_stages",
            Permission::ReadFunds => "read_funds",
            Permission::ReadPayments => "read_payments",
            Permission::ReadSuspense => "read_suspense",
            Permission::AllocateSuspense => "allocate_suspense",
            Permission::ReadLedger => "read_ledger",
            Permission::ReadEmergencies => "read_emergencies",
            Permission::NoteEmergencies => "note_emergencies",
            Permission::CloseEmergencies => "close_emergencies",
            Permission::SendBroadcasts => "send_broadcasts",
            Permission::FollowFeed => "follow_feed",
            Permission::ReadAudit => "read_audit",
            Permission::ManageStaff => "manage_staff",
            Permission::ManageKeys => "manage_keys",
        }
    }

    pub fn parse(word: &str) -> Option<Permission> {
        Permission::ALL
            .into_iter()
            .find(|permission| permission.as_str() == word)
    }
}

impl Role {
    pub const ALL: [Role; 8] = [
        SuperAdmin,
        Admin,
        Finance,
        Staff,
        Assessor,
        StageOfficial,
        Coordinator,
        Viewer,
    ];

    pub fn may(self, permission: Permission) -> bool {
        self == SuperAdmin || permission.roles().contains(&self)
    }

    /// Everything this role may.
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .into_iter()
            .filter(move |permission| self.may(*permission))
    }

    /// True for who works for one stage and sees no other.
    pub fn is_of_one_stage(self) -> bool {
        matches!(self, StageOfficial | Coordinator)
    }

    /// Whether somebody of this role may give and take that one. Nobody makes an equal but the super admin.
    pub fn may_appoint(self, other: Role) -> bool {
        match self {
            SuperAdmin => true,
            Admin => !matches!(other, SuperAdmin | Admin),
            _ => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            SuperAdmin => "super_admin",
            Admin => "admin",
            Finance => "finance",
            Staff => "staff",
            Assessor => "assessor",
            StageOfficial => "stage_official",
            Coordinator => "coordinator",
            Viewer => "viewer",
        }
    }

    pub fn parse(word: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_reads_back_and_is_its_wire_word() {
        for permission in Permission::ALL {
            assert_eq!(Permission::parse(permission.as_str()), Some(permission));
            assert_eq!(
                serde_json::to_value(permission).unwrap(),
                permission.as_str()
            );
        }
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
    }

    /// Whoever reads only decides nothing, and whoever works for a stage manages nothing of the house.
    #[test]
    fn the_table_keeps_its_promises() {
        let decides =
            |permission: Permission| !matches!(permission.as_str().split('_').next(), Some("read"));
        assert!(Viewer.permissions().all(|permission| !decides(permission)));
        for role in [StageOfficial, Coordinator] {
            for permission in [
                Permission::ReadDashboard,
                Permission::ReadLedger,
                Permission::ReadSuspense,
                Permission::AllocateSuspense,
                Permission::ThawWallets,
                Permission::SendBroadcasts,
                Permission::ManageStages,
                Permission::ReadAudit,
                Permission::ManageStaff,
                Permission::ManageKeys,
            ] {
                assert!(!role.may(permission), "{role:?} {permission:?}");
            }
        }
        assert!(Permission::ALL.into_iter().all(|p| SuperAdmin.may(p)));
    }

    #[test]
    fn only_the_super_admin_makes_admins() {
        for role in Role::ALL {
            for other in [SuperAdmin, Admin] {
                assert_eq!(role.may_appoint(other), role == SuperAdmin);
            }
            assert_eq!(role.may_appoint(Viewer), matches!(role, SuperAdmin | Admin));
        }
    }
}
