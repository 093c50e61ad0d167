//! Forms as Africa's Talking writes them, and forms and JSON as its SDKs send them; plus its plain-text refusals.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::settings::Settings;

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) type Fields = Vec<(&'static str, String)>;

/// A form with everything escaped, as in the recordings: `*` as `%2A`, a space as `+`.
pub(crate) fn escaped(fields: &Fields) -> String {
    joined(fields, |byte| {
        byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
    })
}

/// A form as hand-made senders write it: `*`, `#` and `+` stay bare.
pub(crate) fn bare(fields: &Fields) -> String {
    joined(fields, |byte| {
        byte.is_ascii_alphanumeric() || b"-._*#+".contains(&byte)
    })
}

fn joined(fields: &Fields, plain: impl Fn(u8) -> bool) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        body.push_str(name);
        body.push('=');
        for byte in value.bytes() {
            match byte {
                b' ' => body.push('+'),
                byte if plain(byte) => body.push(char::from(byte)),
                byte => body.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    body
}

/// What an SDK sent: a form, or JSON whatever it is labelled as. The word `undefined` counts as missing.
pub(crate) struct Received(BTreeMap<String, String>);

impl Received {
    pub(crate) fn read(body: &Bytes) -> Self {
        let text = body.trim_ascii_start();
        let fields = if text.starts_with(b"{") {
            from_json(text)
        } else {
            pairs(body)
        };
        Self::kept(fields)
    }

    pub(crate) fn query(query: Option<&str>) -> Self {
        Self::kept(pairs(query.unwrap_or_default().as_bytes()))
    }

    fn kept(fields: Vec<(String, String)>) -> Self {
        Self(
            fields
                .into_iter()
                .filter(|(_, value)| value != "undefined")
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The field, or the stock refusal of Africa's Talking's server.
    pub(crate) fn require(&self, name: &str) -> Result<&str, Refused> {
        self.get(name)
            .ok_or_else(|| Refused::MissingField(name.to_owned()))
    }
}

fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

fn from_json(text: &[u8]) -> Vec<(String, String)> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(text) else {
        return Vec::new();
    };
    let plain = |value: Value| match value {
        Value::String(text) => text,
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().unwrap_or_default())
            .collect::<Vec<_>>()
            .join(","),
        other => other.to_string(),
    };
    fields
        .into_iter()
        .map(|(name, value)| (name, plain(value)))
        .collect()
}

/// A plain-text refusal.
pub(crate) enum Refused {
    MissingField(String),
    BadKey,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let text = [(header::CONTENT_TYPE, "text/plain; charset=UTF-8")];
        match self {
            Refused::MissingField(name) => (
                StatusCode::BAD_REQUEST,
                text,
                format!("Request is missing required form field '{name}'"),
            )
                .into_response(),
            Refused::BadKey => {
                let realm = [(
                    header::WWW_AUTHENTICATE,
                    r#"Basic realm="api",charset=UTF-8"#,
                )];
                (
                    StatusCode::UNAUTHORIZED,
                    text,
                    realm,
                    "The supplied authentication is invalid",
                )
                    .into_response()
            }
        }
    }
}

/// The account behind a request: the user name is a field, the key a header.
pub(crate) fn authorise(
    settings: &Settings,
    headers: &HeaderMap,
    fields: &Received,
) -> Result<(), Refused> {
    let username = fields.require("username")?;
    let key = headers.get("apikey").and_then(|key| key.to_str().ok());
    if username == settings.at_username && key == Some(settings.at_api_key.as_str()) {
        Ok(())
    } else {
        Err(Refused::BadKey)
    }
}

pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    let accepts = |value: &axum::http::HeaderValue| {
        value
            .to_str()
            .is_ok_and(|value| value.to_ascii_lowercase().contains("json"))
    };
    headers.get_all(header::ACCEPT).iter().any(accepts)
}

/// JSON on one line, labelled without a charset: the Python SDK insists on exactly that.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

pub(crate) fn bad_gateway() -> Response {
    (
        StatusCode::BAD_GATEWAY,
        [(header::CONTENT_TYPE, "text/html")],
        "<html>bad gateway</html>",
    )
        .into_response()
}
