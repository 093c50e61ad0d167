//! Sessions and their refresh tokens.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::staff::model::{AccountId, Session, SessionId};
use crate::staff::service::sessions::Ended;

pub(in crate::staff) async fn insert(
    conn: &mut PgConnection,
    session: &Session,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into staff_session (id, account_id, began_at, ends_at, factor_at, seen_at, address, device)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        session.id.0,
        session.account.0,
        session.began_at,
        session.ends_at,
        session.factor_at,
        session.seen_at,
        session.address,
        session.device
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The session with this id that has not ended.
pub(in crate::staff) async fn open(
    conn: &mut PgConnection,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<Session>, Fault> {
    let row = sqlx::query_as!(
        SessionRow,
        "select id, account_id, began_at, ends_at, seen_at, factor_at, address, device from staff_session
         where id = $1 and ended_at is null and ends_at > $2",
        id.0,
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Session::from))
}

/// As [`open`], held until the end of the work.
pub(in crate::staff) async fn lock_open(
    conn: &mut PgConnection,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<Session>, Fault> {
    let row = sqlx::query_as!(
        SessionRow,
        "select id, account_id, began_at, ends_at, seen_at, factor_at, address, device from staff_session
         where id = $1 and ended_at is null and ends_at > $2 for update",
        id.0,
        now
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Session::from))
}

/// What somebody has open, the newest first.
pub async fn open_sessions(
    conn: &mut PgConnection,
    account: AccountId,
    now: DateTime<Utc>,
) -> Result<Vec<Session>, Fault> {
    let rows = sqlx::query_as!(
        SessionRow,
        "select id, account_id, began_at, ends_at, seen_at, factor_at, address, device from staff_session
         where account_id = $1 and ended_at is null and ends_at > $2 order by began_at desc limit 100",
        account.0,
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Session::from).collect())
}

/// True when it was open until now.
pub(in crate::staff) async fn end(
    conn: &mut PgConnection,
    account: AccountId,
    id: SessionId,
    by: Ended,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let ended = sqlx::query!(
        "update staff_session set ended_at = $3, ended_by = $4 where id = $1 and account_id = $2 and ended_at is null",
        id.0,
        account.0,
        now,
        by.as_str()
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Ends every open session but one; gives how many.
pub(in crate::staff) async fn end_all(
    conn: &mut PgConnection,
    account: AccountId,
    except: Option<SessionId>,
    by: Ended,
    now: DateTime<Utc>,
) -> Result<u64, Fault> {
    let ended = sqlx::query!(
        "update staff_session set ended_at = $3, ended_by = $4
         where account_id = $1 and id is distinct from $2 and ended_at is null",
        account.0,
        except.map(|session| session.0),
        now,
        by.as_str()
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected())
}

pub(in crate::staff) async fn factor_shown(
    conn: &mut PgConnection,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update staff_session set factor_at = $2 where id = $1",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::staff) async fn seen(
    conn: &mut PgConnection,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update staff_session set seen_at = $2 where id = $1",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Where the session was last refreshed from.
pub(in crate::staff) async fn moved(
    conn: &mut PgConnection,
    id: SessionId,
    address: &str,
    device: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update staff_session set address = $2, device = $3, seen_at = $4 where id = $1",
        id.0,
        address,
        device,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One token of a family.
pub(in crate::staff) struct Refresh {
    pub session: SessionId,
    pub place: i32,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
}

pub(in crate::staff) async fn insert_refresh(
    conn: &mut PgConnection,
    hash: &[u8; 32],
    refresh: &Refresh,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into staff_refresh (hash, session_id, place, issued_at, expires_at) values ($1, $2, $3, $4, $5)",
        hash.as_slice(),
        refresh.session.0,
        refresh.place,
        now,
        refresh.expires_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(in crate::staff) async fn refresh(
    conn: &mut PgConnection,
    hash: &[u8; 32],
) -> Result<Option<Refresh>, Fault> {
    let row = sqlx::query!(
        "select session_id, place, expires_at, used_at from staff_refresh where hash = $1",
        hash.as_slice()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Refresh {
        session: SessionId(row.session_id),
        place: row.place,
        expires_at: row.expires_at,
        used_at: row.used_at,
    }))
}

pub(in crate::staff) async fn refresh_used(
    conn: &mut PgConnection,
    hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update staff_refresh set used_at = $2 where hash = $1",
        hash.as_slice(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

struct SessionRow {
    id: Uuid,
    account_id: Uuid,
    began_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    seen_at: DateTime<Utc>,
    factor_at: DateTime<Utc>,
    address: String,
    device: String,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Session {
        Session {
            id: SessionId(row.id),
            account: AccountId(row.account_id),
            began_at: row.began_at,
            ends_at: row.ends_at,
            seen_at: row.seen_at,
            factor_at: row.factor_at,
            address: row.address,
            device: row.device,
        }
    }
}
