//! What payments do later: push, look again, read what has arrived.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use super::pace::Pacer;
use super::pushing::{self, Readiness};
use super::rules::Rules;
use super::service::{self, ApplyEvidence, AttendAttempt, PushAttempt};
use super::{Alarm, News, Pace, PaybillPayment, PushAnswer, QueryAnswer, Said, Source};
use super::{hearing, settling};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::integrations::mpesa::{self, MpesaClient, TokenTrouble};
use crate::primitives::Msisdn;
use crate::telemetry::metric;
use crate::work::{Actor, Work};

type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// Turns news into postings, receipts and messages, in the transaction that found them.
pub type Settle = Arc<dyn for<'a> Fn(&'a mut Work, Vec<News>) -> Later<'a, ()> + Send + Sync>;

/// Whether this number has a USSD session open with us: a prompt cannot appear while it has.
pub type IsInSession = Arc<dyn Fn(Msisdn) -> Later<'static, bool> + Send + Sync>;

/// What the handlers stand on.
#[derive(Clone)]
pub struct PaymentsDesk {
    pub pool: PgPool,
    pub clock: Clock,
    pub mpesa: MpesaClient,
    pub rules: Arc<Rules>,
    pub settle: Settle,
    pub is_in_session: IsInSession,
    /// Five requests a second in all, two of them questions.
    pub pushes: Arc<Mutex<Pacer>>,
    pub questions: Arc<Mutex<Pacer>>,
}

/// Why a job was not done; the worker runs it again.
#[derive(Debug, thiserror::Error)]
pub enum Undone {
    #[error("to be tried again: {why}")]
    Later { after: TimeDelta, why: &'static str },
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl PaymentsDesk {
    pub fn new(
        pool: PgPool,
        clock: Clock,
        mpesa: MpesaClient,
        rules: Rules,
        settle: Settle,
        is_in_session: IsInSession,
    ) -> PaymentsDesk {
        PaymentsDesk {
            pool,
            clock,
            mpesa,
            rules: Arc::new(rules),
            settle,
            is_in_session,
            pushes: Arc::new(Mutex::new(Pacer::per_second(3))),
            questions: Arc::new(Mutex::new(Pacer::per_second(2))),
        }
    }

    async fn begin(&self) -> Result<Work, Fault> {
        Work::begin(&self.pool, self.clock.now(), Actor::System).await
    }

    async fn settle_and_commit(&self, mut work: Work, news: Vec<News>) -> Result<(), Fault> {
        let reached: Vec<String> = news.iter().map(News::name).collect();
        if !news.is_empty() {
            (self.settle)(&mut work, news).await?;
        }
        work.commit().await?;
        reached.into_iter().for_each(metric::payment);
        Ok(())
    }

    fn take_turn(&self, pacer: &Mutex<Pacer>) -> Result<(), Undone> {
        let mut pacer = pacer
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match pacer.take(self.clock.now()) {
            Ok(()) => Ok(()),
            Err(after) => Err(Undone::Later {
                after,
                why: "our own pace",
            }),
        }
    }
}

/// Sends the prompt of an attempt, once the rider's session is over. The attempt is marked and committed before
/// the call, so that whatever happens in between it is never sent twice.
pub async fn push(desk: &PaymentsDesk, job: PushAttempt) -> Result<(), Undone> {
    wait_for_session(desk, &job).await?;
    if pushes_paused_until(desk).await?.is_none() {
        if let Err(trouble) = desk.mpesa.ready().await {
            return Err(no_token(desk, trouble, &job).await?);
        }
        desk.take_turn(&desk.pushes)?;
    }

    let mut work = desk.begin().await?;
    let order = match pushing::begin_push(&mut work, &desk.rules, job.attempt).await? {
        Readiness::Go(order) => order,
        Readiness::Over(news) => return Ok(desk.settle_and_commit(work, news).await?),
        Readiness::Wait { until, why } => {
            let after = until - work.now;
            work.commit().await?;
            return Err(Undone::Later { after, why });
        }
    };
    work.commit().await?;

    let (heard, answer) = desk.mpesa.push(&order).await;
    if let PushAnswer::NoPrompt(super::NoPrompt::SlowDown(_)) = answer {
        slow_down(&desk.pushes);
    }
    let mut work = desk.begin().await?;
    let news =
        hearing::push_answered(&mut work, &desk.rules, job.attempt, &heard.raw(), answer).await?;
    Ok(desk.settle_and_commit(work, news).await?)
}

async fn wait_for_session(desk: &PaymentsDesk, job: &PushAttempt) -> Result<(), Undone> {
    let mut conn = desk.pool.acquire().await.map_err(Fault::from)?;
    let Some((payer, not_before)) = pushing::waiting_push(&mut conn, job.attempt).await? else {
        return Ok(());
    };
    drop(conn);
    let has_waited_enough = desk.clock.now() >= not_before + desk.rules.session_wait_max;
    if !has_waited_enough && (desk.is_in_session)(payer).await? {
        return Err(Undone::Later {
            after: desk.rules.session_look_every,
            why: "the rider's session is open",
        });
    }
    Ok(())
}

/// Without a token nothing leaves; the attempt stays as it is until its mandate is over.
async fn no_token(
    desk: &PaymentsDesk,
    trouble: TokenTrouble,
    job: &PushAttempt,
) -> Result<Undone, Undone> {
    let mut work = desk.begin().await?;
    let news = pushing::expire_if_late(&mut work, &desk.rules, job.attempt).await?;
    let mut news = news.unwrap_or_default();
    let after = match trouble {
        TokenTrouble::Credentials => {
            let is_new = service::paused_until(work.conn(), desk.clock.now())
                .await?
                .is_none();
            service::pause(
                &mut work,
                TOKEN_RETRY,
                "Daraja refuses our consumer key or secret",
            )
            .await?;
            if is_new {
                news.push(News::Alarm {
                    attempt: None,
                    alarm: Alarm::Misconfigured,
                });
            }
            TOKEN_RETRY
        }
        TokenTrouble::Outage => TimeDelta::seconds(10),
    };
    desk.settle_and_commit(work, news).await?;
    Ok(Undone::Later {
        after,
        why: "no access token",
    })
}

const TOKEN_RETRY: TimeDelta = TimeDelta::seconds(60);

/// Looks at an attempt again because time has passed, and asks the provider about it if a question is due.
pub async fn attend(desk: &PaymentsDesk, job: AttendAttempt) -> Result<(), Undone> {
    let mut work = desk.begin().await?;
    let (news, question) =
        settling::attend(&mut work, &desk.rules, job.attempt, job.insist).await?;
    let paused_until = service::paused_until(work.conn(), desk.clock.now()).await?;
    desk.settle_and_commit(work, news).await?;

    let Some(checkout) = question else {
        return Ok(());
    };
    if let Some(until) = paused_until {
        return Err(Undone::Later {
            after: until - desk.clock.now(),
            why: "questions are paused",
        });
    }
    desk.take_turn(&desk.questions)?;
    let (heard, answer) = desk.mpesa.query(&checkout).await;
    let mut work = desk.begin().await?;
    if let QueryAnswer::SlowDown(pace) = answer {
        slow_down(&desk.questions);
        let length = match pace {
            Pace::Rate => desk.rules.pause_rate,
            Pace::Quota => desk.rules.pause_quota,
        };
        service::pause(&mut work, length, "asked too often").await?;
        work.commit().await?;
        return Err(Undone::Later {
            after: length,
            why: "asked too often",
        });
    }
    let news = hearing::query_answered(
        &mut work,
        &desk.rules,
        job.attempt,
        &checkout,
        &heard.raw(),
        answer,
    )
    .await?;
    Ok(desk.settle_and_commit(work, news).await?)
}

fn slow_down(pacer: &Mutex<Pacer>) {
    pacer
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .slow_down();
}

/// Reads a stored body and draws the conclusions.
pub async fn apply_evidence(desk: &PaymentsDesk, job: ApplyEvidence) -> Result<(), Undone> {
    let mut work = desk.begin().await?;
    let Some(unread) = hearing::unread(work.conn(), job.evidence).await? else {
        return Ok(());
    };
    let said = match unread.source {
        Source::Callback => mpesa::read_prompt_result(&unread.body),
        Source::Paybill => mpesa::read_paybill(&unread.body),
        // These are read where they are heard; one that was not is worth nothing now.
        Source::Push | Source::Query | Source::Records => Said::Unreadable,
    };
    let news = hearing::understand(&mut work, &desk.rules, job.evidence, said).await?;
    Ok(desk.settle_and_commit(work, news).await?)
}

/// Takes in a payment that the provider's own records name and that we lack, and draws the conclusions.
pub async fn take_in(desk: &PaymentsDesk, payment: PaybillPayment) -> Result<(), Fault> {
    let mut work = desk.begin().await?;
    let news = hearing::recorded(&mut work, &desk.rules, payment).await?;
    desk.settle_and_commit(work, news).await
}

/// Writes down again whatever should have happened by now and has not. To be run about once a minute.
pub async fn sweep(desk: &PaymentsDesk) -> Result<(), Fault> {
    let mut work = desk.begin().await?;
    service::sweep(&mut work).await?;
    work.commit().await
}

/// When pushes may leave again, if they are stopped.
pub async fn pushes_paused_until(desk: &PaymentsDesk) -> Result<Option<DateTime<Utc>>, Fault> {
    let mut conn = desk.pool.acquire().await?;
    service::paused_until(&mut conn, desk.clock.now()).await
}
