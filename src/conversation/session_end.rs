//! The operator's notice that a session is over, and what is known of sessions still open.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::SessionId;
use crate::app::App;
use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::telemetry::metric;
use crate::work::{Actor, Work};
use crate::{payments, primitives};

/// No operator in Kenya lets a session live longer (Africa's Talking: 180 s).
const SESSION_SECONDS_MAX: i64 = 180;

/// An end-of-session notice. It tells how the call went, and is proof of nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct SessionEnd {
    pub session: SessionId,
    pub msisdn: Msisdn,
    pub ended_at: Option<DateTime<Utc>>,
    /// `Success`, `Incomplete` or `Failed`; kept as received.
    pub status: String,
    pub cost_cents: Option<i64>,
    pub duration_ms: Option<i64>,
    pub hops: Option<i32>,
    /// Only with `Failed`: our own answer was not accepted.
    pub error: Option<String>,
}

/// Keeps the first notice of a session and lets a waiting M-PESA prompt go sooner: the phone is free now.
pub async fn session_ended(app: &App, end: SessionEnd) {
    metric::session_ended(&end.status);
    if let Some(error) = &end.error {
        tracing::error!(error, "The operator did not accept an answer of ours");
    }
    if let Err(fault) = note(app, &end).await {
        tracing::warn!(%fault, "An end-of-session notice could not be kept");
    }
}

async fn note(app: &App, end: &SessionEnd) -> Result<(), Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    let now = work.now;
    let fresh = sqlx::query!(
        "insert into session_end (session_id, msisdn, ended_at, received_at, status, cost_cents, duration_ms, hops, error)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (session_id) do nothing",
        end.session.as_str(),
        end.msisdn.digits(),
        end.ended_at,
        now,
        end.status,
        end.cost_cents,
        end.duration_ms,
        end.hops,
        end.error
    )
    .execute(work.conn())
    .await?;
    if fresh.rows_affected() == 1 {
        payments::session_ended(&mut work, &app.payment_rules, end.session.as_str(), now).await?;
    }
    work.commit().await
}

/// True while this phone is, as far as we know, on a call with us: an M-PESA prompt could not be shown.
pub async fn has_open_session(
    conn: &mut PgConnection,
    msisdn: &primitives::Msisdn,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let since = now - TimeDelta::seconds(SESSION_SECONDS_MAX);
    let open = sqlx::query_scalar!(
        r#"select exists (
             select 1
             from (select distinct on (session_id) session_id, outcome from hop
                   where msisdn = $1 and at > $2 and outcome <> 'repeated'
                   order by session_id, step desc, id desc) latest
             where latest.outcome in ('shown', 'rebuilt', 'missed')
               and not exists (select 1 from session_end over where over.session_id = latest.session_id)
           ) as "open!""#,
        msisdn.digits(),
        since
    )
    .fetch_one(conn)
    .await?;
    Ok(open)
}
