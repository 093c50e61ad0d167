//! Asking people in, and changing what they are.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::guarding;
use super::sessions::Ended;
use crate::fault::Fault;
use crate::primitives::Secret;
use crate::staff::authenticator::Authenticator;
use crate::staff::keys::StaffKeys;
use crate::staff::model::{Account, AccountId, AccountName, AccountState};
use crate::staff::passwords::{Busy, PasswordDesk};
use crate::staff::permission::Role;
use crate::staff::service::passwords::chosen;
use crate::staff::store::{accounts as store, sessions};
use crate::staff::strength::WeakPassword;
use crate::staff::tokens::{digest, fresh_invitation};
use crate::stages::StageId;
use crate::work::Work;

const INVITATION_LASTS: TimeDelta = TimeDelta::hours(72);

/// What an invited person comes with. The word is said once, to whoever invites.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub account: Account,
    pub word: Secret,
    pub until: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    #[error("this account name is taken")]
    NameTaken,
    #[error("officials and coordinators work for one stage, all others for none")]
    StageDoesNotFit,
    #[error("there is no such account")]
    NotFound,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What an authenticator app needs. Shown once; asked again, another one is made.
#[derive(Debug)]
pub struct Enrolment {
    pub account: Account,
    pub authenticator: Authenticator,
}

#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The word is unknown, used, or too old. Which of it is nobody's business.
    #[error("this invitation does not hold")]
    NotInvited,
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    #[error("these are not the digits the authenticator shows now")]
    WrongCode,
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What is changed about an account; what is none stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The role with the stage it is for.
    pub post: Option<(Role, Option<StageId>)>,
    pub enabled: Option<bool>,
}

#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("there is no such account")]
    NotFound,
    #[error("nobody changes their own account")]
    Oneself,
    #[error("this role is not yours to give or take")]
    NotYours,
    #[error("officials and coordinators work for one stage, all others for none")]
    StageDoesNotFit,
    #[error("somebody has changed the account since you read it")]
    Stale,
    #[error("the account has not been enrolled yet")]
    NotEnrolled,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Makes an account whose owner comes with the word.
///
/// # Errors
/// The name is taken, or the stage does not go with the role.
pub async fn invite(
    work: &mut Work,
    name: &AccountName,
    role: Role,
    stage: Option<StageId>,
) -> Result<Invitation, InviteError> {
    if role.is_of_one_stage() != stage.is_some() {
        return Err(InviteError::StageDoesNotFit);
    }
    let account = Account {
        id: AccountId(Uuid::now_v7()),
        name: name.as_str().to_owned(),
        role,
        stage,
        state: AccountState::Invited,
        created_at: work.now,
        version: 1,
    };
    let (word, until) = (fresh_invitation(), work.now + INVITATION_LASTS);
    if !store::insert(work.conn(), &account, &digest(&word), until).await? {
        return Err(InviteError::NameTaken);
    }
    Ok(Invitation {
        account,
        word,
        until,
    })
}

/// Asks the owner of an account in anew, who has lost the password or the authenticator. What was open is ended.
///
/// # Errors
/// There is no such account.
pub async fn invite_again(work: &mut Work, id: AccountId) -> Result<Invitation, InviteError> {
    let account = store::lock(work.conn(), id).await?;
    let account = account.ok_or(InviteError::NotFound)?;
    let (word, until) = (fresh_invitation(), work.now + INVITATION_LASTS);
    let now = work.now;
    store::save_invitation(work.conn(), id, &digest(&word), until).await?;
    sessions::end_all(work.conn(), id, None, Ended::Desk, now).await?;
    let account = Account {
        state: AccountState::Invited,
        version: account.version + 1,
        ..account
    };
    Ok(Invitation {
        account,
        word,
        until,
    })
}

/// The first half of enrolling: a fresh authenticator for whoever holds the word.
///
/// # Errors
/// The invitation does not hold.
pub async fn begin_enrolment(
    work: &mut Work,
    keys: &StaffKeys,
    word: &Secret,
) -> Result<Enrolment, EnrolError> {
    let now = work.now;
    let account = store::lock_invited(work.conn(), &digest(word), now).await?;
    let account = account.ok_or(EnrolError::NotInvited)?;
    let authenticator = Authenticator::fresh();
    let sealed = authenticator.seal(keys, account.id)?;
    store::save_authenticator(work.conn(), account.id, &sealed).await?;
    Ok(Enrolment {
        account,
        authenticator,
    })
}

/// The second half: the password, and proof that the authenticator works. The invitation is used up.
///
/// # Errors
/// The invitation does not hold, the password is weak or was used before, the digits are wrong.
pub async fn enrol(
    work: &mut Work,
    keys: &StaffKeys,
    desk: &PasswordDesk,
    word: &Secret,
    password: Secret,
    code: &Secret,
) -> Result<Account, EnrolError> {
    let now = work.now;
    let account = store::lock_invited(work.conn(), &digest(word), now).await?;
    let account = account.ok_or(EnrolError::NotInvited)?;
    let proof = store::proof(work.conn(), keys, account.id).await?;
    let authenticator = proof.authenticator.ok_or(EnrolError::WrongCode)?;
    if !guarding::takes_code(work, account.id, &authenticator, code).await? {
        return Err(EnrolError::WrongCode);
    }
    let verifier = chosen(work, desk, &account, password).await??;
    store::save_password(work.conn(), account.id, &verifier, now).await?;
    store::activate(work.conn(), account.id).await?;
    Ok(Account {
        state: AccountState::Active,
        version: account.version + 1,
        ..account
    })
}

/// Gives an account another role, disables or enables it. `by` is whoever asks, `None` at the terminal of the house, which may
/// all. Gives the account before and after.
///
/// # Errors
/// It is their own or a role that is not theirs to give, the stage does not go with the role, or somebody was quicker
/// (`version` is what the asker has read).
pub async fn change(
    work: &mut Work,
    by: Option<(AccountId, Role)>,
    id: AccountId,
    version: Option<i64>,
    change: Change,
) -> Result<(Account, Account), ChangeError> {
    let before = store::lock(work.conn(), id).await?;
    let before = before.ok_or(ChangeError::NotFound)?;
    if version.is_some_and(|version| version != before.version) {
        return Err(ChangeError::Stale);
    }
    let (role, stage) = change.post.unwrap_or((before.role, before.stage));
    if let Some((asker, own_role)) = by {
        if asker == id {
            return Err(ChangeError::Oneself);
        }
        if !own_role.may_appoint(before.role) || !own_role.may_appoint(role) {
            return Err(ChangeError::NotYours);
        }
    }
    if role.is_of_one_stage() != stage.is_some() {
        return Err(ChangeError::StageDoesNotFit);
    }
    let state = match (change.enabled, before.state) {
        (Some(false), _) => AccountState::Disabled,
        (Some(true), AccountState::Invited) => return Err(ChangeError::NotEnrolled),
        (Some(true), _) => AccountState::Active,
        (None, state) => state,
    };
    let after = Account {
        role,
        stage,
        state,
        version: before.version + 1,
        ..before.clone()
    };
    store::save(work.conn(), &after).await?;
    if state == AccountState::Disabled {
        let now = work.now;
        sessions::end_all(work.conn(), id, None, Ended::Desk, now).await?;
    }
    Ok((before, after))
}
