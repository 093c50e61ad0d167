//! What happens, as it happens: emergencies and payments by server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;

use axum::Extension;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive, KeepAliveStream};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::app::App;
use crate::events::{self, Happened, Position};
use crate::fault::Fault;
use crate::http::Problem;
use crate::staff::{self, Officer, Permission};
use crate::{emergencies, payments};

/// How often it is looked for news.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Told in one go.
const AT_ONCE: i64 = 100;
/// What a slow client may leave lying; then the feed waits for it, and the history remembers.
const UNREAD_MAX: usize = 100;
/// A feed ends when an access token would, and the client comes again from where it was.
const LOOKS_MAX: u32 = 1800;
/// Feeds open at once, over all routers of this process; more than any configuration allows.
const ROOM: usize = 1000;

type Told = ReceiverStream<Result<Event, Infallible>>;

static OPEN: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(ROOM)));

pub(super) fn resource() -> Resource {
    Resource::of("feed", "What happens, as it happens.")
        .route(Access::Needs(Permission::FollowFeed), routes!(follow))
}

/// The data of one event. Its `event` is the name, its `id` goes into `Last-Event-ID`.
#[derive(Serialize, ToSchema)]
struct News {
    #[schema(example = "emergency.raised")]
    name: String,
    at: chrono::DateTime<chrono::Utc>,
    /// The emergency, the payment or the attempt at one.
    subject: Uuid,
    #[schema(value_type = Object)]
    body: Value,
}

/// Follow emergencies and payments
///
/// Server-sent events, at most a second behind. With `Last-Event-ID` it goes on from there, so that nothing is missed. Who
/// may see no payments is told of none, and who works for one stage of that stage only. It ends after a quarter of an hour:
/// come again with a fresh token.
#[utoipa::path(get, path = "/feed", params(("last-event-id" = Option<String>, Header, example = "749-1201")),
    responses((status = 200, body = News, content_type = "text/event-stream")))]
async fn follow(
    desk: Desk,
    headers: HeaderMap,
    stop: Option<Extension<CancellationToken>>,
) -> Result<Sse<KeepAliveStream<Told>>, Problem> {
    let from = match headers.get("last-event-id") {
        None => events::position(&mut *desk.conn().await?).await?,
        Some(id) => read(id.to_str().unwrap_or_default()).ok_or_else(|| {
            refusals::invalid().with_field("last-event-id", "not one of this feed")
        })?,
    };
    let place = room(desk.app.config.api.feeds)?;
    let stop = stop.map_or_else(CancellationToken::new, |Extension(stop)| stop);
    let bearer = headers.get(header::AUTHORIZATION);
    let bearer = bearer
        .and_then(|bearer| bearer.to_str().ok())
        .unwrap_or_default();
    let bearer = bearer.split_once(' ').map_or("", |(_, token)| token).trim();
    let (tell, told) = mpsc::channel(UNREAD_MAX);
    let feed = Feed {
        app: desk.app,
        bearer: crate::primitives::Secret::new(bearer),
        officer: desk.officer,
        position: from,
        tell,
        _place: place,
    };
    tokio::spawn(async move {
        let ended = stop.run_until_cancelled(feed.run()).await;
        if let Some(Err(fault)) = ended {
            tracing::warn!(%fault, "A feed broke off");
        }
    });
    Ok(Sse::new(ReceiverStream::new(told)).keep_alive(KeepAlive::default()))
}

fn room(allowed: usize) -> Result<OwnedSemaphorePermit, Problem> {
    let full = || {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "feeds_full",
            "Too many feeds are open; try again later.",
        )
        .with_header(header::RETRY_AFTER, "30")
    };
    let taken = ROOM - OPEN.available_permits();
    if taken >= allowed {
        return Err(full());
    }
    OPEN.clone().try_acquire_owned().map_err(|_| full())
}

struct Feed {
    app: App,
    bearer: crate::primitives::Secret,
    officer: Officer,
    position: Position,
    tell: mpsc::Sender<Result<Event, Infallible>>,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    /// Until the client goes, its session ends, or the time is up.
    async fn run(mut self) -> Result<(), Fault> {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        for look in 0..LOOKS_MAX {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.tell.closed() => return Ok(()),
            }
            if !self.look().await? {
                return Ok(());
            }
            // Whoever was signed out or lost the role hears no more within seconds.
            if look % 4 == 3 && !self.is_still_theirs().await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Tells what is new; false when nobody listens.
    async fn look(&mut self) -> Result<bool, Fault> {
        let mut conn = self.app.pool.acquire().await?;
        for happened in events::behind(&mut conn, self.position, AT_ONCE).await? {
            self.position = happened.position;
            if !self.is_theirs(&mut conn, &happened).await? {
                continue;
            }
            if self.tell.send(Ok(told(happened)?)).await.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn is_theirs(
        &self,
        conn: &mut sqlx::PgConnection,
        happened: &Happened,
    ) -> Result<bool, Fault> {
        let is_emergency = happened.name.starts_with("emergency.");
        let needed = match is_emergency {
            true => Permission::ReadEmergencies,
            false => Permission::ReadPayments,
        };
        if !self.officer.may(needed) {
            return Ok(false);
        }
        if self.officer.stage().is_none() {
            return Ok(true);
        }
        let stage = match is_emergency {
            true => emergencies::stage_of(conn, happened.subject).await?,
            false => payments::stage_of(conn, happened.subject).await?,
        };
        Ok(self.officer.sees(stage))
    }

    async fn is_still_theirs(&mut self) -> Result<bool, Fault> {
        let (app, now) = (&self.app, self.app.clock.now());
        let mut conn = app.pool.acquire().await?;
        let known = staff::authenticate(&mut conn, &app.staff_keys, &self.bearer, now).await?;
        match known {
            Some(officer) if officer.may(Permission::FollowFeed) => {
                self.officer = officer;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

fn told(happened: Happened) -> Result<Event, Fault> {
    let id = format!(
        "{}-{}",
        happened.position.transaction, happened.position.row
    );
    let news = News {
        name: happened.name.clone(),
        at: happened.at,
        subject: happened.subject,
        body: happened.body,
    };
    let data = serde_json::to_string(&news)?;
    Ok(Event::default().id(id).event(happened.name).data(data))
}

fn read(id: &str) -> Option<Position> {
    let (transaction, row) = id.trim().split_once('-')?;
    let (transaction, row) = (transaction.parse().ok()?, row.parse().ok()?);
    (transaction >= 0 && row >= 0).then_some(Position { transaction, row })
}
