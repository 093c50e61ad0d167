//! Joins every room's routes into one router and every room's later deeds into one set of workers. Decides nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::get;
use chrono::TimeDelta;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;

use crate::answering::answer_sms;
use crate::app::{App, load_menus};
use crate::channels;
use crate::channels::pay::daraja::{Door, PaymentsState};
use crate::channels::sms::africastalking::MessagesState;
use crate::fault::Fault;
use crate::http::health::{self, Health, Integration, Queue, Status};
use crate::http::{self, WebhookKeys};
use crate::jobs::{self, JobFailure, Registry, Worker};
use crate::messages::Sender;
use crate::payments::jobs::{PaymentsDesk, Undone};
use crate::primitives::Secret;
use crate::telemetry::metric;
use crate::work::{Actor, Work};
use crate::{conversation, ledger, payments, receipts, settlement, welcome};

/// SMS segments a second the provider takes from us.
const SMS_SEGMENTS_PER_SECOND: u32 = 30;

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
        let bind: SocketAddr = app.config.http.bind;
        let listener = TcpListener::bind(bind)
            .await
            .with_context(|| format!("listening on {bind}"))?;
        tracing::info!(%bind, "Listening");
        http::serve(
            listener,
            router(app.clone()).merge(metrics_page(metrics)),
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
        .merge(channels::ussd::africastalking::routes())
        .merge(channels::sms::africastalking::routes())
        .merge(channels::pay::daraja::routes())
        .route_layer(axum::middleware::from_fn_with_state(
            keys,
            http::require_webhook_key,
        ));
    let operation = Router::new()
        .route("/health", get(health::alive))
        .route("/health/db", get(health_of_database))
        .route("/health/redis", get(health_of_redis))
        .route("/health/jobs", get(health_of_jobs))
        .route("/health/integrations", get(health_of_integrations));
    webhooks
        .merge(operation)
        .layer(axum::middleware::from_fn(http::identify))
        .layer(CatchPanicLayer::new())
        .with_state(app)
}

fn metrics_page(metrics: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(async move || metric::page(&metrics)))
}

/// Everything that happens later, by name.
pub fn registry(app: &App) -> Registry<App> {
    let desk = payments_desk(app);
    let mut registry = Registry::new();
    registry
        .on({
            let desk = desk.clone();
            move |_: App, job| {
                let desk = desk.clone();
                async move {
                    payments::jobs::push(&desk, job)
                        .await
                        .map_err(JobFailure::from)
                }
            }
        })
        .on({
            let desk = desk.clone();
            move |_: App, job| {
                let desk = desk.clone();
                async move {
                    payments::jobs::attend(&desk, job)
                        .await
                        .map_err(JobFailure::from)
                }
            }
        })
        .on({
            let desk = desk.clone();
            move |_: App, job| {
                let desk = desk.clone();
                async move {
                    payments::jobs::apply_evidence(&desk, job)
                        .await
                        .map_err(JobFailure::from)
                }
            }
        })
        .on(answer_sms)
        .every("payments.sweep", TimeDelta::minutes(1), move |_: App| {
            let desk = desk.clone();
            async move { payments::jobs::sweep(&desk).await }
        })
        .every(
            "members.number",
            TimeDelta::seconds(2),
            welcome::number_members,
        )
        .every("receipts.number", TimeDelta::seconds(5), number_receipts)
        .every("ledger.roll", TimeDelta::seconds(5), roll_ledger)
        .every("ledger.verify", TimeDelta::minutes(10), verify_ledger)
        .every("jobs.count", TimeDelta::seconds(5), count_queues);
    registry
}

/// The sender of everything in the outbox.
pub fn sender(app: &App) -> Sender {
    let client = app.africastalking.clone();
    Sender::new(
        app.pool.clone(),
        app.clock.clone(),
        app.templates.clone(),
        client,
        SMS_SEGMENTS_PER_SECOND,
    )
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

async fn roll_ledger(app: App) -> Result<(), Fault> {
    ledger::roll_due(&app.pool).await.map(drop)
}

/// A ledger that does not add up is the loudest thing there is.
async fn verify_ledger(app: App) -> Result<(), Fault> {
    let report = ledger::verify(&mut *app.pool.acquire().await?).await?;
    metric::ledger_drift(report.drift);
    if !report.is_sound() {
        tracing::error!(target: "financial", ?report, "The ledger does not add up");
    }
    Ok(())
}

async fn count_queues(app: App) -> Result<(), Fault> {
    let stats = jobs::stats(&mut *app.pool.acquire().await?, app.clock.now()).await?;
    metric::queue_depth("jobs", stats.due.unsigned_abs());
    Ok(())
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

/// Daraja as the payments have last seen it: with pushes paused, somebody should look.
async fn health_of_integrations(State(app): State<App>) -> Health {
    let paused = async {
        let mut conn = app.pool.acquire().await?;
        payments::paused_until(&mut conn, app.clock.now()).await
    };
    let mpesa = match paused.await {
        Ok(None) => Status::Up,
        Ok(Some(_)) => Status::Degraded,
        Err(_) => Status::Down,
    };
    health::integrations(vec![Integration {
        name: "mpesa",
        status: mpesa,
    }])
    .await
}

impl FromRef<App> for MessagesState {
    fn from_ref(app: &App) -> MessagesState {
        let keys = app
            .config
            .http
            .webhook_keys
            .iter()
            .map(|key| Secret::new(key.expose_secret()))
            .collect();
        MessagesState {
            pool: app.pool.clone(),
            clock: app.clock.clone(),
            keys,
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
            webhook_key: config.http.webhook_keys[0].clone(),
            shortcode: config.mpesa.shortcode.clone(),
            published,
            address_header: None,
        }
    }
}
