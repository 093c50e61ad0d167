//! What the operators say became of our messages. A report moves a message forward, never back.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use super::{MessageId, store};
use crate::fault::Fault;
use crate::primitives::Msisdn;

/// One delivery report.
#[derive(Clone, Debug)]
pub struct Report {
    pub provider: &'static str,
    pub provider_message_id: String,
    pub msisdn: Option<Msisdn>,
    /// In the provider's own word, as it came.
    pub status: String,
    pub reason: Option<String>,
    pub says: Says,
    /// Everything that came, by name.
    pub fields: serde_json::Value,
}

/// What a report says in our words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// On its way.
    Underway,
    Delivered,
    /// Not delivered; a later `Delivered` still wins.
    Failed,
    /// Not delivered because the person has blocked us.
    Blocked,
    /// A word we do not know: kept, and nothing changes.
    Unclear,
}

/// What came of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    Moved(MessageId),
    /// Told before, told too late, or telling nothing.
    Unchanged,
    /// It speaks of an id that we do not know, or not yet.
    Parked,
}

/// Stores a report and moves its message.
pub async fn receive(
    conn: &mut PgConnection,
    report: &Report,
    now: DateTime<Utc>,
) -> Result<Applied, Fault> {
    lock(conn, &report.provider_message_id).await?;
    let message = sqlx::query_scalar!(
        "select id from outbox where provider = $1 and provider_message_id = $2",
        report.provider,
        report.provider_message_id
    )
    .fetch_optional(&mut *conn)
    .await?;
    let stored = sqlx::query_scalar!(
        "insert into delivery_report (received_at, provider, provider_message_id, msisdn, status, reason, says, fields, message_id)
         values ($1, $2, $3, $4, left($5, 60), left($6, 100), $7, $8, $9)
         on conflict (provider, provider_message_id, status) do nothing returning id",
        now,
        report.provider,
        report.provider_message_id,
        report.msisdn.as_ref().map(Msisdn::digits),
        report.status,
        report.reason,
        report.says.as_str(),
        report.fields,
        message
    )
    .fetch_optional(&mut *conn)
    .await?;
    match message {
        _ if stored.is_none() => Ok(Applied::Unchanged),
        None => Ok(Applied::Parked),
        Some(id) => {
            apply(
                conn,
                MessageId(id),
                &report.says,
                report.reason.as_deref(),
                now,
            )
            .await
        }
    }
}

/// Applies the reports that came before the id they speak of was stored. To be called where the id is stored,
/// in the same transaction.
pub(super) async fn apply_parked(
    conn: &mut PgConnection,
    provider: &str,
    provider_message_id: &str,
    id: MessageId,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let parked = sqlx::query!(
        "update delivery_report set message_id = $3
         where provider = $1 and provider_message_id = $2 and message_id is null returning says, reason",
        provider,
        provider_message_id,
        id.0
    )
    .fetch_all(&mut *conn)
    .await?;
    for report in parked {
        apply(
            conn,
            id,
            &Says::parse(&report.says),
            report.reason.as_deref(),
            now,
        )
        .await?;
    }
    Ok(())
}

/// Keeps a report and the storing of the id it speaks of apart: each must see the other.
pub(super) async fn lock(conn: &mut PgConnection, provider_message_id: &str) -> Result<(), Fault> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended($1, 7))",
        provider_message_id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Joins parked reports to messages that were handed over without an answer: same phone, tried before the
/// report came. The report waits a minute first, so that an answer on its way is stored before. Returns how many.
pub(super) async fn adopt(pool: &PgPool, now: DateTime<Utc>) -> Result<usize, Fault> {
    let mut transaction = pool.begin().await?;
    let ids = sqlx::query!(
        r#"select provider, provider_message_id, msisdn as "msisdn!", min(received_at) as "came_at!" from delivery_report
         where message_id is null and msisdn is not null and received_at between $1 and $2
         group by provider, provider_message_id, msisdn order by 4 limit 100"#,
        now - TimeDelta::hours(24),
        now - ADOPTED_AFTER
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut adopted = 0;
    for report in ids {
        lock(&mut transaction, &report.provider_message_id).await?;
        let message = sqlx::query_scalar!(
            "update outbox set provider_message_id = $2, state = 'sent', changed_at = $4
             where id = (select id from outbox
                where state = 'unknown' and provider = $1 and msisdn = $3 and provider_message_id is null
                  and exists (select from send_attempt where message_id = outbox.id and began_at <= $5)
                order by changed_at, id limit 1 for update skip locked)
             returning id",
            report.provider,
            report.provider_message_id,
            report.msisdn,
            now,
            report.came_at
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(id) = message {
            apply_parked(
                &mut transaction,
                &report.provider,
                &report.provider_message_id,
                MessageId(id),
                now,
            )
            .await?;
            adopted += 1;
        }
    }
    transaction.commit().await?;
    Ok(adopted)
}

const ADOPTED_AFTER: TimeDelta = TimeDelta::seconds(60);

async fn apply(
    conn: &mut PgConnection,
    id: MessageId,
    says: &Says,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Applied, Fault> {
    let (from, to): (&[&str], &str) = match says {
        Says::Unclear => return Ok(Applied::Unchanged),
        Says::Underway => (&["unknown"], "sent"),
        Says::Delivered => (&["unknown", "sent", "failed"], "delivered"),
        Says::Failed | Says::Blocked => (&["unknown", "sent"], "failed"),
    };
    let from: Vec<String> = from.iter().map(ToString::to_string).collect();
    let moved = sqlx::query_scalar!(
        "update outbox set state = $3, changed_at = $4, why = case when $3 = 'failed' then coalesce($5, 'not delivered') end
         where id = $1 and state = any($2) returning msisdn",
        id.0,
        &from,
        to,
        now,
        reason
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(msisdn) = moved else {
        return Ok(Applied::Unchanged);
    };
    if *says == Says::Blocked {
        let msisdn =
            Msisdn::parse(&msisdn).map_err(|_| Fault::broken(format!("outbox {id}: msisdn")))?;
        store::opt_out(conn, &msisdn, now, "blocked at the operator").await?;
    }
    Ok(Applied::Moved(id))
}

impl Says {
    fn as_str(&self) -> &'static str {
        match self {
            Says::Underway => "underway",
            Says::Delivered => "delivered",
            Says::Failed => "failed",
            Says::Blocked => "blocked",
            Says::Unclear => "unclear",
        }
    }

    fn parse(word: &str) -> Says {
        match word {
            "underway" => Says::Underway,
            "delivered" => Says::Delivered,
            "failed" => Says::Failed,
            "blocked" => Says::Blocked,
            _ => Says::Unclear,
        }
    }
}

/// How many reports speak of an id that we do not know.
pub async fn parked(conn: &mut PgConnection) -> Result<i64, Fault> {
    let parked = sqlx::query_scalar!(
        r#"select count(*) as "parked!" from delivery_report where message_id is null"#
    )
    .fetch_one(conn)
    .await?;
    Ok(parked)
}
