//! Where every request comes by: whose it is, from where, and whether it is one too many.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::limits::{Limits, Standing};
use super::refusals;
use crate::app::App;
use crate::http::peer::client_address;
use crate::http::{Problem, RequestId};
use crate::primitives::Secret;
use crate::staff::{self, Device, Officer};
use crate::telemetry::SECURITY;

/// Longer than any token of ours.
const BEARER_LENGTH_MAX: usize = 2048;

pub(super) struct Gate {
    app: App,
    limits: Limits,
}

/// Who is behind a request, and from where. Every handler finds it in the request's extensions.
#[derive(Clone)]
pub(super) struct Caller {
    pub officer: Option<Officer>,
    pub device: Device,
    pub request: Option<Uuid>,
    pub now: DateTime<Utc>,
}

impl Gate {
    pub fn new(app: App) -> Gate {
        let limits = Limits::new(&app.config.api);
        Gate { app, limits }
    }
}

/// Middleware: looks up who comes, counts them, and refuses who comes too often or with a token that is nobody's.
pub(super) async fn arrive(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = address(&gate.app, &request);
    let now = gate.app.clock.now();
    let known = match bearer(request.headers()) {
        None => Ok(None),
        Some(bearer) => known(&gate.app, &bearer, now).await,
    };
    let standing = match &known {
        Ok(Some(officer)) => gate.limits.count_officer(officer.id),
        _ => gate.limits.count_address(address),
    };
    if !standing.admitted {
        tracing::warn!(target: SECURITY, %address, "Refused a request too many");
        return standing.told(refusals::too_many(standing.again_in).into_response());
    }
    let officer = match known {
        Ok(officer) => officer,
        Err(problem) => {
            if problem.status == 401 {
                tracing::warn!(target: SECURITY, %address, "Refused a token that is nobody's");
            }
            return standing.told(problem.into_response());
        }
    };
    let device = request.headers().get(header::USER_AGENT);
    let device = device
        .and_then(|name| name.to_str().ok())
        .unwrap_or_default();
    let caller = Caller {
        officer,
        device: Device::of(address.to_string(), device),
        request: request.extensions().get::<RequestId>().map(|id| id.0),
        now,
    };
    request.extensions_mut().insert(caller);
    standing.told(next.run(request).await)
}

async fn known(app: &App, bearer: &Secret, now: DateTime<Utc>) -> Result<Option<Officer>, Problem> {
    let mut conn = app
        .pool
        .acquire()
        .await
        .map_err(crate::fault::Fault::from)?;
    let officer = staff::authenticate(&mut conn, &app.staff_keys, bearer, now).await?;
    officer.map(Some).ok_or_else(refusals::token_does_not_hold)
}

/// What stands behind `Authorization: Bearer`. Anything else in that header is a token that does not hold.
fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let header = headers.get(header::AUTHORIZATION)?;
    let text = header.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let fits = scheme.eq_ignore_ascii_case("bearer") && token.len() <= BEARER_LENGTH_MAX;
    Some(Secret::new(if fits { token.trim() } else { "" }))
}

fn address(app: &App, request: &Request) -> IpAddr {
    let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(nowhere, |ConnectInfo(peer)| *peer);
    client_address(request.headers(), peer, app.config.http.trusted_proxies)
}

impl Standing {
    /// How many more may come, in the headers of the answer (draft-ietf-httpapi-ratelimit-headers, as most clients read them).
    fn told(&self, mut response: Response) -> Response {
        for (name, value) in [
            ("ratelimit-limit", u64::from(self.limit)),
            ("ratelimit-remaining", u64::from(self.remaining)),
            ("ratelimit-reset", self.whole_again_in.as_secs()),
        ] {
            response.headers_mut().insert(name, value.into());
        }
        response
    }
}
