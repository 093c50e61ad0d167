//! The SQL of evidence.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::fault::Fault;
use crate::payouts::evidence::{Evidence, Source};
use crate::payouts::model::AttemptId;

/// A body as it came, before anybody reads it.
pub(in crate::payouts) struct NewEvidence<'a> {
    pub attempt: AttemptId,
    pub source: Source,
    pub provider_id: &'a str,
    pub content_hash: &'a [u8],
    pub body: &'a [u8],
    pub trusted: bool,
    pub at: DateTime<Utc>,
}

/// Returns the row's id, and whether it still has to be applied. A repetition only counts the copies.
pub(in crate::payouts) async fn insert_evidence(
    conn: &mut PgConnection,
    new: NewEvidence<'_>,
) -> Result<(i64, bool), Fault> {
    let row = sqlx::query!(
        "insert into payout_evidence (attempt_id, source, provider_id, content_hash, body, trusted, received_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (source, provider_id, content_hash, trusted) do update set copies = payout_evidence.copies + 1
         returning id, applied_at",
        new.attempt.0,
        new.source.as_str(),
        new.provider_id,
        new.content_hash,
        new.body,
        new.trusted,
        new.at
    )
    .fetch_one(conn)
    .await?;
    Ok((row.id, row.applied_at.is_none()))
}

pub(in crate::payouts) struct EvidenceRow {
    pub attempt: AttemptId,
    pub source: Source,
    pub body: Vec<u8>,
    pub trusted: bool,
    pub is_applied: bool,
}

pub(in crate::payouts) async fn evidence(
    conn: &mut PgConnection,
    id: i64,
) -> Result<Option<EvidenceRow>, Fault> {
    let row = sqlx::query!(
        "select attempt_id, source, body, trusted, applied_at from payout_evidence where id = $1",
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let source = Source::parse(&row.source)
            .ok_or_else(|| Fault::broken(format!("payout evidence {id}: its source")))?;
        Ok(EvidenceRow {
            attempt: AttemptId(row.attempt_id),
            source,
            body: row.body,
            trusted: row.trusted,
            is_applied: row.applied_at.is_some(),
        })
    })
    .transpose()
}

/// Keeps what a body says. False when somebody else has done so.
pub(in crate::payouts) async fn understand(
    conn: &mut PgConnection,
    id: i64,
    said: &serde_json::Value,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let kept = sqlx::query!(
        "update payout_evidence set said = $2, applied_at = $3 where id = $1 and applied_at is null",
        id,
        said,
        now
    )
    .execute(conn)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Everything that has been understood about an attempt.
pub(in crate::payouts) async fn evidence_of(
    conn: &mut PgConnection,
    attempt: AttemptId,
) -> Result<Vec<Evidence>, Fault> {
    let rows = sqlx::query!(
        r#"select said as "said!", trusted, received_at from payout_evidence
           where attempt_id = $1 and said is not null order by id"#,
        attempt.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Evidence {
                at: row.received_at,
                trusted: row.trusted,
                said: serde_json::from_value(row.said)?,
            })
        })
        .collect()
}
