//! Daraja as its customers meet it: acceptance is not an outcome, outcomes come once, and codes are re-used.

mod b2c;
pub mod book;
pub mod c2b;
mod oauth;
mod pull;
mod query;
mod ratiba;
mod result;
mod status;
pub mod stk;

pub use book::Book;
pub use stk::Prompt;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use crate::faults::Fault;
use crate::phones::Msisdn;
use crate::world::World;

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/oauth/v1/generate", get(oauth::generate))
        .route(
            "/mpesa/stkpush/v1/processrequest",
            post(stk::push).fallback(wrong_method),
        )
        .route(
            "/mpesa/stkpushquery/v1/query",
            post(query::query).fallback(wrong_method),
        )
        .route(
            "/mpesa/c2b/v1/registerurl",
            post(c2b::register_v1).fallback(wrong_method),
        )
        .route(
            "/mpesa/c2b/v2/registerurl",
            post(c2b::register_v2).fallback(wrong_method),
        )
        .route(
            "/mpesa/c2b/v1/simulate",
            post(c2b::simulate).fallback(wrong_method),
        )
        .route(
            "/mpesa/c2b/v2/simulate",
            post(c2b::simulate).fallback(wrong_method),
        )
        .route(
            "/mpesa/b2c/v1/paymentrequest",
            post(b2c::pay_v1).fallback(wrong_method),
        )
        .route(
            "/mpesa/b2c/v3/paymentrequest",
            post(b2c::pay_v3).fallback(wrong_method),
        )
        .route(
            "/mpesa/transactionstatus/v1/query",
            post(status::transaction).fallback(wrong_method),
        )
        .route(
            "/mpesa/accountbalance/v1/query",
            post(status::balance).fallback(wrong_method),
        )
        .route(
            "/mpesa/reversal/v1/request",
            post(status::reverse).fallback(wrong_method),
        )
        .route(
            "/pulltransactions/v1/register",
            post(pull::register).fallback(wrong_method),
        )
        .route(
            "/pulltransactions/v1/query",
            get(pull::query).post(pull::query),
        )
        .route(
            "/standingorder/v1/createStandingOrderExternal",
            post(ratiba::create).fallback(wrong_method),
        )
}

/// A result code: a number for most, a word for some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    Number(i64),
    Word(String),
}

impl Code {
    pub(crate) fn json(&self) -> Value {
        match self {
            Code::Number(number) => json!(number),
            Code::Word(word) => json!(word),
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Code::Number(number) => number.to_string(),
            Code::Word(word) => word.clone(),
        }
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

/// A refusal in the error envelope.
pub(crate) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refused {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(crate) fn invalid(field: &str) -> Self {
        Self::new(400, "400.002.02", format!("Bad Request - Invalid {field}"))
    }

    pub(crate) fn answer(self, world: &World) -> Response {
        let mut state = world.state();
        let request = format!("{}-{}-1", state.dice.digits(5), state.dice.digits(8));
        let body =
            json!({"requestId": request, "errorCode": self.code, "errorMessage": self.message});
        answer(self.status, &body)
    }
}

pub(crate) fn answer(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/json;charset=UTF-8")],
        body.to_string(),
    )
        .into_response()
}

pub(crate) fn page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let body = "<html><body>Request unsuccessful. Incident ID: 0-0</body></html>";
    (status, [(header::CONTENT_TYPE, "text/html")], body).into_response()
}

async fn wrong_method(axum::extract::State(world): axum::extract::State<Arc<World>>) -> Response {
    Refused::new(405, "405.001", "Method Not Allowed").answer(&world)
}

/// Any path that leads nowhere; below Daraja's own paths in Daraja's words.
pub(crate) async fn nowhere(
    axum::extract::State(world): axum::extract::State<Arc<World>>,
    uri: axum::http::Uri,
) -> Response {
    const OURS: [&str; 4] = [
        "/oauth/",
        "/mpesa/",
        "/pulltransactions/",
        "/standingorder/",
    ];
    if OURS.iter().any(|prefix| uri.path().starts_with(prefix)) {
        return Refused::new(404, "404.001.01", "Resource not found").answer(&world);
    }
    StatusCode::NOT_FOUND.into_response()
}

/// The body of a request that got past the API gateway.
pub(crate) struct Asked(Map<String, Value>);

impl Asked {
    /// A field as text, whether it came as a string or as a number.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn filled(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.trim().is_empty())
    }

    /// Whole shillings of at least one, as cents.
    pub(crate) fn shillings(&self, name: &str) -> Option<i64> {
        let whole: i64 = self.text(name)?.trim().parse().ok()?;
        (whole >= 1).then(|| whole.checked_mul(100)).flatten()
    }
}

/// What every authorised call passes through: troubles of the whole API, rate, token, content type, JSON.
pub(crate) async fn enter(
    world: &Arc<World>,
    headers: &HeaderMap,
    body: &Bytes,
    path: &str,
) -> Result<Asked, Response> {
    let whose = payer(body);
    let strikes = |what| world.strikes(what, whose.as_ref());
    if strikes(Fault::DarajaDown) {
        return Err(page(503));
    }
    if strikes(Fault::DarajaHtml) {
        return Err(page(200));
    }
    if strikes(Fault::DarajaSlow) {
        world.clock.sleep(world.settings.timings.stray_after).await;
    }
    if strikes(Fault::QuotaFault) {
        let text = "Rate limit quota violation. Quota limit exceeded. Identifier : _default";
        let fault = json!({"fault": {"faultstring": text, "detail": {"errorcode": "policies.ratelimit.QuotaViolation"}}});
        return Err(answer(StatusCode::TOO_MANY_REQUESTS, &fault));
    }
    let spike = "Error Occurred: Spike Arrest Violation";
    let refusals = [
        (
            Fault::SystemBusy,
            500,
            "500.003.02",
            "System is busy. Please try again in few minutes.",
        ),
        (
            Fault::Maintenance,
            503,
            "00.002.1001",
            "Service is currently under maintenance. Please try again later",
        ),
        (Fault::SpikeArrest, 500, "500.003.02", spike),
        (Fault::SpikeArrest429, 429, "500.003.02", spike),
        (
            Fault::Quota,
            500,
            "500.003.03",
            "Error Occurred: Quota Violation",
        ),
        (
            Fault::InternalError,
            500,
            "500.003.1001",
            "Internal Server Error",
        ),
        (
            Fault::TokenExpired,
            404,
            "404.001.03",
            "Invalid Access Token",
        ),
        (
            Fault::TokenExpired401,
            401,
            "404.001.03",
            "Invalid Access Token",
        ),
    ];
    for (what, status, code, message) in refusals {
        if strikes(what) {
            return Err(Refused::new(status, code, message).answer(world));
        }
    }
    let now = world.now();
    if world
        .settings
        .spike_arrest
        .is_some_and(|limit| !world.state().book.may_ask(now, limit))
    {
        return Err(Refused::new(500, "500.003.02", spike).answer(world));
    }
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
        return Err(Refused::new(404, "404.001.04", "Invalid Authentication Header").answer(world));
    };
    if !world.state().book.token_is_good(token, now) {
        return Err(Refused::new(404, "404.001.03", "Invalid Access Token").answer(world));
    }
    tracing::debug!(path, "Daraja was asked");
    // Without the right content type the gateway reads an empty body and complains about the first field.
    let labelled = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.contains("json"));
    if !labelled {
        return Ok(Asked(Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(Asked(fields)),
        _ => Err(Refused::new(400, "400.002.05", "Invalid Request Payload").answer(world)),
    }
}

/// The phone a request is about, for troubles that were ordered for one phone only.
fn payer(body: &Bytes) -> Option<Msisdn> {
    let fields: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let asked = Asked(fields);
    ["PhoneNumber", "PartyB", "PartyA", "Msisdn"]
        .into_iter()
        .find_map(|name| Msisdn::parse(&asked.text(name)?).ok())
}

/// Whether the portal would take this callback URL: no forbidden word anywhere, no upper-case letter in the host.
pub(crate) fn takes_url(url: &str, https_only: bool) -> bool {
    const REFUSED: [&str; 8] = [
        "m-pesa",
        "mpesa",
        "safaricom",
        "exe",
        "exec",
        "cmd",
        "sql",
        "query",
    ];
    let lower = url.to_ascii_lowercase();
    let secure = lower.starts_with("https://");
    if !(secure || lower.starts_with("http://") && !https_only)
        || REFUSED.iter().any(|word| lower.contains(word))
    {
        return false;
    }
    let host = url
        .split("://")
        .nth(1)
        .unwrap_or_default()
        .split('/')
        .next()
        .unwrap_or_default();
    !host.is_empty() && !host.chars().any(char::is_uppercase)
}

/// The published address callbacks come from, and one that is not published.
pub(crate) const SOURCE: &str = "196.201.212.69";
pub(crate) const STRANGE_SOURCE: &str = "203.0.113.9";

/// Posts a callback, once: whatever the answer, it is not sent again.
pub(crate) async fn call_back(
    world: &World,
    url: &str,
    shortcode: &str,
    source: &str,
    body: String,
) -> Option<(u16, String)> {
    let mut request = world
        .http()
        .post(url)
        .timeout(Duration::from_secs(30))
        .header("Content-Type", "application/json;charset=UTF-8")
        .header("Businessshortcode", shortcode)
        .body(body);
    if let Some(header) = &world.settings.source_header {
        request = request.header(header, source);
    }
    match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            if status != 200 {
                tracing::warn!(status, "A callback was not answered with 200 and is lost");
            }
            Some((status, answer.text().await.unwrap_or_default()))
        }
        Err(error) => {
            tracing::warn!(
                timeout = error.is_timeout(),
                "A callback reached nobody and is lost"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::takes_url;

    #[test]
    fn refuses_the_words_the_portal_refuses() {
        let cases = [
            (
                "https://hooks.example.test/pay/k/stk/9f2c41d07be84a3d8c55e0a1b6f7d203",
                true,
            ),
            ("http://127.0.0.1:8080/pay/demo/stk/aa", true),
            ("https://hooks.example.test/mpesa/cb", false),
            ("https://hooks.example.test/Executive", false),
            ("https://hooks.example.test/status-QUERY", false),
            ("https://Hooks.example.test/cb", false),
            ("ftp://hooks.example.test/cb", false),
            ("", false),
        ];
        for (url, taken) in cases {
            assert_eq!(takes_url(url, false), taken, "{url}");
        }
        assert!(!takes_url("http://127.0.0.1:8080/pay", true));
    }
}
