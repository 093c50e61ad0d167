//! Who works at the desk. Pure.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::permission::{Permission, Role};
use crate::stages::StageId;

/// A second factor that was shown so long ago is no longer fresh enough for money.
pub(super) const FACTOR_STAYS_FRESH: TimeDelta = TimeDelta::minutes(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub Uuid);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub Uuid);

/// What somebody signs in with: 3 to 32 characters of `a-z 0-9 . _ -`, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountName(String);

/// The text is not an account name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("3 to 32 characters: small letters, digits, dot, dash or underscore, a letter first")]
pub struct NotAnAccountName;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Somebody has been asked in and has not enrolled yet.
    Invited,
    Active,
    Disabled,
}

/// Somebody at the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub role: Role,
    /// For officials and coordinators, and only for them.
    pub stage: Option<StageId>,
    pub state: AccountState,
    pub created_at: DateTime<Utc>,
    /// Counts up with each change.
    pub version: i64,
}

/// What somebody has open on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub account: AccountId,
    pub began_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
    pub factor_at: DateTime<Utc>,
    pub address: String,
    pub device: String,
}

/// The key of another system, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: Uuid,
    pub name: String,
    pub scopes: Vec<Permission>,
    pub made_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
}

/// Who is behind a request, as just looked up: whoever lost a role or a session a moment ago has lost it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Officer {
    /// Of the account, or of the key.
    pub id: Uuid,
    pub name: String,
    pub standing: Standing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Person {
        role: Role,
        stage: Option<StageId>,
        session: SessionId,
        factor_at: DateTime<Utc>,
    },
    /// Another system; it sees every stage and has no second factor.
    Key { scopes: Vec<Permission> },
}

impl Officer {
    pub fn may(&self, permission: Permission) -> bool {
        match &self.standing {
            Standing::Person { role, .. } => role.may(permission),
            Standing::Key { scopes } => scopes.contains(&permission),
        }
    }

    /// The one stage they work for; none for whoever sees all of them.
    pub fn stage(&self) -> Option<StageId> {
        match &self.standing {
            Standing::Person { stage, .. } => *stage,
            Standing::Key { .. } => None,
        }
    }

    /// Whether something of this stage is theirs to see. What belongs to no stage is seen by whoever sees all.
    pub fn sees(&self, stage: Option<StageId>) -> bool {
        self.stage().is_none_or(|own| stage == Some(own))
    }

    /// Whether they have shown a second factor within the last ten minutes. A key never has.
    pub fn has_fresh_factor(&self, now: DateTime<Utc>) -> bool {
        match &self.standing {
            Standing::Person { factor_at, .. } => now - *factor_at < FACTOR_STAYS_FRESH,
            Standing::Key { .. } => false,
        }
    }

    pub fn session(&self) -> Option<SessionId> {
        match &self.standing {
            Standing::Person { session, .. } => Some(*session),
            Standing::Key { .. } => None,
        }
    }
}

impl AccountName {
    /// Reads a name as it is typed; capitals are forgiven.
    pub fn parse(typed: &str) -> Result<AccountName, NotAnAccountName> {
        let name = typed.trim().to_ascii_lowercase();
        let fits = (3..=32).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if fits {
            Ok(AccountName(name))
        } else {
            Err(NotAnAccountName)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AccountState {
    pub const ALL: [AccountState; 3] = [
        AccountState::Invited,
        AccountState::Active,
        AccountState::Disabled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            AccountState::Invited => "invited",
            AccountState::Active => "active",
            AccountState::Disabled => "disabled",
        }
    }

    pub fn parse(word: &str) -> Option<AccountState> {
        AccountState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
