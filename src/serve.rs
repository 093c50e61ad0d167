//! Joins every room's routes into one router and every room's later deeds into one set of workers. Decides nothing.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context;
use axum::extract::{FromRef, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Extension, Router};
use chrono::TimeDelta;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;

use crate::answering::answer_sms;
use crate::api;
use crate::app::{App, load_menus};
use crate::channels;
use crate::channels::pay::daraja::{Door, PaymentsState};
use crate::channels::sms::africastalking::MessagesState;
use crate::channels::sms::twilio::TwilioState;
use crate::channels::voice::africastalking::CallsState;
use crate::emergencies::jobs::{CallUndone, EmergencyDesk, Nightly};
use crate::emergencies::{self, Desks, PlaceCall, Plan};
use crate::fault::Fault;
use crate::http::health::{self, Health, Integration, Queue, Status};
use crate::http::{self, WebhookKeys};
use crate::integrations::{SmsClient, sms_file};
use crate::jobs::{self, JobFailure, Registry, Worker};
use crate::messages::{self, Class, LaneStats, Outlets, Pace, Routes, Sender};
use crate::payments::jobs::{PaymentsDesk, Undone};
use crate::payouts::jobs::PayoutsDesk;
use crate::payouts::{ReadEvidence, SendPayout};
use crate::primitives::{Carrier, Msisdn};
use crate::reconciling::{self, ReconcilingDesk};
use crate::telemetry::{SECURITY, metric};
use crate::work::{Actor, Work};
use crate::{
    audit, broadcasts, conversation, dues, forgetting, fund_news, insurance, ledger, loans,
    payments, payouts, receipts, recovery, schedules, settlement, welcome,
};

/// A file takes whatever comes.
const SMS_FILE_SEGMENTS_PER_SECOND: u32 = 10_000;

/// Which halves of the product a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Answers webhooks.
    pub gateway: bool,
    /// Does jobs and sends messages.
    pub worker: bool,
}

/// Is the product until `stop`: listens, works, and ends with nothing half done.
///
/// # Errors
/// The address is taken or the listener fails.
pub async fn run(
    app: App,
    roles: Roles,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let tasks = TaskTracker::new();
    tasks.spawn(until(stop.clone(), metric::keep_folding(metrics.clone())));
    tasks.spawn(until(stop.clone(), reload_when_asked(app.clone())));
    if roles.worker {
        let registry = Arc::new(registry(&app));
        tasks.spawn(Worker::default().run(
            app.pool.clone(),
            app.clock.clone(),
            registry,
            app.clone(),
            stop.clone(),
        ));
        tasks.spawn(sender(&app).run(stop.clone()));
    }
    let served = if roles.gateway {
        app.spool.open().await.context("emergencies.spool")?;
        tasks.spawn(app.spool.clone().run(app.pool.clone(), stop.clone()));
        let bind: SocketAddr = app.config.http.bind;
        let listener = TcpListener::bind(bind)
            .await
            .with_context(|| format!("listening on {bind}"))?;
        tracing::info!(%bind, "Listening");
        http::serve(
            listener,
            router(app.clone())
                .layer(Extension(stop.clone()))
                .merge(metrics_page(metrics)),
            stop.clone(),
        )
        .await
    } else {
        stop.cancelled().await;
        Ok(())
    };
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    app.journal.flush().await;
    served.context("serving")
}

async fn until(stop: CancellationToken, task: impl Future<Output = ()>) {
    stop.run_until_cancelled(task).await;
}

/// Reads the menus again at each SIGHUP. Mistakes are logged and the menus in use stay.
async fn reload_when_asked(app: App) {
    let Ok(mut asked) = signal(SignalKind::hangup()) else {
        tracing::warn!("SIGHUP cannot be heard: menus change with a restart only");
        return;
    };
    while asked.recv().await.is_some() {
        match load_menus(&app.config) {
            Ok(menus) => {
                tracing::info!(version = %menus.digest(), "Took the menus anew");
                app.menus.publish(menus);
            }
            Err(mistakes) => {
                tracing::error!("The menus stay as they are: {mistakes:#}");
            }
        }
    }
}

/// Every route but `/metrics`.
pub fn router(app: App) -> Router {
    let keys = WebhookKeys::new(&app.config.http.webhook_keys);
    let webhooks = Router::new()
        .merge(channels::sms::africastalking::routes())
        .merge(channels::voice::africastalking::routes())
        .merge(channels::sms::twilio::routes())
        .merge(channels::pay::daraja::routes())
        .route_layer(from_fn(http::to_the_end))
        // A hop is a task of its own already, because it may have to outlive its budget.
        .merge(channels::ussd::africastalking::routes())
        .route_layer(from_fn_with_state(keys, http::require_webhook_key));
    let operation = Router::new()
        .route("/health", get(health::alive))
        .route("/health/db", get(health_of_database))
        .route("/health/redis", get(health_of_redis))
        .route("/health/jobs", get(health_of_jobs))
        .route("/health/integrations", get(health_of_integrations));
    webhooks
        .merge(operation)
        .merge(api::routes(&app))
        .merge(channels::proof::routes())
        .layer(from_fn(http::identify))
        .layer(CatchPanicLayer::new())
        .with_state(app)
}

fn metrics_page(metrics: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(async move || metric::page(&metrics)))
}

/// Everything that happens later, by name.
pub fn registry(app: &App) -> Registry<App> {
    let desk = payments_desk(app);
    let sweeping = desk.clone();
    let reconciling = reconciling_desk(app);
    let mut registry = Registry::new();
    registry
        .on(at(&desk, |desk, job| async move {
            payments::jobs::push(&desk, job).await
        }))
        .on(at(&desk, |desk, job| async move {
            payments::jobs::attend(&desk, job).await
        }))
        .on(at(&desk, |desk, job| async move {
            payments::jobs::apply_evidence(&desk, job).await
        }))
        .on(answer_sms)
        .on(emergencies::follow_up::tell_details)
        .on(emergencies::follow_up::ask_nearby)
        .on(broadcasts::jobs::write_recipients)
        .every("payments.sweep", TimeDelta::minutes(1), move |_| {
            let desk = sweeping.clone();
            async move { payments::jobs::sweep(&desk).await }
        })
        .every(
            "members.number",
            TimeDelta::seconds(2),
            welcome::number_members,
        )
        .every("receipts.number", TimeDelta::seconds(5), number_receipts)
        .every("reconciling.look", TimeDelta::minutes(15), move |_| {
            let desk = reconciling.clone();
            async move { reconciling::jobs::look(&desk).await }
        })
        .every("ledger.roll", TimeDelta::seconds(5), roll_ledger)
        // Ten million postings take both cores for the better part of a minute.
        .every("ledger.verify", TimeDelta::hours(1), verify_ledger)
        .every(
            "broadcasts.tell",
            TimeDelta::seconds(10),
            broadcasts::jobs::tell_senders,
        )
        .every("queues.count", TimeDelta::seconds(5), count_queues)
        .every("duty.gaps", TimeDelta::minutes(1), warn_of_duty_gaps)
        .every(
            "emergencies.close",
            TimeDelta::minutes(30),
            close_resolved_emergencies,
        )
        .every("phones.move", TimeDelta::seconds(30), move_phones)
        .every("membership.tend", TimeDelta::minutes(5), dues::tend)
        .every(
            "insurance.attend",
            TimeDelta::minutes(1),
            insurance::jobs::attend,
        )
        .every("rows.forget", TimeDelta::hours(1), forgetting::forget_old)
        .every("audit.seal", TimeDelta::seconds(5), seal_audit)
        .every("audit.note", TimeDelta::minutes(15), note_audit_head)
        .every("audit.verify", TimeDelta::hours(24), verify_audit);
    on_emergencies(app, &mut registry);
    on_payouts(app, &mut registry);
    on_plans(&mut registry);
    on_loans(&mut registry);
    registry
}

/// Due days, arrears, and what members hear of their funds.
fn on_plans(registry: &mut Registry<App>) {
    registry
        .every(
            "schedules.due_days",
            TimeDelta::minutes(1),
            schedules::jobs::look_at_due_days,
        )
        .every(
            "schedules.arrears",
            TimeDelta::minutes(1),
            schedules::jobs::remind_of_arrears,
        )
        .every(
            "fund.announce",
            TimeDelta::seconds(10),
            fund_news::announce_payouts,
        )
        .every(
            "suspense.flag",
            TimeDelta::hours(1),
            settlement::flag_unclaimed,
        )
        .every("fund.months", TimeDelta::hours(1), fund_news::close_months);
}

/// Requests that expire, and the daily round.
fn on_loans(registry: &mut Registry<App>) {
    registry
        .every(
            "loans.expire",
            TimeDelta::minutes(1),
            loans::jobs::expire_requests,
        )
        .every(
            "loans.round",
            TimeDelta::minutes(5),
            loans::jobs::daily_round,
        );
}

/// The answer clock, its calls, the drill of the night, and the promise.
fn on_emergencies(app: &App, registry: &mut Registry<App>) {
    let desk = emergency_desk(app);
    let (calling, drilling, counting) = (desk.clone(), desk.clone(), desk.clone());
    registry
        .on(move |_, job: PlaceCall| {
            let desk = calling.clone();
            async move {
                let placed = emergencies::jobs::place_call(&desk, job).await;
                placed.map_err(JobFailure::from)
            }
        })
        .every("emergencies.clock", TimeDelta::seconds(1), move |_| {
            let desk = desk.clone();
            async move { emergencies::jobs::tick(&desk).await }
        })
        .every("emergencies.drill", TimeDelta::seconds(5), move |_| {
            let desk = drilling.clone();
            async move { emergencies::jobs::drills(&desk).await }
        })
        .every("emergencies.promise", TimeDelta::minutes(1), move |_| {
            let desk = counting.clone();
            async move { emergencies::jobs::count_promise(&desk).await }
        });
}

/// Money on its way out.
fn on_payouts(app: &App, registry: &mut Registry<App>) {
    let desk = payouts_desk(app);
    let (attending, reading, sweeping) = (desk.clone(), desk.clone(), desk.clone());
    registry
        .on(move |_, job: SendPayout| {
            let desk = desk.clone();
            async move {
                let sent = payouts::jobs::send(&desk, job).await;
                sent.map_err(JobFailure::from)
            }
        })
        .on(move |_, job: payouts::AttendAttempt| {
            let desk = attending.clone();
            async move {
                let attended = payouts::jobs::attend(&desk, job).await;
                attended.map_err(JobFailure::from)
            }
        })
        .on(move |_, job: ReadEvidence| {
            let desk = reading.clone();
            async move {
                let read = payouts::jobs::read_evidence(&desk, job).await;
                read.map_err(JobFailure::from)
            }
        })
        .every("payouts.sweep", TimeDelta::minutes(1), move |_| {
            let desk = sweeping.clone();
            async move { payouts::jobs::sweep(&desk).await }
        });
}

fn payouts_desk(app: &App) -> PayoutsDesk {
    PayoutsDesk {
        pool: app.pool.clone(),
        clock: app.clock.clone(),
        mpesa: app.mpesa.clone(),
        rules: Arc::new(app.payout_rules.clone()),
    }
}

/// What the answer clock, calls and drills work with.
pub fn emergency_desk(app: &App) -> EmergencyDesk {
    let config = &app.config.emergencies;
    EmergencyDesk {
        pool: app.pool.clone(),
        clock: app.clock.clone(),
        desks: desks(app),
        plan: Plan::from(config),
        voice: app.voice.clone(),
        our_number: Msisdn::parse(&app.config.africastalking.voice_number).ok(),
        nightly: Nightly {
            phone: config.drill_phone.clone(),
            hour: config.drill_hour,
            patience: config.drill_link,
            answer_wanted: config.drill_answers,
        },
    }
}

fn desks(app: &App) -> Desks {
    Desks::of(
        &app.config.emergencies,
        app.menus.current().default_language(),
    )
}

/// A deed done at the payments desk, as the registry wants it.
fn at<J, Deed, Doing>(
    desk: &PaymentsDesk,
    deed: Deed,
) -> impl Fn(App, J) -> Pin<Box<dyn Future<Output = Result<(), JobFailure>> + Send>>
+ Send
+ Sync
+ use<J, Deed, Doing>
where
    Deed: Fn(PaymentsDesk, J) -> Doing + Send + Sync,
    Doing: Future<Output = Result<(), Undone>> + Send + 'static,
{
    let desk = desk.clone();
    move |_, job| {
        let doing = deed(desk.clone(), job);
        Box::pin(async move { doing.await.map_err(JobFailure::from) })
    }
}

/// The sender of everything in the outbox.
pub fn sender(app: &App) -> Sender {
    let (config, sms) = (&app.config, &app.config.sms);
    let routes = Routes::new(|class| match class {
        Class::Emergency => sms.routes.emergency.clone(),
        Class::Money => sms.routes.money.clone(),
        Class::Service => sms.routes.service.clone(),
        Class::Promotion => sms.routes.promotion.clone(),
    });
    let clients = vec![
        (
            SmsClient::AfricasTalking(app.africastalking.clone()),
            config.africastalking.segments_per_second,
        ),
        (
            SmsClient::Twilio(app.twilio.clone()),
            config.twilio.segments_per_second,
        ),
        (
            SmsClient::File(sms_file::Client::new(sms.file.clone())),
            SMS_FILE_SEGMENTS_PER_SECOND,
        ),
    ];
    let pace = Pace {
        report_within: TimeDelta::from_std(sms.report_within)
            .unwrap_or(Pace::default().report_within),
        quiet: app.quiet_hours(),
        ..Pace::default()
    };
    Sender::new(
        app.pool.clone(),
        app.clock.clone(),
        app.templates.clone(),
        Outlets::new(clients, routes, app.breakers.clone(), pace),
    )
}

/// What days are compared with.
pub fn reconciling_desk(app: &App) -> ReconcilingDesk {
    ReconcilingDesk {
        payments: payments_desk(app),
    }
}

fn payments_desk(app: &App) -> PaymentsDesk {
    let (settling, looking) = (app.clone(), app.clone());
    PaymentsDesk::new(
        app.pool.clone(),
        app.clock.clone(),
        app.mpesa.clone(),
        app.payment_rules.clone(),
        Arc::new(move |work, news| {
            let app = settling.clone();
            Box::pin(async move { settlement::settle(&app, work, news).await })
        }),
        Arc::new(move |msisdn| {
            let app = looking.clone();
            Box::pin(async move {
                let mut conn = app.pool.acquire().await?;
                conversation::has_open_session(&mut conn, &msisdn, app.clock.now()).await
            })
        }),
    )
}

impl From<CallUndone> for JobFailure {
    fn from(undone: CallUndone) -> JobFailure {
        match undone {
            CallUndone::NotReached { again_after } => {
                JobFailure::retry_after(again_after, "the voice provider was not reached")
            }
            CallUndone::Fault(fault) => JobFailure::Fault(fault),
        }
    }
}

impl From<payouts::jobs::Undone> for JobFailure {
    fn from(undone: payouts::jobs::Undone) -> JobFailure {
        match undone {
            payouts::jobs::Undone::Later { after, why } => JobFailure::retry_after(after, why),
            payouts::jobs::Undone::Fault(fault) => JobFailure::Fault(fault),
        }
    }
}

impl From<Undone> for JobFailure {
    fn from(undone: Undone) -> JobFailure {
        match undone {
            Undone::Later { after, why } => JobFailure::retry_after(after, why),
            Undone::Fault(fault) => JobFailure::Fault(fault),
        }
    }
}

async fn number_receipts(app: App) -> Result<(), Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    receipts::number_pending(&mut work).await?;
    work.commit().await
}

async fn warn_of_duty_gaps(app: App) -> Result<(), Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    emergencies::warn_of_gaps(&mut work).await?;
    work.commit().await
}

async fn close_resolved_emergencies(app: App) -> Result<(), Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    emergencies::close_resolved(&mut work).await?;
    work.commit().await
}

/// Members move to their new numbers, each in a transaction of its own.
async fn move_phones(app: App) -> Result<(), Fault> {
    loop {
        let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
        let moved = recovery::move_next(&mut work).await?;
        work.commit().await?;
        if !moved {
            return Ok(());
        }
    }
}

async fn roll_ledger(app: App) -> Result<(), Fault> {
    ledger::roll_due(&app.pool).await.map(drop)
}

/// A ledger that does not add up is the loudest thing there is.
async fn verify_ledger(app: App) -> Result<(), Fault> {
    let report = ledger::verify_whole(&app.pool).await?;
    metric::ledger_drift(report.drift);
    if !report.is_sound() {
        tracing::error!(target: "financial", ?report, "The ledger does not add up");
    }
    Ok(())
}

async fn seal_audit(app: App) -> Result<(), Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    audit::seal(&mut work).await?;
    work.commit().await
}

/// Says the end of the chain where the database's owner cannot take it back: the security log is shipped away.
async fn note_audit_head(app: App) -> Result<(), Fault> {
    if let Some(head) = audit::head(&mut *app.pool.acquire().await?).await? {
        tracing::info!(target: SECURITY, %head, "The end of the audit chain");
    }
    Ok(())
}

async fn verify_audit(app: App) -> Result<(), Fault> {
    let report = audit::verify(&mut *app.pool.acquire().await?, None).await?;
    if let Some(wrong) = report.wrong {
        tracing::error!(target: SECURITY, %wrong, "The audit chain does not hold");
    }
    Ok(())
}

async fn count_queues(app: App) -> Result<(), Fault> {
    let (mut conn, now) = (app.pool.acquire().await?, app.clock.now());
    let jobs = jobs::stats(&mut conn, now).await?;
    metric::queue_depth("jobs", jobs.due.unsigned_abs());
    metric::queue_depth("jobs_given_up", jobs.given_up.unsigned_abs());
    for lane in messages::lane_stats(&mut conn, now).await? {
        metric::queue_depth(lane_name(lane.class), lane.due.unsigned_abs());
    }
    let open = payments::open_count(&mut conn).await?;
    metric::queue_depth("payments", open.unsigned_abs());
    let leaving = payouts::open_count(&mut conn).await?;
    metric::queue_depth("payouts", leaving.unsigned_abs());
    let differences = reconciling::open_count(&mut conn).await?;
    metric::queue_depth("differences", differences.unsigned_abs());
    Ok(())
}

fn lane_name(lane: Class) -> &'static str {
    match lane {
        Class::Emergency => "messages_emergency",
        Class::Money => "messages_money",
        Class::Service => "messages_service",
        Class::Promotion => "messages_promotion",
    }
}

async fn health_of_database(State(app): State<App>) -> Health {
    health::database(&app.pool).await
}

async fn health_of_redis(State(app): State<App>) -> Health {
    health::redis(&app.redis).await
}

async fn health_of_jobs(State(app): State<App>) -> Health {
    health::jobs(async {
        let stats = jobs::stats(&mut *app.pool.acquire().await?, app.clock.now()).await?;
        Ok::<_, Fault>(Queue {
            due: stats.due.unsigned_abs(),
            running: stats.running.unsigned_abs(),
            given_up: stats.given_up.unsigned_abs(),
            oldest_due_s: stats.oldest_due_seconds.unsigned_abs(),
        })
    })
    .await
}

/// The providers as our tables have last seen them, so that a gateway that sends nothing itself answers the same; and those
/// that the sender of this process passes over.
async fn health_of_integrations(State(app): State<App>) -> Health {
    let seen = async {
        let (mut conn, now) = (app.pool.acquire().await?, app.clock.now());
        let paused = payments::paused_until(&mut conn, now).await?.is_some();
        let lanes = messages::lane_stats(&mut conn, now).await?;
        Ok::<_, Fault>((paused, lanes.iter().any(LaneStats::is_held_up)))
    };
    let (pushes_paused, messages_held_up) = match seen.await {
        Ok(seen) => seen,
        Err(fault) => {
            tracing::warn!(%fault, "Could not look how the providers are");
            (true, true)
        }
    };
    let standing = |troubled| match troubled {
        true => Status::Degraded,
        false => Status::Up,
    };
    let mut seen = vec![Integration {
        name: "mpesa",
        status: standing(pushes_paused),
        passed_over_by: Vec::new(),
    }];
    let routed = Carrier::ALL
        .into_iter()
        .filter(|carrier| app.config.sms.routes.include(*carrier));
    for (place, carrier) in routed.enumerate() {
        let lanes = app.breakers.passed_over(carrier);
        seen.push(Integration {
            name: carrier.as_str(),
            // What is held up waits for the first of them, whoever it is that holds it up.
            status: standing(!lanes.is_empty() || place == 0 && messages_held_up),
            passed_over_by: lanes.into_iter().map(Class::as_str).collect(),
        });
    }
    health::integrations(seen).await
}

impl FromRef<App> for MessagesState {
    fn from_ref(app: &App) -> MessagesState {
        MessagesState {
            pool: app.pool.clone(),
            clock: app.clock.clone(),
            reports: app.reports.clone(),
            spool: app.spool.clone(),
            language: app.menus.current().default_language(),
        }
    }
}

impl FromRef<App> for CallsState {
    fn from_ref(app: &App) -> CallsState {
        CallsState {
            pool: app.pool.clone(),
            clock: app.clock.clone(),
            templates: app.templates.clone(),
            desks: desks(app),
            spool: app.spool.clone(),
        }
    }
}

impl FromRef<App> for TwilioState {
    fn from_ref(app: &App) -> TwilioState {
        TwilioState {
            reports: app.reports.clone(),
            verifier: app.twilio_verifier.clone(),
        }
    }
}

impl FromRef<App> for PaymentsState {
    fn from_ref(app: &App) -> PaymentsState {
        PaymentsState {
            pool: app.pool.clone(),
            clock: app.clock.clone(),
            door: app.door.clone(),
        }
    }
}

impl App {
    /// Who may tell us about payments.
    pub(crate) fn door(config: &crate::config::Config) -> Door {
        let published = if config.mpesa.trust_any_source {
            Vec::new()
        } else {
            config.mpesa.source_addresses.clone()
        };
        Door {
            shortcode: config.mpesa.shortcode.clone(),
            published,
            trusted_proxies: config.http.trusted_proxies,
        }
    }
}
