//! Who may take a route.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::arriving::Caller;
use super::refusals;
use crate::http::Problem;
use crate::staff::{Officer, Permission};
use crate::telemetry::SECURITY;

/// Who may take a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody: whoever signs in or enrols is not signed in yet.
    Open,
    /// Any person who is signed in, about themselves.
    SignedIn,
    /// Who has this permission.
    Needs(Permission),
    /// Who has this permission and has shown a second factor within the last ten minutes. Money and settings ask for it; a
    /// key cannot.
    Fresh(Permission),
}

impl Access {
    pub fn permission(self) -> Option<Permission> {
        match self {
            Access::Open | Access::SignedIn => None,
            Access::Needs(permission) | Access::Fresh(permission) => Some(permission),
        }
    }
}

/// Middleware of each route: lets through who may.
pub(super) async fn admit(State(access): State<Access>, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>() else {
        return refusals::not_signed_in().into_response();
    };
    match judged(access, caller) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            let (who, code) = (
                caller.officer.as_ref().map(|officer| officer.id),
                problem.code,
            );
            tracing::warn!(target: SECURITY, who = ?who, code, "Refused a request to the desk");
            problem.into_response()
        }
    }
}

fn judged(access: Access, caller: &Caller) -> Result<(), Problem> {
    if access == Access::Open {
        return Ok(());
    }
    let officer = caller
        .officer
        .as_ref()
        .ok_or_else(refusals::not_signed_in)?;
    match access {
        Access::Open => Ok(()),
        Access::SignedIn => person(officer),
        Access::Needs(permission) => may(officer, permission),
        Access::Fresh(permission) => {
            may(officer, permission)?;
            person(officer)?;
            if officer.has_fresh_factor(caller.now) {
                Ok(())
            } else {
                Err(second_factor_needed())
            }
        }
    }
}

fn may(officer: &Officer, permission: Permission) -> Result<(), Problem> {
    if officer.may(permission) {
        return Ok(());
    }
    let problem = Problem::new(
        StatusCode::FORBIDDEN,
        "not_allowed",
        "Your role does not include this.",
    );
    Err(problem.with_detail(format!("It takes {}.", permission.as_str())))
}

fn person(officer: &Officer) -> Result<(), Problem> {
    match officer.session() {
        Some(_) => Ok(()),
        None => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "people_only",
            "This is for people who are signed in, not for keys.",
        )),
    }
}

/// RFC 9470: how a client learns that it has to show a second factor again.
fn second_factor_needed() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "second_factor_needed",
        "Show your authenticator's digits again: this asks for a second factor of the last ten minutes.",
    )
    .with_header(
        header::WWW_AUTHENTICATE,
        r#"Bearer error="insufficient_user_authentication", max_age="600""#,
    )
}
