//! Daraja's callbacks. Stored first, answered at once, understood later: a result is delivered once, and a
//! body we refuse is lost. The router has checked the key in the path and ends what was begun if the caller hangs up.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Extension, FromRef, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use sqlx::PgPool;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::http::peer::client_address;
use crate::integrations::mpesa::read_paybill;
use crate::payments::{self, BODY_BYTES_MAX, Received, Said, Source};
use crate::payouts::{self, CallbackKind};
use crate::telemetry::metric;
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
    /// Ours; money for another one is turned away.
    pub shortcode: String,
    /// The addresses Daraja publishes. A body from elsewhere is kept but proves nothing. Empty: every address
    /// is believed, for development.
    pub published: Vec<IpAddr>,
    /// Proxies of our own between Daraja and us.
    pub trusted_proxies: usize,
}

/// The callback routes, for the application's router.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    PaymentsState: FromRef<S>,
{
    Router::new()
        .route("/pay/{key}/stk/{token}", post(prompt_result))
        .route("/pay/{key}/out/{token}/result", post(payout_result))
        .route("/pay/{key}/out/{token}/late", post(payout_late))
        .route("/pay/{key}/c2b/validation", post(paybill_validation))
        .route("/pay/{key}/c2b/confirmation", post(paybill_confirmation))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

type Connection = Option<Extension<ConnectInfo<SocketAddr>>>;

/// `POST /pay/{key}/stk/{token}`. The token is the attempt's secret; what follows is stored whatever it is.
async fn prompt_result(
    State(state): State<PaymentsState>,
    Path((_key, token)): Path<(String, String)>,
    connection: Connection,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let trusted = state.door.publishes(connection, &headers);
    match store_prompt_result(&state, &token, trusted, &body).await {
        Ok(true) => json(ACCEPTED),
        Ok(false) => StatusCode::NOT_FOUND.into_response(),
        Err(fault) => not_stored(&fault),
    }
}

async fn store_prompt_result(
    state: &PaymentsState,
    token: &str,
    trusted: bool,
    body: &[u8],
) -> Result<bool, Fault> {
    let mut work = Work::begin(&state.pool, state.clock.now(), Actor::System).await?;
    let Some(attempt) = payments::attempt_of_token(work.conn(), token).await? else {
        metric::refused_webhook("token");
        return Ok(false);
    };
    let received = Received {
        source: Source::Callback,
        attempt: Some(attempt),
        provider_id: &attempt.to_string(),
        body,
        trusted,
    };
    payments::receive(&mut work, received).await?;
    work.commit().await?;
    Ok(true)
}

/// `POST /pay/{key}/out/{token}/result`. The token is the secret of one payment or question; what follows is stored
/// whatever it is.
async fn payout_result(
    State(state): State<PaymentsState>,
    Path((_key, token)): Path<(String, String)>,
    connection: Connection,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let trusted = state.door.publishes(connection, &headers);
    answer_payout(store_payout_word(&state, &token, false, trusted, &body).await)
}

/// `POST /pay/{key}/out/{token}/late`. M-PESA's queue did not take or drain it: a notice, and no result, whatever it says.
async fn payout_late(
    State(state): State<PaymentsState>,
    Path((_key, token)): Path<(String, String)>,
    connection: Connection,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let trusted = state.door.publishes(connection, &headers);
    answer_payout(store_payout_word(&state, &token, true, trusted, &body).await)
}

fn answer_payout(stored: Result<bool, Fault>) -> Response {
    match stored {
        Ok(true) => json(ACCEPTED),
        Ok(false) => StatusCode::NOT_FOUND.into_response(),
        Err(fault) => not_stored(&fault),
    }
}

async fn store_payout_word(
    state: &PaymentsState,
    token: &str,
    late: bool,
    trusted: bool,
    body: &[u8],
) -> Result<bool, Fault> {
    let mut work = Work::begin(&state.pool, state.clock.now(), Actor::System).await?;
    let Some((attempt, kind)) = payouts::callback_of_token(work.conn(), token).await? else {
        metric::refused_webhook("token");
        return Ok(false);
    };
    let source = match (kind, late) {
        (CallbackKind::Payment, false) => payouts::Source::Result,
        (CallbackKind::Payment, true) => payouts::Source::Timeout,
        (CallbackKind::Question, _) => payouts::Source::QuestionResult,
    };
    let received = payouts::Received {
        source,
        attempt,
        body,
        trusted,
    };
    payouts::receive(&mut work, received).await?;
    work.commit().await?;
    Ok(true)
}

/// `POST /pay/{key}/c2b/confirmation`. The money has moved; it cannot be refused any more.
async fn paybill_confirmation(
    State(state): State<PaymentsState>,
    connection: Connection,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let trusted = state.door.publishes(connection, &headers);
    match store_paybill_confirmation(&state, trusted, &body).await {
        Ok(()) => json(CONFIRMED),
        Err(fault) => not_stored(&fault),
    }
}

async fn store_paybill_confirmation(
    state: &PaymentsState,
    trusted: bool,
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
        trusted,
    };
    let mut work = Work::begin(&state.pool, state.clock.now(), Actor::System).await?;
    payments::receive(&mut work, received).await?;
    work.commit().await
}

/// `POST /pay/{key}/c2b/validation`. Books nothing and asks nobody: a rider's money is never refused because of
/// an account we do not know, it goes to suspense. Only money for somebody else's shortcode is turned away.
async fn paybill_validation(State(state): State<PaymentsState>, body: Bytes) -> Response {
    match read_paybill(&body) {
        Said::Paybill(payment) if payment.shortcode != state.door.shortcode => {
            json(WRONG_SHORTCODE)
        }
        _ => json(VALID),
    }
}

const ACCEPTED: &str = r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#;
const CONFIRMED: &str = r#"{"ResultCode":0,"ResultDesc":"Success"}"#;
const VALID: &str = r#"{"ResultCode":"0","ResultDesc":"Accepted"}"#;
const WRONG_SHORTCODE: &str = r#"{"ResultCode":"C2B00015","ResultDesc":"Rejected"}"#;

impl Door {
    /// Whether the caller's address is one that Daraja publishes.
    fn publishes(&self, connection: Connection, headers: &HeaderMap) -> bool {
        let caller = connection.map(|Extension(ConnectInfo(peer))| {
            client_address(headers, peer, self.trusted_proxies)
        });
        self.published.is_empty() || caller.is_some_and(|caller| self.published.contains(&caller))
    }
}

fn json(body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// It is lost if Daraja does not repeat it; our own questions and the paybill will tell.
fn not_stored(fault: &Fault) -> Response {
    tracing::error!(error = %fault, "A payment result could not be stored");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}
