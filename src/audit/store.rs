//! The tables `audit_entry`, `audit_unsealed` and `audit_seal`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::chain::Digest;
use super::model::{Act, Actor, Entry, Filter, Trail};
use super::service::Anchor;
use crate::fault::Fault;
use crate::stages::StageId;

/// The sealers' turn; any number that nothing else locks.
const SEALING: i64 = 0x0061_7564_6974;

pub(super) async fn insert(
    conn: &mut PgConnection,
    trail: &Trail,
    act: &Act,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into audit_entry (at, actor_kind, actor_id, actor_name, address, request_id, action, subject, stage_id, before, after, why)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        now,
        trail.actor.kind(),
        trail.actor.id(),
        trail.actor.name(),
        trail.address,
        trail.request,
        act.action,
        act.subject,
        act.stage.map(|stage| stage.0),
        act.before,
        act.after,
        act.why
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lines, the newest first.
pub async fn entries(
    conn: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Entry>, Fault> {
    let rows = sqlx::query_as!(
        EntryRow,
        "select id, at, actor_kind, actor_id, actor_name, address, request_id, action, subject, stage_id, before, after, why
         from audit_entry
         where ($1::text is null or subject = $1) and ($2::uuid is null or actor_id = $2)
           and ($3::text is null or action = $3) and ($4::bigint is null or id < $4)
         order by id desc limit $5",
        filter.subject,
        filter.actor,
        filter.action,
        filter.before,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Entry::try_from).collect()
}

/// Holds off other sealers until the end of the work.
pub(super) async fn take_turn(conn: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query_scalar!("select pg_advisory_xact_lock($1)::text", SEALING)
        .fetch_one(conn)
        .await?;
    Ok(())
}

/// Entries without a seal, with their fields as they are sealed; they wait no longer.
pub(super) async fn waiting(
    conn: &mut PgConnection,
    limit: i64,
) -> Result<Vec<(i64, Vec<Option<String>>)>, Fault> {
    let ids = sqlx::query_scalar!(
        "delete from audit_unsealed where entry_id in (select entry_id from audit_unsealed order by entry_id limit $1)
         returning entry_id",
        limit
    )
    .fetch_all(&mut *conn)
    .await?;
    let rows = sqlx::query!(
        r#"select id, array[id::text, (extract(epoch from at) * 1000000)::bigint::text, actor_kind, actor_id::text, actor_name, address,
                  request_id::text, action, subject, stage_id::text, before::text, after::text, why] as "fields!: Vec<Option<String>>"
           from audit_entry where id = any($1) order by id"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.fields)).collect())
}

pub(super) async fn waiting_count(conn: &mut PgConnection) -> Result<i64, Fault> {
    let count = sqlx::query_scalar!(r#"select count(*) as "count!" from audit_unsealed"#)
        .fetch_one(conn)
        .await?;
    Ok(count)
}

/// Entries that no seal covers and that do not wait for one.
pub(super) async fn unaccounted(conn: &mut PgConnection) -> Result<i64, Fault> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from audit_entry entry
           where not exists (select from audit_seal where entry_id = entry.id)
             and not exists (select from audit_unsealed where entry_id = entry.id)"#
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}

pub(super) async fn insert_seal(
    conn: &mut PgConnection,
    place: i64,
    entry: i64,
    previous: Digest,
    digest: Digest,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into audit_seal (place, entry_id, previous, digest, sealed_at) values ($1, $2, $3, $4, $5)",
        place,
        entry,
        previous.0.as_slice(),
        digest.0.as_slice(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn head(conn: &mut PgConnection) -> Result<Option<Anchor>, Fault> {
    let row = sqlx::query!("select place, digest from audit_seal order by place desc limit 1")
        .fetch_optional(conn)
        .await?;
    row.map(|row| {
        Ok(Anchor {
            place: row.place,
            digest: read(&row.digest, row.place)?,
        })
    })
    .transpose()
}

/// A seal with the fields of its entry as they are now.
pub(super) struct Link {
    pub place: i64,
    pub previous: Digest,
    pub digest: Digest,
    pub fields: Vec<Option<String>>,
}

pub(super) async fn chain_after(
    conn: &mut PgConnection,
    place: i64,
    limit: i64,
) -> Result<Vec<Link>, Fault> {
    let rows = sqlx::query!(
        r#"select place, previous, digest,
                  array[id::text, (extract(epoch from at) * 1000000)::bigint::text, actor_kind, actor_id::text, actor_name, address,
                  request_id::text, action, subject, stage_id::text, before::text, after::text, why] as "fields!: Vec<Option<String>>"
           from audit_seal left join audit_entry on id = entry_id
           where place > $1 order by place limit $2"#,
        place,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Link {
                place: row.place,
                previous: read(&row.previous, row.place)?,
                digest: read(&row.digest, row.place)?,
                fields: row.fields,
            })
        })
        .collect()
}

fn read(bytes: &[u8], place: i64) -> Result<Digest, Fault> {
    let bytes = bytes.try_into();
    let bytes =
        bytes.map_err(|_| Fault::broken(format!("audit_seal {place} has no proper digest")))?;
    Ok(Digest(bytes))
}

struct EntryRow {
    id: i64,
    at: DateTime<Utc>,
    actor_kind: String,
    actor_id: Option<Uuid>,
    actor_name: String,
    address: Option<String>,
    request_id: Option<Uuid>,
    action: String,
    subject: String,
    stage_id: Option<i32>,
    before: Option<Value>,
    after: Option<Value>,
    why: Option<String>,
}

impl TryFrom<EntryRow> for Entry {
    type Error = Fault;

    fn try_from(row: EntryRow) -> Result<Entry, Fault> {
        let name = row.actor_name;
        let actor = match (row.actor_kind.as_str(), row.actor_id) {
            ("person", Some(id)) => Actor::Person { id, name },
            ("key", Some(id)) => Actor::Key { id, name },
            ("terminal", None) => Actor::Terminal { name },
            _ => {
                return Err(Fault::broken(format!(
                    "audit_entry {} has no proper actor",
                    row.id
                )));
            }
        };
        Ok(Entry {
            id: row.id,
            at: row.at,
            actor,
            address: row.address,
            request: row.request_id,
            action: row.action,
            subject: row.subject,
            stage: row.stage_id.map(StageId),
            before: row.before,
            after: row.after,
            why: row.why,
        })
    }
}
