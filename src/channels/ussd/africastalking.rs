//! Africa's Talking USSD: one form POST per screen, answered by `CON ` or `END ` and the text.

use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::NaiveDateTime;

use crate::app::App;
use crate::conversation::{self, Reply, SessionEnd, SessionId, TRANSCRIPT_BYTES_MAX, Turn};
use crate::primitives::Msisdn;
use crate::telemetry::metric;

/// The largest body read; a real one is under 400 bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The most form fields looked at; a real request has five.
const FIELDS_MAX: usize = 64;

/// `POST /at/{key}/ussd` and `/at/{key}/ussd/end`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/at/{key}/ussd", post(hop))
        .route("/at/{key}/ussd/end", post(end))
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// Answers one screen. Always 200 with `CON`/`END`: any other status shows the rider a bare network error.
async fn hop(State(app): State<App>, body: Result<Bytes, BytesRejection>) -> Response {
    let started = Instant::now();
    let turn = body
        .map_err(|_too_long| Malformed::TooLong)
        .and_then(|body| read(&body, &app.config.ussd.code));
    let reply = match turn {
        Ok(turn) => conversation::turn(&app, turn, started).await,
        Err(malformed) => {
            metric::hop_trouble(malformed.name());
            tracing::warn!(
                reason = malformed.name(),
                "A USSD request could not be read"
            );
            conversation::malformed(&app)
        }
    };
    on_the_wire(&reply)
}

/// What one request asks. `our_code` is the service code as it is dialled, such as `*384*123#`.
///
/// # Errors
/// The body is no form, or lacks a session or a Kenyan number.
pub fn read(body: &[u8], our_code: &str) -> Result<Turn, Malformed> {
    Ok(Request::parse(body)?.into_turn(our_code))
}

/// Notes that a session is over: pulls a waiting M-PESA prompt forward and tells drops from ends.
async fn end(State(app): State<App>, body: Bytes) -> StatusCode {
    match parse_end(&body) {
        Some(end) => conversation::session_ended(&app, end).await,
        None => metric::hop_trouble("end_notice"),
    }
    // The notice is a courtesy; refusing one would help nobody.
    StatusCode::OK
}

fn on_the_wire(reply: &Reply) -> Response {
    let word = if reply.end { "END " } else { "CON " };
    let mut text = String::with_capacity(word.len() + reply.text.len());
    text.push_str(word);
    text.push_str(&reply.text);
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// What one request says, before our own codes are known.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    session: SessionId,
    msisdn: Msisdn,
    service_code: String,
    network: Option<String>,
    text: String,
}

/// Why a request cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    NotAForm,
    FieldTwice,
    NoSession,
    NoPhone,
    TooLong,
}

impl Malformed {
    /// As the metrics call it.
    pub fn name(&self) -> &'static str {
        match self {
            Malformed::NotAForm => "not_a_form",
            Malformed::FieldTwice => "field_twice",
            Malformed::NoSession => "no_session",
            Malformed::NoPhone => "no_phone",
            Malformed::TooLong => "too_long",
        }
    }
}

/// The named fields of a form, each at most once. Unknown fields may repeat and are passed over.
struct Form<const N: usize> {
    names: [&'static str; N],
    values: [Option<String>; N],
}

impl<const N: usize> Form<N> {
    fn parse(body: &[u8], names: [&'static str; N]) -> Result<Form<N>, Malformed> {
        let mut values = [const { None }; N];
        for (count, (name, value)) in form_urlencoded::parse(body).enumerate() {
            if count >= FIELDS_MAX {
                return Err(Malformed::NotAForm);
            }
            let Some(place) = names.iter().position(|known| *known == name) else {
                continue;
            };
            if value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(Malformed::NotAForm);
            }
            if values[place].replace(value.into_owned()).is_some() {
                return Err(Malformed::FieldTwice);
            }
        }
        Ok(Form { names, values })
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let place = self.names.iter().position(|known| *known == name)?;
        self.values[place].take()
    }
}

impl Request {
    fn parse(body: &[u8]) -> Result<Request, Malformed> {
        let mut form = Form::parse(
            body,
            [
                "sessionId",
                "phoneNumber",
                "serviceCode",
                "networkCode",
                "text",
            ],
        )?;
        let session = form
            .take("sessionId")
            .and_then(|id| SessionId::parse(id.trim()))
            .ok_or(Malformed::NoSession)?;
        let msisdn = form
            .take("phoneNumber")
            .and_then(|number| Msisdn::parse(number.trim()).ok())
            .ok_or(Malformed::NoPhone)?;
        let text = form.take("text").unwrap_or_default();
        if text.len() > TRANSCRIPT_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        let service_code: String = form
            .take("serviceCode")
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_whitespace())
            .take(64)
            .collect();
        let network = form.take("networkCode").filter(|code| code.len() <= 8);
        Ok(Request {
            session,
            msisdn,
            service_code,
            network,
            text,
        })
    }

    /// Form B of a deep dial leaves the extra digits in the service code, behind our own code.
    fn into_turn(self, our_code: &str) -> Turn {
        let dialled = self
            .service_code
            .strip_prefix(our_code.trim_end_matches('#'))
            .and_then(|rest| rest.strip_prefix('*'))
            .map(|rest| rest.trim_end_matches('#').to_owned());
        Turn {
            session: self.session,
            msisdn: self.msisdn,
            network: self.network,
            dialled,
            transcript: self.text,
        }
    }
}

fn parse_end(body: &[u8]) -> Option<SessionEnd> {
    let mut form = Form::parse(
        body,
        [
            "sessionId",
            "phoneNumber",
            "date",
            "status",
            "cost",
            "durationInMillis",
            "hopsCount",
            "errorMessage",
        ],
    )
    .ok()?;
    let session = SessionId::parse(form.take("sessionId")?.trim())?;
    let msisdn = Msisdn::parse(form.take("phoneNumber")?.trim()).ok()?;
    let date = form
        .take("date")
        .and_then(|date| NaiveDateTime::parse_from_str(date.trim(), "%Y-%m-%d %H:%M:%S").ok());
    let cost = form.take("cost").and_then(|cost| cents(&cost));
    Some(SessionEnd {
        session,
        msisdn,
        ended_at: date.map(|date| date.and_utc()),
        status: form
            .take("status")
            .unwrap_or_default()
            .chars()
            .take(32)
            .collect(),
        cost_cents: cost,
        duration_ms: form
            .take("durationInMillis")
            .and_then(|ms| ms.trim().parse().ok()),
        hops: form
            .take("hopsCount")
            .and_then(|hops| hops.trim().parse().ok()),
        error: form
            .take("errorMessage")
            .filter(|error| !error.is_empty())
            .map(|error| error.chars().take(200).collect()),
    })
}

/// `0.5` and `KES 0.50` are both fifty cents.
fn cents(cost: &str) -> Option<i64> {
    let number = cost
        .trim()
        .trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction: String = fraction.chars().chain("00".chars()).take(2).collect();
    whole
        .parse::<i64>()
        .ok()?
        .checked_mul(100)?
        .checked_add(fraction.parse::<i64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "ATUid_5d0c1f7ab2e94c0f8e6a31d0c44b9e21";

    fn turn(body: &str) -> Turn {
        Request::parse(body.as_bytes())
            .unwrap()
            .into_turn("*384*123#")
    }

    /// The USSD vectors of the protocol reference: body, transcript, digits dialled behind the code.
    #[test]
    fn the_recorded_shapes_are_understood() {
        let escaped = "phoneNumber=%2B254711000001&serviceCode=%2A384%2A123%23&sessionId=ATUid_5d0c1f7ab2e94c0f8e6a31d0c44b9e21&networkCode=63902&text=";
        for (text, transcript) in [
            ("", ""),
            ("1%2A1", "1*1"),
            (
                "3%2A2%2AStage+ya+Kenyatta+market",
                "3*2*Stage ya Kenyatta market",
            ),
            (
                "3%2A2%2ANjeri%20%26%20Caf%C3%A9%20%2B2",
                "3*2*Njeri & Café +2",
            ),
            ("1%2A", "1*"),
            ("1%2A%23", "1*#"),
            ("1%2A2+", "1*2 "),
        ] {
            let turn = turn(&format!("{escaped}{text}"));
            assert_eq!(
                (turn.transcript.as_str(), turn.dialled),
                (transcript, None),
                "{text}"
            );
            assert_eq!(turn.msisdn.digits(), "254711000001");
        }
    }

    #[test]
    fn bare_bodies_and_every_form_of_number_are_one_caller() {
        for body in [
            "sessionId=S1&serviceCode=*384*123#&networkCode=63902&phoneNumber=%2B254711000001&text=1*2",
            "text=1*2&sessionId=S1&serviceCode=*384*123#&phoneNumber=+254711000001&networkCode=63902",
            "phoneNumber=254711000001&serviceCode=%2A384%2A123%23&text=1%2A2&sessionId=S1",
        ] {
            let turn = turn(body);
            assert_eq!(
                (turn.msisdn.digits(), turn.transcript.as_str()),
                ("254711000001", "1*2"),
                "{body}"
            );
        }
        assert_eq!(
            turn("phoneNumber=254711000001&serviceCode=%2A384%2A123%23&sessionId=S1").transcript,
            ""
        );
    }

    #[test]
    fn form_b_keeps_its_digits_and_a_longer_code_is_not_ours() {
        let with_code = |code: &str| {
            turn(&format!(
                "phoneNumber=254711000001&serviceCode={code}&text=&sessionId=S1"
            ))
            .dialled
        };
        assert_eq!(
            with_code("%2A384%2A123%2A2%2A200%23"),
            Some("2*200".to_owned())
        );
        assert_eq!(with_code("%2A384%2A1234%23"), None);
        assert_eq!(with_code("%2A384%2A123%23"), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        for (body, why) in [
            (
                format!("phoneNumber=254711000001&text=1&text=2&sessionId={SESSION}"),
                Malformed::FieldTwice,
            ),
            (
                "phoneNumber=254711000001&text=1".to_owned(),
                Malformed::NoSession,
            ),
            (format!("text=1&sessionId={SESSION}"), Malformed::NoPhone),
            (
                format!("phoneNumber=MTN&sessionId={SESSION}"),
                Malformed::NoPhone,
            ),
            (
                format!("phoneNumber=254711000001&text=%ff%fe&sessionId={SESSION}"),
                Malformed::NotAForm,
            ),
            (
                format!(
                    "phoneNumber=254711000001&text={}&sessionId={SESSION}",
                    "1".repeat(3000)
                ),
                Malformed::TooLong,
            ),
            ("{\"sessionId\": 1}".to_owned(), Malformed::NoSession),
            (String::new(), Malformed::NoSession),
        ] {
            assert_eq!(Request::parse(body.as_bytes()).err(), Some(why), "{body}");
        }
    }

    #[test]
    fn end_notices_with_and_without_currency() {
        let notice = |cost: &str| {
            parse_end(format!("date=2026-11-20+09%3A15%3A42&sessionId=S1&phoneNumber=%2B254711000001&status=Success&cost={cost}&durationInMillis=21480&hopsCount=4&input=4*1*4821").as_bytes()).unwrap()
        };
        assert_eq!(notice("0.5").cost_cents, Some(50));
        assert_eq!(notice("KES+0.50").cost_cents, Some(50));
        assert_eq!(notice("").cost_cents, None);
        assert_eq!(
            (notice("1").hops, notice("1").duration_ms),
            (Some(4), Some(21480))
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_survived(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let _ = Request::parse(&body);
            let _ = parse_end(&body);
        }
    }
}
