//! The keys of other systems.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::fault::Fault;
use crate::staff::model::{AccountId, ApiKey};
use crate::staff::permission::Permission;

/// How exactly it is remembered when a key was last used.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);

pub(in crate::staff) async fn insert(
    conn: &mut PgConnection,
    key: &ApiKey,
    hash: &[u8; 32],
    by: AccountId,
) -> Result<(), Fault> {
    let scopes: Vec<String> = key
        .scopes
        .iter()
        .map(|scope| scope.as_str().to_owned())
        .collect();
    sqlx::query!(
        "insert into api_key (id, name, hash, scopes, made_by, made_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)",
        key.id,
        key.name,
        hash.as_slice(),
        &scopes,
        by.0,
        key.made_at,
        key.expires_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The keys that still open something, the newest first.
pub async fn keys(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<ApiKey>, Fault> {
    sqlx::query_as!(
        KeyRow,
        "select id, name, scopes, made_at, expires_at, used_at from api_key
         where revoked_at is null and expires_at > $1 order by made_at desc, id limit 500",
        now
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(ApiKey::try_from)
    .collect()
}

/// The key of this digest, if it still opens something. That it came is noted.
pub(in crate::staff) async fn use_key(
    conn: &mut PgConnection,
    hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<ApiKey>, Fault> {
    let row = sqlx::query_as!(
        KeyRow,
        "select id, name, scopes, made_at, expires_at, used_at from api_key
         where hash = $1 and revoked_at is null and expires_at > $2",
        hash.as_slice(),
        now
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(key) = row.map(ApiKey::try_from).transpose()? else {
        return Ok(None);
    };
    if key.used_at.is_none_or(|used| now - used >= SEEN_EVERY) {
        sqlx::query!("update api_key set used_at = $2 where id = $1", key.id, now)
            .execute(conn)
            .await?;
    }
    Ok(Some(key))
}

/// True when it opened something until now.
pub(in crate::staff) async fn revoke(
    conn: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<ApiKey>, Fault> {
    let row = sqlx::query_as!(
        KeyRow,
        "update api_key set revoked_at = $2 where id = $1 and revoked_at is null
         returning id, name, scopes, made_at, expires_at, used_at",
        id,
        now
    )
    .fetch_optional(conn)
    .await?;
    row.map(ApiKey::try_from).transpose()
}

struct KeyRow {
    id: Uuid,
    name: String,
    scopes: Vec<String>,
    made_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    used_at: Option<DateTime<Utc>>,
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = Fault;

    fn try_from(row: KeyRow) -> Result<ApiKey, Fault> {
        let scopes: Option<Vec<Permission>> = row
            .scopes
            .iter()
            .map(|scope| Permission::parse(scope))
            .collect();
        Ok(ApiKey {
            scopes: scopes.ok_or_else(|| {
                Fault::broken(format!("api key {} has a scope nobody knows", row.id))
            })?,
            id: row.id,
            name: row.name,
            made_at: row.made_at,
            expires_at: row.expires_at,
            used_at: row.used_at,
        })
    }
}
