//! Reading what clients send: whatever it is, the answer is a problem with the field's name and never a fault of ours.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::refusals;
use crate::http::Problem;

const BODY_BYTES_MAX: usize = 64 * 1024;
/// For the whole body to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A JSON body of this shape, and nothing else in it.
pub(super) struct Body<T>(pub T);

/// The query of the address.
pub(super) struct Query<T>(pub T);

/// What stands in the path.
pub(super) struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Body<T>, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not_json",
                "The body is JSON here: `content-type: application/json`.",
            ));
        }
        let reading = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX);
        let bytes = match tokio::time::timeout(PATIENCE, reading).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => return Err(too_large()),
            Err(_) => {
                return Err(Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "too_slow",
                    "The body did not arrive in time.",
                ));
            }
        };
        read(&bytes).map(Body)
    }
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        "A body has 64 KiB at most.",
    )
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let bare = kind.split(';').next().unwrap_or_default().trim();
    bare.eq_ignore_ascii_case("application/json")
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // A struct would be read from a list as well, field by field.
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    if !is_object && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        return Err(refusals::invalid().with_field(".", "expected an object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            refusals::invalid().with_field(field, plain(&inner))
        } else {
            malformed().with_detail(plain(&inner))
        }
    })?;
    json.end()
        .map_err(|error| malformed().with_detail(plain(&error)))?;
    Ok(value)
}

fn malformed() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed",
        "This is not well-formed JSON.",
    )
}

/// What serde says, without the value that was sent: it may be somebody's password.
fn plain(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let place = said.rfind(" at line ").map_or("", |place| &said[place..]);
    let what = if said.starts_with("unknown field") || said.starts_with("missing field") {
        said.split(" at line ").next().unwrap_or_default()
    } else if let Some((_, expected)) = said.split_once("expected ") {
        return format!("expected {expected}");
    } else if error.is_eof() {
        "it ends too early"
    } else {
        "it does not read"
    };
    format!("{what}{place}")
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>, Problem> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        let axum::extract::Query(query) = query.map_err(|rejection| {
            let said = rejection.body_text();
            let said = said.rsplit(": ").next().unwrap_or_default().to_owned();
            refusals::invalid().with_field("query", said)
        })?;
        Ok(Query(query))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        // An id that is none belongs to nothing.
        let axum::extract::Path(path) = path.map_err(|_| refusals::not_found("id"))?;
        Ok(Path(path))
    }
}

/// Gathers what is wrong with the fields of a request, so that one mistake does not hide the next.
#[derive(Default)]
pub(super) struct Fields {
    wrong: Vec<(&'static str, String)>,
}

impl Fields {
    /// The value, or a note of why it will not do.
    pub fn read<T, E: std::fmt::Display>(
        &mut self,
        field: &'static str,
        read: Result<T, E>,
    ) -> Option<T> {
        read.map_err(|error| self.wrong.push((field, error.to_string())))
            .ok()
    }

    /// Text of so many characters, without control characters.
    pub fn text(
        &mut self,
        field: &'static str,
        text: &str,
        lengths: std::ops::RangeInclusive<usize>,
    ) -> Option<String> {
        let text = text.trim();
        let fits = lengths.contains(&text.chars().count()) && !text.chars().any(char::is_control);
        let (least, most) = (lengths.start(), lengths.end());
        let read = if fits {
            Ok(text.to_owned())
        } else {
            Err(format!("{least} to {most} characters on one line"))
        };
        self.read(field, read)
    }

    /// The problem that names every field noted.
    pub fn refused(self) -> Problem {
        let problem = refusals::invalid();
        self.wrong
            .into_iter()
            .fold(problem, |problem, (field, why)| {
                problem.with_field(field, why)
            })
    }
}

/// What `If-Match` asks for, of a thing that two people may edit. Without it the later one would wipe out the earlier.
pub(super) struct IfMatch(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch, Problem> {
        let Some(header) = parts.headers.get(header::IF_MATCH) else {
            return Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "if_match_needed",
                "Say which version you have read: `If-Match` with the ETag.",
            ));
        };
        let version = header.to_str().ok().and_then(|text| {
            let quoted = text.trim().strip_prefix('"')?.strip_suffix('"')?;
            quoted.parse().ok()
        });
        version.map(IfMatch).ok_or_else(stale)
    }
}

pub(super) fn stale() -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "stale",
        "Somebody has changed it since you read it: read it again.",
    )
}

/// The ETag of a version.
pub(super) fn etag(version: i64) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(unused)]
        amount: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(unused)]
        inner: Inner,
    }

    #[test]
    fn what_does_not_read_names_the_field_and_keeps_the_value() {
        for (body, status, code, field) in [
            (
                r#"{"inner":{"amount":"hunter2"}}"#,
                422,
                "invalid",
                "inner.amount",
            ),
            (r#"{"inner":{"amount":-1}}"#, 422, "invalid", "inner.amount"),
            (r#"{"inner":{}}"#, 422, "invalid", "inner"),
            (
                r#"{"inner":{"amount":1,"role":"admin"}}"#,
                422,
                "invalid",
                "inner.role",
            ),
            (r#"[]"#, 422, "invalid", "."),
            (r#"{"inner":"#, 400, "malformed", ""),
            ("", 400, "malformed", ""),
            ("hunter2", 400, "malformed", ""),
            (r#"{"inner":{"amount":1}} hunter2"#, 400, "malformed", ""),
        ] {
            let problem = read::<Outer>(body.as_bytes()).unwrap_err();
            assert_eq!((problem.status, problem.code), (status, code), "{body}");
            let named = problem
                .errors
                .first()
                .map_or("", |error| error.field.as_str());
            assert_eq!(named, field, "{body}");
            let said = serde_json::to_string(&problem).unwrap();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn a_body_that_is_too_deep_is_refused_like_any_other() {
        let deep = "[".repeat(50_000);
        let problem = read::<serde_json::Value>(deep.as_bytes()).unwrap_err();
        assert_eq!(problem.status, 400);
    }
}
