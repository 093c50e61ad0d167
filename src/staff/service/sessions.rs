//! Signing in, staying signed in, and being shown out.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::guarding;
use crate::fault::Fault;
use crate::primitives::Secret;
use crate::staff::keys::StaffKeys;
use crate::staff::model::{
    Account, AccountId, AccountName, AccountState, Officer, Session, SessionId, Standing,
};
use crate::staff::passwords::{Busy, PasswordDesk};
use crate::staff::store::sessions::Refresh;
use crate::staff::store::{accounts, keys as key_store, sessions as store};
use crate::staff::tokens::{
    Bearer, REFRESH_LASTS, REPEAT_WITHIN, SESSION_LASTS, access_token, digest, fresh_refresh_token,
    read_bearer, successor,
};
use crate::work::Work;

/// How exactly it is remembered when a session was last used.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);
const DEVICE_LENGTH_MAX: usize = 200;

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct Device {
    pub address: String,
    /// What the client calls itself.
    pub name: String,
}

/// What somebody types to come in.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub name: String,
    pub password: Secret,
    pub code: Secret,
    pub device: Device,
}

/// What a client carries from now on.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub session: SessionId,
    pub access: Secret,
    pub access_ends_at: DateTime<Utc>,
    pub refresh: Secret,
    pub refresh_ends_at: DateTime<Utc>,
}

/// How signing in went. Commit whatever it is: wrong tries count.
#[derive(Clone, Debug)]
pub enum SignedIn {
    Welcome(Account, Tokens),
    /// Name, password or digits. Which of them is not said.
    Refused,
    Locked {
        until: DateTime<Utc>,
    },
}

/// How showing a second factor went. Commit whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    Shown,
    Refused,
    Locked { until: DateTime<Utc> },
}

/// How refreshing went. Commit whatever it is.
#[derive(Clone, Debug)]
pub enum Refreshed {
    Again(Tokens),
    Refused,
    /// A token was used a second time: somebody has a copy, and nobody knows who. The whole session is ended.
    Reused(AccountId),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    SignedOut,
    /// By its owner, from another one.
    Elsewhere,
    Reuse,
    /// By somebody who manages accounts.
    Desk,
}

impl Ended {
    pub fn as_str(self) -> &'static str {
        match self {
            Ended::SignedOut => "signed_out",
            Ended::Elsewhere => "elsewhere",
            Ended::Reuse => "reuse",
            Ended::Desk => "desk",
        }
    }
}

impl Device {
    /// As it is kept: cut short, and without what could forge a line somewhere.
    pub fn of(address: impl Into<String>, name: &str) -> Device {
        let tidy = name.chars().filter(|c| !c.is_control());
        Device {
            address: address.into(),
            name: tidy.take(DEVICE_LENGTH_MAX).collect(),
        }
    }
}

/// Name, password and digits for a session.
///
/// # Errors
/// Too many passwords at once.
pub async fn sign_in(
    work: &mut Work,
    keys: &StaffKeys,
    desk: &PasswordDesk,
    asked: SignIn,
) -> Result<SignedIn, Busy> {
    let name = AccountName::parse(&asked.name).ok();
    let account = match &name {
        Some(name) => accounts::account_by_name(work.conn(), name).await?,
        None => None,
    };
    let Some(account) = account.filter(|account| account.state == AccountState::Active) else {
        // At the cost of a real one: how long it takes tells nobody who has an account.
        let nobody = AccountId(Uuid::nil());
        desk.is_any(nobody, Vec::new(), &asked.password).await?;
        return Ok(SignedIn::Refused);
    };
    let address = asked.device.address.as_str();
    if let Some(until) = guarding::charge(work, account.id, address).await? {
        return Ok(SignedIn::Locked { until });
    }
    let proof = accounts::proof(work.conn(), keys, account.id).await?;
    let (Some(verifier), Some(authenticator)) = (proof.verifier, proof.authenticator) else {
        return Ok(SignedIn::Refused);
    };
    let is_right = desk
        .is_any(account.id, vec![verifier], &asked.password)
        .await?;
    if !is_right || !guarding::takes_code(work, account.id, &authenticator, &asked.code).await? {
        return Ok(SignedIn::Refused);
    }
    guarding::forgive(work, account.id, address).await?;
    let tokens = begin(work, keys, &account, asked.device).await?;
    Ok(SignedIn::Welcome(account, tokens))
}

async fn begin(
    work: &mut Work,
    keys: &StaffKeys,
    account: &Account,
    device: Device,
) -> Result<Tokens, Fault> {
    let now = work.now;
    let session = Session {
        id: SessionId(Uuid::now_v7()),
        account: account.id,
        began_at: now,
        ends_at: now + SESSION_LASTS,
        seen_at: now,
        factor_at: now,
        address: device.address,
        device: device.name,
    };
    store::insert(work.conn(), &session).await?;
    hand_out(work, keys, &session, fresh_refresh_token(), 1).await
}

/// Writes down a refresh token and gives it out beside an access token.
async fn hand_out(
    work: &mut Work,
    keys: &StaffKeys,
    session: &Session,
    token: Secret,
    place: i32,
) -> Result<Tokens, Fault> {
    let now = work.now;
    let refresh = Refresh {
        session: session.id,
        place,
        expires_at: (now + REFRESH_LASTS).min(session.ends_at),
        used_at: None,
    };
    store::insert_refresh(work.conn(), &digest(&token), &refresh, now).await?;
    tokens(keys, session, token, refresh.expires_at, now)
}

fn tokens(
    keys: &StaffKeys,
    session: &Session,
    refresh: Secret,
    refresh_ends_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Tokens, Fault> {
    let (access, access_ends_at) = access_token(keys, session.account, session.id, now)?;
    Ok(Tokens {
        session: session.id,
        access,
        access_ends_at,
        refresh,
        refresh_ends_at,
    })
}

/// The next pair of tokens for a refresh token, which is used up.
///
/// Asked again within ten seconds from the same place, it gives the same successor: the answer may have been lost on the
/// way. Later or from elsewhere it is theft, and the whole session is ended.
pub async fn refresh(
    work: &mut Work,
    keys: &StaffKeys,
    token: &Secret,
    device: Device,
) -> Result<Refreshed, Fault> {
    let now = work.now;
    let Some(known) = store::refresh(work.conn(), &digest(token)).await? else {
        return Ok(Refreshed::Refused);
    };
    let Some(session) = store::lock_open(work.conn(), known.session, now).await? else {
        return Ok(Refreshed::Refused);
    };
    let account = accounts::account(work.conn(), session.account).await?;
    let is_active = account.is_some_and(|account| account.state == AccountState::Active);
    // Read again behind the lock: somebody may have used it in between.
    let known = store::refresh(work.conn(), &digest(token)).await?;
    let Some(known) = known.filter(|known| is_active && known.expires_at > now) else {
        return Ok(Refreshed::Refused);
    };
    let next = successor(keys, token);
    let Some(used_at) = known.used_at else {
        store::refresh_used(work.conn(), &digest(token), now).await?;
        store::moved(work.conn(), session.id, &device.address, &device.name, now).await?;
        let tokens = hand_out(work, keys, &session, next, known.place + 1).await?;
        return Ok(Refreshed::Again(tokens));
    };
    let follows = store::refresh(work.conn(), &digest(&next)).await?;
    let is_same_place = session.address == device.address && session.device == device.name;
    match follows {
        Some(follows)
            if follows.used_at.is_none() && is_same_place && now - used_at <= REPEAT_WITHIN =>
        {
            let tokens = tokens(keys, &session, next, follows.expires_at, now)?;
            Ok(Refreshed::Again(tokens))
        }
        _ => {
            store::end(work.conn(), session.account, session.id, Ended::Reuse, now).await?;
            Ok(Refreshed::Reused(session.account))
        }
    }
}

/// Who this token speaks for at this moment: what was ended or taken away a moment ago speaks for nobody.
pub async fn authenticate(
    conn: &mut PgConnection,
    keys: &StaffKeys,
    bearer: &Secret,
    now: DateTime<Utc>,
) -> Result<Option<Officer>, Fault> {
    match read_bearer(keys, bearer, now) {
        None => Ok(None),
        Some(Bearer::Key { digest }) => {
            let key = key_store::use_key(conn, &digest, now).await?;
            Ok(key.map(|key| Officer {
                id: key.id,
                name: key.name,
                standing: Standing::Key { scopes: key.scopes },
            }))
        }
        Some(Bearer::Access { account, session }) => {
            let Some(session) = store::open(conn, session, now).await? else {
                return Ok(None);
            };
            let known = accounts::account(conn, account).await?;
            let known = known
                .filter(|known| known.state == AccountState::Active && session.account == known.id);
            let Some(account) = known else {
                return Ok(None);
            };
            if now - session.seen_at >= SEEN_EVERY {
                store::seen(conn, session.id, now).await?;
            }
            Ok(Some(Officer {
                id: account.id.0,
                name: account.name,
                standing: Standing::Person {
                    role: account.role,
                    stage: account.stage,
                    session: session.id,
                    factor_at: session.factor_at,
                },
            }))
        }
    }
}

/// Shows the authenticator's digits once more, which money asks for.
pub async fn show_factor(
    work: &mut Work,
    keys: &StaffKeys,
    (account, session): (AccountId, SessionId),
    address: &str,
    code: &Secret,
) -> Result<Factor, Fault> {
    if let Some(until) = guarding::charge(work, account, address).await? {
        return Ok(Factor::Locked { until });
    }
    let proof = accounts::proof(work.conn(), keys, account).await?;
    let Some(authenticator) = proof.authenticator else {
        return Ok(Factor::Refused);
    };
    if !guarding::takes_code(work, account, &authenticator, code).await? {
        return Ok(Factor::Refused);
    }
    guarding::forgive(work, account, address).await?;
    let now = work.now;
    store::factor_shown(work.conn(), session, now).await?;
    Ok(Factor::Shown)
}

/// Ends one session of an account. False when it has none open of this id.
pub async fn end_session(
    work: &mut Work,
    account: AccountId,
    session: SessionId,
    by: Ended,
) -> Result<bool, Fault> {
    let now = work.now;
    store::end(work.conn(), account, session, by, now).await
}

/// Ends everything an account has open; gives how many sessions that were.
pub async fn end_all(work: &mut Work, account: AccountId, by: Ended) -> Result<u64, Fault> {
    let now = work.now;
    store::end_all(work.conn(), account, None, by, now).await
}
