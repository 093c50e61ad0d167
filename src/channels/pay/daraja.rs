//! Daraja's callbacks. Stored first, answered at once, understood later: a result is delivered once, and a
//! body we refuse is lost.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRef, Path, State};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use subtle::ConstantTimeEq;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::integrations::mpesa::read_paybill;
use crate::payments::{self, BODY_BYTES_MAX, Received, Said, Source};
use crate::work::{Actor, Work};

/// What the handlers stand on.
#[derive(Clone)]
pub struct PaymentsState {
    pub pool: PgPool,
    pub clock: Clock,
    pub door: Arc<Door>,
}

/// Who may knock, and how we know.
#[derive(Debug)]
pub struct Door {
    /// The segment that all webhook paths carry.
    pub webhook_key: SecretString,
    pub shortcode: String,
    /// The addresses Daraja publishes. A body from elsewhere is kept but proves nothing. Empty: every address
    /// is believed, for development.
    pub published: Vec<IpAddr>,
    /// The header in which our own proxy tells the peer's address; without one the connection's is taken.
    pub address_header: Option<String>,
}

/// The callback routes, for the application's router.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    PaymentsState: FromRef<S>,
{
    Router::new()
        .route("/pay/{key}/stk/{token}", post(prompt_result))
        .route("/pay/{key}/c2b/validation", post(paybill_validation))
        .route("/pay/{key}/c2b/confirmation", post(paybill_confirmation))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

async fn prompt_result(
    State(state): State<PaymentsState>,
    Path((key, token)): Path<(String, String)>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
) -> Response {
    let peer = state.door.peer(&headers, &extensions);
    to_the_end(async move { hear_prompt_result(&state, &key, &token, peer, &body).await }).await
}

/// `POST /pay/{key}/stk/{token}`. The token is the attempt's secret; what follows is stored whatever it is.
pub async fn hear_prompt_result(
    state: &PaymentsState,
    key: &str,
    token: &str,
    peer: Option<IpAddr>,
    body: &[u8],
) -> Response {
    if !state.door.opens_for(key) {
        return nothing_here();
    }
    match store_prompt_result(state, token, peer, body).await {
        Ok(true) => json(ACCEPTED),
        Ok(false) => nothing_here(),
        Err(fault) => not_stored(&fault),
    }
}

async fn store_prompt_result(
    state: &PaymentsState,
    token: &str,
    peer: Option<IpAddr>,
    body: &[u8],
) -> Result<bool, Fault> {
    let mut work = Work::begin(&state.pool, state.clock.now(), Actor::System).await?;
    let Some(attempt) = payments::attempt_of_token(work.conn(), token).await? else {
        metrics::counter!("payments_unknown_token_total").increment(1);
        return Ok(false);
    };
    let received = Received {
        source: Source::Callback,
        attempt: Some(attempt),
        provider_id: &attempt.to_string(),
        body,
        trusted: state.door.publishes(peer),
    };
    payments::receive(&mut work, received).await?;
    work.commit().await?;
    Ok(true)
}

async fn paybill_confirmation(
    State(state): State<PaymentsState>,
    Path(key): Path<String>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
) -> Response {
    let peer = state.door.peer(&headers, &extensions);
    to_the_end(async move { hear_paybill_confirmation(&state, &key, peer, &body).await }).await
}

/// `POST /pay/{key}/c2b/confirmation`. The money has moved; it cannot be refused any more.
pub async fn hear_paybill_confirmation(
    state: &PaymentsState,
    key: &str,
    peer: Option<IpAddr>,
    body: &[u8],
) -> Response {
    if !state.door.opens_for(key) {
        return nothing_here();
    }
    match store_paybill_confirmation(state, peer, body).await {
        Ok(()) => json(CONFIRMED),
        Err(fault) => not_stored(&fault),
    }
}

async fn store_paybill_confirmation(
    state: &PaymentsState,
    peer: Option<IpAddr>,
    body: &[u8],
) -> Result<(), Fault> {
    // The receipt names the row, nothing more: what the body says is read later, from the stored bytes.
    let provider_id = match read_paybill(body) {
        Said::Paybill(payment) => payment.receipt.to_string(),
        _ => "unreadable".to_owned(),
    };
    let received = Received {
        source: Source::Paybill,
        attempt: None,
        provider_id: &provider_id,
        body,
        trusted: state.door.publishes(peer),
    };
    let mut work = Work::begin(&state.pool, state.clock.now(), Actor::System).await?;
    payments::receive(&mut work, received).await?;
    work.commit().await
}

async fn paybill_validation(
    State(state): State<PaymentsState>,
    Path(key): Path<String>,
    body: Bytes,
) -> Response {
    answer_paybill_validation(&state, &key, &body)
}

/// `POST /pay/{key}/c2b/validation`. Books nothing and asks nobody: a rider's money is never refused because of
/// an account we do not know, it goes to suspense. Only money for somebody else's shortcode is turned away.
pub fn answer_paybill_validation(state: &PaymentsState, key: &str, body: &[u8]) -> Response {
    if !state.door.opens_for(key) {
        return nothing_here();
    }
    match read_paybill(body) {
        Said::Paybill(payment) if payment.shortcode != state.door.shortcode => {
            json(WRONG_SHORTCODE)
        }
        _ => json(VALID),
    }
}

/// Storing goes on when the caller hangs up: what it came to tell, it tells once.
async fn to_the_end(storing: impl Future<Output = Response> + Send + 'static) -> Response {
    match tokio::spawn(storing).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "Storing a payment result broke off");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

const ACCEPTED: &str = r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#;
const CONFIRMED: &str = r#"{"ResultCode":0,"ResultDesc":"Success"}"#;
const VALID: &str = r#"{"ResultCode":"0","ResultDesc":"Accepted"}"#;
const WRONG_SHORTCODE: &str = r#"{"ResultCode":"C2B00015","ResultDesc":"Rejected"}"#;

impl Door {
    fn opens_for(&self, key: &str) -> bool {
        self.webhook_key
            .expose_secret()
            .as_bytes()
            .ct_eq(key.as_bytes())
            .into()
    }

    fn publishes(&self, peer: Option<IpAddr>) -> bool {
        self.published.is_empty() || peer.is_some_and(|peer| self.published.contains(&peer))
    }

    fn peer(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
        match &self.address_header {
            Some(name) => headers.get(name)?.to_str().ok()?.trim().parse().ok(),
            None => extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|connection| connection.0.ip()),
        }
    }
}

fn json(body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn nothing_here() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

/// It is lost if Daraja does not repeat it; our own questions and the paybill will tell.
fn not_stored(fault: &Fault) -> Response {
    tracing::error!(error = %fault, "A payment result could not be stored");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}
