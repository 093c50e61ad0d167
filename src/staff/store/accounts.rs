//! Accounts, their passwords, the steps of their authenticators, and wrong tries.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::staff::authenticator::Authenticator;
use crate::staff::guard::Guard;
use crate::staff::keys::StaffKeys;
use crate::staff::model::{Account, AccountId, AccountName, AccountState};
use crate::staff::passwords::Verifier;
use crate::staff::permission::Role;
use crate::stages::StageId;

/// False when the name is taken.
pub(in crate::staff) async fn insert(
    conn: &mut PgConnection,
    account: &Account,
    invitation: &[u8; 32],
    until: DateTime<Utc>,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into staff_account (id, name, role, stage_id, state, invite_hash, invite_until, created_at)
         values ($1, $2, $3, $4, 'invited', $5, $6, $7) on conflict (name) do nothing",
        account.id.0,
        account.name,
        account.role.as_str(),
        account.stage.map(|stage| stage.0),
        invitation.as_slice(),
        until,
        account.created_at
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub async fn account(conn: &mut PgConnection, id: AccountId) -> Result<Option<Account>, Fault> {
    let row = sqlx::query_as!(
        AccountRow,
        "select id, name, role, stage_id, state, created_at, version from staff_account where id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Account::try_from).transpose()
}

pub(in crate::staff) async fn lock(
    conn: &mut PgConnection,
    id: AccountId,
) -> Result<Option<Account>, Fault> {
    let row = sqlx::query_as!(
        AccountRow,
        "select id, name, role, stage_id, state, created_at, version from staff_account where id = $1 for update",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Account::try_from).transpose()
}

pub async fn account_by_name(
    conn: &mut PgConnection,
    name: &AccountName,
) -> Result<Option<Account>, Fault> {
    let row = sqlx::query_as!(
        AccountRow,
        "select id, name, role, stage_id, state, created_at, version from staff_account where name = $1",
        name.as_str()
    )
    .fetch_optional(conn)
    .await?;
    row.map(Account::try_from).transpose()
}

/// Accounts by name, behind this one.
pub async fn accounts(
    conn: &mut PgConnection,
    after: &str,
    limit: i64,
) -> Result<Vec<Account>, Fault> {
    sqlx::query_as!(
        AccountRow,
        "select id, name, role, stage_id, state, created_at, version from staff_account where name > $1 order by name limit $2",
        after,
        limit
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Account::try_from)
    .collect()
}

/// Role, stage and state as they are from now on; the version counts up.
pub(in crate::staff) async fn save(
    conn: &mut PgConnection,
    account: &Account,
) -> Result<(), Fault> {
    sqlx::query!(
        "update staff_account set role = $2, stage_id = $3, state = $4, version = version + 1 where id = $1",
        account.id.0,
        account.role.as_str(),
        account.stage.map(|stage| stage.0),
        account.state.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Asks its owner in anew.
pub(in crate::staff) async fn save_invitation(
    conn: &mut PgConnection,
    id: AccountId,
    invitation: &[u8; 32],
    until: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update staff_account set state = 'invited', invite_hash = $2, invite_until = $3, version = version + 1 where id = $1",
        id.0,
        invitation.as_slice(),
        until
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The account that this word invites, held until the end of the work.
pub(in crate::staff) async fn lock_invited(
    conn: &mut PgConnection,
    invitation: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<Account>, Fault> {
    let row = sqlx::query_as!(
        AccountRow,
        "select id, name, role, stage_id, state, created_at, version from staff_account
         where invite_hash = $1 and invite_until > $2 and state = 'invited' for update",
        invitation.as_slice(),
        now
    )
    .fetch_optional(conn)
    .await?;
    row.map(Account::try_from).transpose()
}

pub(in crate::staff) async fn save_authenticator(
    conn: &mut PgConnection,
    id: AccountId,
    sealed: &[u8],
) -> Result<(), Fault> {
    sqlx::query!(
        "update staff_account set totp_sealed = $2 where id = $1",
        id.0,
        sealed
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The invitation is used up.
pub(in crate::staff) async fn activate(
    conn: &mut PgConnection,
    id: AccountId,
) -> Result<(), Fault> {
    sqlx::query!(
        "update staff_account set state = 'active', invite_hash = null, invite_until = null, version = version + 1 where id = $1",
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::staff) async fn save_password(
    conn: &mut PgConnection,
    id: AccountId,
    verifier: &Verifier,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update staff_account set verifier = $2 where id = $1",
        id.0,
        verifier.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "insert into staff_password (account_id, verifier, set_at) values ($1, $2, $3)",
        id.0,
        verifier.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::staff) async fn last_passwords(
    conn: &mut PgConnection,
    id: AccountId,
    count: i64,
) -> Result<Vec<Verifier>, Fault> {
    let rows = sqlx::query_scalar!(
        "select verifier from staff_password where account_id = $1 order by id desc limit $2",
        id.0,
        count
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Verifier).collect())
}

/// What an account proves itself with. The password is none for one that has never enrolled.
pub(in crate::staff) struct Proof {
    pub verifier: Option<Verifier>,
    pub authenticator: Option<Authenticator>,
}

pub(in crate::staff) async fn proof(
    conn: &mut PgConnection,
    keys: &StaffKeys,
    id: AccountId,
) -> Result<Proof, Fault> {
    let row = sqlx::query!(
        "select verifier, totp_sealed from staff_account where id = $1",
        id.0
    )
    .fetch_one(conn)
    .await?;
    let sealed = row.totp_sealed.as_deref();
    let authenticator = sealed.map(|sealed| Authenticator::open(sealed, keys, id));
    Ok(Proof {
        verifier: row.verifier.map(Verifier),
        authenticator: authenticator.transpose()?,
    })
}

/// False when the step has counted before: the primary key says so, also to two at once.
pub(in crate::staff) async fn use_step(
    conn: &mut PgConnection,
    id: AccountId,
    step: i64,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let used = sqlx::query!(
        "insert into staff_totp_step (account_id, step, used_at) values ($1, $2, $3) on conflict do nothing",
        id.0,
        step,
        now
    )
    .execute(conn)
    .await?;
    Ok(used.rows_affected() == 1)
}

/// What is remembered of wrong tries, held until the end of the work.
pub(in crate::staff) async fn lock_guard(
    conn: &mut PgConnection,
    id: AccountId,
    source: &str,
) -> Result<Guard, Fault> {
    sqlx::query!(
        "insert into staff_guard (account_id, source) values ($1, $2) on conflict do nothing",
        id.0,
        source
    )
    .execute(&mut *conn)
    .await?;
    let row = sqlx::query!(
        "select failures, locked_until from staff_guard where account_id = $1 and source = $2 for update",
        id.0,
        source
    )
    .fetch_one(conn)
    .await?;
    Ok(Guard {
        failures: row.failures.unsigned_abs(),
        locked_until: row.locked_until,
    })
}

pub(in crate::staff) async fn save_guard(
    conn: &mut PgConnection,
    id: AccountId,
    source: &str,
    guard: Guard,
) -> Result<(), Fault> {
    sqlx::query!(
        "update staff_guard set failures = $3, locked_until = $4 where account_id = $1 and source = $2",
        id.0,
        source,
        i32::try_from(guard.failures).unwrap_or(i32::MAX),
        guard.locked_until
    )
    .execute(conn)
    .await?;
    Ok(())
}

struct AccountRow {
    id: Uuid,
    name: String,
    role: String,
    stage_id: Option<i32>,
    state: String,
    created_at: DateTime<Utc>,
    version: i64,
}

impl TryFrom<AccountRow> for Account {
    type Error = Fault;

    fn try_from(row: AccountRow) -> Result<Account, Fault> {
        let broken = |what: &str| Fault::broken(format!("account {} has no proper {what}", row.id));
        Ok(Account {
            role: Role::parse(&row.role).ok_or_else(|| broken("role"))?,
            state: AccountState::parse(&row.state).ok_or_else(|| broken("state"))?,
            id: AccountId(row.id),
            name: row.name,
            stage: row.stage_id.map(StageId),
            created_at: row.created_at,
            version: row.version,
        })
    }
}
