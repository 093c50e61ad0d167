//! `GET /v/{code}`: the proof of a cover as a page of a few hundred bytes, for whoever has followed a link or a QR code. It says
//! what the text message says, and is made for phones that load nothing else.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::{ConnectInfo, Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;
use crate::fault::Fault;
use crate::http::peer::client_address;
use crate::insurance::{self, Asker, Proof};
use crate::primitives::nairobi_date;
use crate::work::{Actor, Work};

/// The page's route, for the application's router.
pub fn routes() -> Router<App> {
    Router::new().route("/v/{code}", get(page))
}

type Connection = Option<Extension<ConnectInfo<SocketAddr>>>;

async fn page(
    State(app): State<App>,
    Path(code): Path<String>,
    connection: Connection,
    headers: HeaderMap,
) -> Response {
    let peer = connection.map_or_else(
        || SocketAddr::from(([0, 0, 0, 0], 0)),
        |Extension(ConnectInfo(peer))| peer,
    );
    let address = client_address(&headers, peer, app.config.http.trusted_proxies);
    match proof(&app, address, &code).await {
        Ok(proof) => shown(proof),
        Err(fault) => {
            tracing::error!(%fault, "A proof of cover could not be looked up");
            let said =
                "Please try again in a few minutes.|Tafadhali jaribu tena baada ya dakika chache.";
            html(StatusCode::SERVICE_UNAVAILABLE, "?", said)
        }
    }
}

async fn proof(app: &App, address: IpAddr, code: &str) -> Result<Proof, Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::Caller).await?;
    let proof = insurance::prove(&mut work, &Asker::Address(address), code).await?;
    work.commit().await?;
    Ok(proof)
}

fn shown(proof: Proof) -> Response {
    match proof {
        Proof::Covered { until } => {
            let day = nairobi_date(until).format("%-d/%-m/%Y");
            let said = format!(
                "This cover is in force until {day} at 6am.|Bima hii inafanya kazi hadi {day} saa 12 asubuhi."
            );
            html(StatusCode::OK, "YES / NDIYO", &said)
        }
        Proof::NotCovered => html(
            StatusCode::OK,
            "NO / HAPANA",
            "There is no cover now under this number or code.|Hakuna bima sasa yenye namba au code hii.",
        ),
        Proof::AskedTooOften => html(
            StatusCode::TOO_MANY_REQUESTS,
            "?",
            "Too many questions. Please try again in an hour.|Maswali mengi. Tafadhali jaribu tena baada ya saa moja.",
        ),
    }
}

/// Nothing that was typed stands in the page, and nothing keeps it: the answer is for this moment.
fn html(status: StatusCode, title: &str, said: &str) -> Response {
    let lines: String = said
        .split('|')
        .map(|line| format!("<p>{line}</p>"))
        .collect();
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>KwaStage</title><body style=\"font-family:sans-serif;margin:1em\"><h1>{title}</h1>{lines}</body></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, body).into_response()
}
