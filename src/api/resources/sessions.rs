//! Signing in, staying signed in, signing out.

use axum::Json;
use axum::http::{StatusCode, header};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::api::access::Access;
use crate::api::desk::{Desk, Door};
use crate::api::page::Page;
use crate::api::reading::{Body, Path};
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::audit::{self, Act, Actor};
use crate::http::Problem;
use crate::primitives::Secret;
use crate::staff::{
    self, AccountId, Busy, Ended, Factor, Refreshed, Session, SessionId, SignIn, SignedIn, Tokens,
};
use crate::telemetry::SECURITY;

pub(super) fn resource() -> Resource {
    Resource::of("sessions", "Signing in, staying signed in, signing out.")
        .route(Access::Open, routes!(sign_in))
        .route(Access::Open, routes!(refresh))
        .route(Access::SignedIn, routes!(list))
        .route(Access::SignedIn, routes!(end_all))
        .route(Access::SignedIn, routes!(end_current))
        .route(Access::SignedIn, routes!(end))
        .route(Access::SignedIn, routes!(show_factor))
}

/// What somebody types to come in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[schema(example = "wanjiku")]
    name: String,
    #[schema(example = "tumbili mwekundu anacheza", format = Password)]
    password: String,
    /// The six digits the authenticator shows now. They count once.
    #[schema(example = "287082", pattern = "^[0-9]{6}$")]
    code: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshToken {
    #[schema(example = "Zk1q0h2yH1b4WbqVJ8t1mQ2nq0v3xkq9s8g7f6d5c4A")]
    refresh_token: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Code {
    /// The six digits the authenticator shows now. They count once.
    #[schema(example = "287082", pattern = "^[0-9]{6}$")]
    code: String,
}

/// What a client carries from now on.
#[derive(Serialize, ToSchema)]
struct TokensView {
    session: Uuid,
    /// For `Authorization: Bearer`, a quarter of an hour long.
    access_token: String,
    access_ends_at: DateTime<Utc>,
    /// For `POST /sessions/refresh`, once. Kept nowhere but with the client.
    refresh_token: String,
    refresh_ends_at: DateTime<Utc>,
}

#[derive(Serialize, ToSchema)]
struct SessionView {
    id: Uuid,
    /// The one this request came with.
    current: bool,
    began_at: DateTime<Utc>,
    seen_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    #[schema(example = "196.201.212.69")]
    address: String,
    #[schema(example = "Mozilla/5.0")]
    device: String,
}

impl From<Tokens> for TokensView {
    fn from(tokens: Tokens) -> TokensView {
        TokensView {
            session: tokens.session.0,
            access_token: tokens.access.expose().to_owned(),
            access_ends_at: tokens.access_ends_at,
            refresh_token: tokens.refresh.expose().to_owned(),
            refresh_ends_at: tokens.refresh_ends_at,
        }
    }
}

/// Sign in
///
/// Name, password and the authenticator's digits, always all three. Five wrong tries from one address and that address waits:
/// 1, 5, 15, 30, 60 minutes.
#[utoipa::path(post, path = "/sessions", request_body = Credentials, responses((status = 201, body = TokensView)))]
async fn sign_in(
    door: Door,
    Body(typed): Body<Credentials>,
) -> Result<(StatusCode, Json<TokensView>), Problem> {
    let mut work = door.begin().await?;
    let asked = SignIn {
        name: typed.name,
        password: Secret::new(typed.password),
        code: Secret::new(typed.code),
        device: door.device.clone(),
    };
    let (keys, desk) = (&door.app.staff_keys, &door.app.staff_passwords);
    match staff::sign_in(&mut work, keys, desk, asked).await? {
        SignedIn::Welcome(account, tokens) => {
            let act = Act::on("session.begin", "session", tokens.session).at(account.stage);
            let actor = Actor::Person {
                id: account.id.0,
                name: account.name,
            };
            audit::write(&mut work, &door.trail(actor), act).await?;
            work.commit().await?;
            Ok((StatusCode::CREATED, Json(tokens.into())))
        }
        SignedIn::Refused => {
            work.commit().await?;
            tracing::warn!(target: SECURITY, address = door.device.address, "Refused a sign-in");
            Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "sign_in_refused",
                "Name, password or digits are not right.",
            ))
        }
        SignedIn::Locked { until } => {
            work.commit().await?;
            tracing::warn!(target: SECURITY, address = door.device.address, "Refused a sign-in that has to wait");
            Err(locked(until, door.now))
        }
    }
}

/// Refresh
///
/// Exchanges a refresh token for the next pair; it is used up. Asked again within ten seconds from the same place the same
/// pair comes again. Later, or from elsewhere, it was stolen: the whole session is ended.
#[utoipa::path(post, path = "/sessions/refresh", request_body = RefreshToken, responses((status = 200, body = TokensView)))]
async fn refresh(door: Door, Body(typed): Body<RefreshToken>) -> Result<Json<TokensView>, Problem> {
    let mut work = door.begin().await?;
    let token = Secret::new(typed.refresh_token);
    let refreshed =
        staff::refresh(&mut work, &door.app.staff_keys, &token, door.device.clone()).await?;
    work.commit().await?;
    match refreshed {
        Refreshed::Again(tokens) => Ok(Json(tokens.into())),
        Refreshed::Refused => Err(refusals::token_does_not_hold()),
        Refreshed::Reused(AccountId(account)) => {
            tracing::error!(target: SECURITY, %account, address = door.device.address, "A refresh token was used twice; its session is ended");
            Err(refusals::token_does_not_hold())
        }
    }
}

/// List what you have open
#[utoipa::path(get, path = "/sessions", responses((status = 200, body = Page<SessionView>)))]
async fn list(desk: Desk) -> Result<Json<Page<SessionView>>, Problem> {
    let (account, current) = desk.person()?;
    let mut conn = desk.conn().await?;
    let open = staff::open_sessions(&mut conn, account, desk.now()).await?;
    let view = |session: Session| SessionView {
        id: session.id.0,
        current: session.id == current,
        began_at: session.began_at,
        seen_at: session.seen_at,
        ends_at: session.ends_at,
        address: session.address,
        device: session.device,
    };
    Ok(Json(Page {
        data: open.into_iter().map(view).collect(),
        next: None,
    }))
}

/// Sign out everywhere
#[utoipa::path(delete, path = "/sessions", responses((status = 204)))]
async fn end_all(desk: Desk) -> Result<StatusCode, Problem> {
    let (account, _) = desk.person()?;
    let mut deed = desk.begin().await?;
    staff::end_all(&mut deed.work, account, Ended::SignedOut).await?;
    deed.commit(Act::on("session.end_all", "staff", account))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out
#[utoipa::path(delete, path = "/sessions/current", responses((status = 204)))]
async fn end_current(desk: Desk) -> Result<StatusCode, Problem> {
    let (account, session) = desk.person()?;
    ended(&desk, account, session, Ended::SignedOut).await
}

/// Sign out somewhere else
#[utoipa::path(delete, path = "/sessions/{id}", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn end(desk: Desk, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    let (account, _) = desk.person()?;
    ended(&desk, account, SessionId(id), Ended::Elsewhere).await
}

async fn ended(
    desk: &Desk,
    account: AccountId,
    session: SessionId,
    by: Ended,
) -> Result<StatusCode, Problem> {
    let mut deed = desk.begin().await?;
    if !staff::end_session(&mut deed.work, account, session, by).await? {
        return Err(refusals::not_found("session"));
    }
    deed.commit(Act::on("session.end", "session", session))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Show the second factor again
///
/// Money and settings ask for one of the last ten minutes.
#[utoipa::path(post, path = "/sessions/current/second-factor", request_body = Code, responses((status = 204)))]
async fn show_factor(desk: Desk, Body(typed): Body<Code>) -> Result<StatusCode, Problem> {
    let who = desk.person()?;
    let mut deed = desk.begin().await?;
    let code = Secret::new(typed.code);
    let (keys, address) = (&desk.app.staff_keys, &desk.door.device.address);
    match staff::show_factor(&mut deed.work, keys, who, address, &code).await? {
        Factor::Shown => {
            deed.commit(Act::on("session.second_factor", "session", who.1))
                .await?;
            Ok(StatusCode::NO_CONTENT)
        }
        Factor::Refused => {
            deed.keep_refusal().await?;
            tracing::warn!(target: SECURITY, who = %who.0, "Refused a second factor");
            Err(refusals::invalid().with_field("code", "not the digits of now, or used before"))
        }
        Factor::Locked { until } => {
            deed.keep_refusal().await?;
            Err(locked(until, desk.now()))
        }
    }
}

/// Too many wrong tries.
pub(super) fn locked(until: DateTime<Utc>, now: DateTime<Utc>) -> Problem {
    let seconds = (until - now).num_seconds().max(1);
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "locked",
        "Too many wrong tries: wait before the next one.",
    )
    .with_header(header::RETRY_AFTER, seconds.to_string())
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Problem {
        match busy {
            Busy::Full => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "Too many people are signing in; please repeat it in a moment.",
            )
            .with_header(header::RETRY_AFTER, "2"),
            Busy::Fault(fault) => Problem::from(fault),
        }
    }
}
