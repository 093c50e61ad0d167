//! A refusal or a fault as RFC 9457 tells it.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::fault::Fault;

/// The body of every answer that is an error, as `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:kwastage:problem:` and the code.
    #[serde(rename = "type", serialize_with = "as_urn")]
    #[schema(value_type = String, example = "urn:kwastage:problem:member_not_found")]
    kind: &'static str,
    /// The HTTP status again, for a body that has lost its answer.
    pub status: u16,
    /// Stable word a program can tell problems apart by, such as `member_not_found`.
    pub code: &'static str,
    /// One sentence for a person, the same for every problem of this code.
    pub title: &'static str,
    /// What is particular about this one. Never a secret, never an inner error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The fields that will not do, where it is about fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// A header that belongs to it, such as when to come again.
    #[serde(skip)]
    header: Option<Box<(HeaderName, String)>>,
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Where it stands, such as `contribution.amount`.
    pub field: String,
    /// One sentence for a person.
    pub message: String,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, title: &'static str) -> Problem {
        Problem {
            kind: code,
            errors: Vec::new(),
            header: None,
            status: status.as_u16(),
            code,
            title,
            detail: None,
        }
    }

    pub fn with_detail(self, detail: impl Into<String>) -> Problem {
        Problem {
            detail: Some(detail.into()),
            ..self
        }
    }

    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Problem {
        self.errors.push(FieldProblem {
            field: field.into(),
            message: message.into(),
        });
        self
    }

    pub fn with_header(self, name: HeaderName, value: impl Into<String>) -> Problem {
        Problem {
            header: Some(Box::new((name, value.into()))),
            ..self
        }
    }
}

fn as_urn<S: Serializer>(code: &&'static str, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("urn:kwastage:problem:{code}"))
}

/// A fault is ours: the caller learns that, the log learns the rest.
impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        tracing::error!(error = %fault, "Failed a request");
        if fault.is_passing() {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "This works again in a moment; please repeat it.",
            )
        } else {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "fault",
                "Something went wrong on our side and has been noted.",
            )
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some((name, value)) = self.header.map(|header| *header)
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fault_tells_the_caller_nothing_of_the_inside() {
        let response = Problem::from(Fault::broken("member 42 has no stage")).into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let body = axum::body::to_bytes(response.into_body(), 1000)
            .await
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let said = "Something went wrong on our side and has been noted.";
        assert_eq!(
            body,
            serde_json::json!({"type": "urn:kwastage:problem:fault", "status": 500, "code": "fault", "title": said})
        );
    }
}
