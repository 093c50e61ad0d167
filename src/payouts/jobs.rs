//! What payouts do later: hand over, look again, read what has arrived. No call is made with a transaction open.

use std::sync::Arc;

use chrono::TimeDelta;
use sqlx::PgPool;

use super::asking::{self, AttendAttempt, ReadEvidence, SendPayout};
use super::evidence::{Said, Source};
use super::hearing;
use super::rules::Rules;
use super::sending::{self, Readiness};
use super::{brake, settling, store};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::integrations::mpesa::{self, MpesaClient, TokenTrouble};
use crate::telemetry::metric;
use crate::work::{Actor, Work};

/// What the handlers stand on.
#[derive(Clone)]
pub struct PayoutsDesk {
    pub pool: PgPool,
    pub clock: Clock,
    pub mpesa: MpesaClient,
    pub rules: Arc<Rules>,
}

/// Why a job was not done; the worker runs it again.
#[derive(Debug, thiserror::Error)]
pub enum Undone {
    #[error("to be tried again: {why}")]
    Later { after: TimeDelta, why: &'static str },
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl PayoutsDesk {
    async fn begin(&self) -> Result<Work, Fault> {
        Work::begin(&self.pool, self.clock.now(), Actor::System).await
    }
}

/// Hands a payout to M-PESA. It is marked and committed before the call, so that whatever happens in between, nobody hands
/// it over again.
pub async fn send(desk: &PayoutsDesk, job: SendPayout) -> Result<(), Undone> {
    // The call is not spent on finding out that there is no access token.
    if let Err(trouble) = desk.mpesa.ready().await {
        let why = match trouble {
            TokenTrouble::Credentials => "Daraja refuses our consumer key or secret",
            TokenTrouble::Outage => "no access token",
        };
        let mut work = desk.begin().await?;
        brake::pause(&mut work, TOKEN_RETRY, why).await?;
        work.commit().await?;
        tracing::error!(target: "financial", why, "Payouts wait");
    }
    let mut work = desk.begin().await?;
    let readiness = sending::begin_send(&mut work, &desk.rules, job.payout).await?;
    let now = work.now;
    work.commit().await?;
    let order = match readiness {
        Readiness::Go(order) => order,
        Readiness::Over => return Ok(()),
        Readiness::Wait { until, why } => {
            return Err(Undone::Later {
                after: until - now,
                why,
            });
        }
    };
    let (heard, answer) = desk.mpesa.pay_out(&order).await;
    let mut work = desk.begin().await?;
    hearing::answered(&mut work, &desk.rules, &order, &heard.raw(), answer).await?;
    Ok(work.commit().await?)
}

const TOKEN_RETRY: TimeDelta = TimeDelta::seconds(60);

/// Looks at an attempt again because time has passed, and asks M-PESA about it if a question is due.
pub async fn attend(desk: &PayoutsDesk, job: AttendAttempt) -> Result<(), Undone> {
    let mut work = desk.begin().await?;
    let applied = settling::apply(&mut work, &desk.rules, job.attempt).await?;
    let question = match &applied.ask {
        Some(attempt) => Some(sending::begin_question(&mut work, attempt).await?),
        None => None,
    };
    work.commit().await?;
    let Some(question) = question else {
        return Ok(());
    };
    let (heard, answer) = desk.mpesa.ask_about_payout(&question).await;
    let mut work = desk.begin().await?;
    hearing::question_answered(&mut work, &desk.rules, job.attempt, &heard.raw(), answer).await?;
    Ok(work.commit().await?)
}

/// Reads a stored body and draws the conclusions.
pub async fn read_evidence(desk: &PayoutsDesk, job: ReadEvidence) -> Result<(), Undone> {
    let mut work = desk.begin().await?;
    let Some(unread) = hearing::unread(work.conn(), job.evidence).await? else {
        return Ok(());
    };
    let said = match unread.source {
        Source::Result => mpesa::read_payment_result(&unread.body),
        // The path decides: such a notice carries codes that mean something else in a result.
        Source::Timeout => Said::QueueTimeout,
        Source::QuestionResult => mpesa::read_status_result(&unread.body),
        // Direct answers are read where they are heard; one that was not is worth nothing now.
        Source::Answer | Source::QuestionAnswer | Source::Person => Said::Unreadable,
    };
    hearing::understand(&mut work, &desk.rules, job.evidence, said).await?;
    Ok(work.commit().await?)
}

/// Writes down again whatever should have happened by now and has not, and says how the rail stands. To be run about once
/// a minute.
pub async fn sweep(desk: &PayoutsDesk) -> Result<(), Fault> {
    let mut work = desk.begin().await?;
    asking::sweep(&mut work).await?;
    let brake = store::brake(work.conn()).await?;
    metric::payouts_stopped(brake.stopped.is_some());
    if let Some((since, why)) = &brake.stopped {
        tracing::error!(target: "financial", %since, why, "All payouts are still stopped: `kwastage payouts resume` when it is mended");
    }
    work.commit().await
}
