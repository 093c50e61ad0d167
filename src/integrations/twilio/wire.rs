//! What Twilio answers, and what it means. Pure.

use serde::Deserialize;

use crate::messages::{Handover, Refusal};

/// A message resource, as far as we read it.
#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    sid: String,
    #[serde(default)]
    status: String,
    error_code: Option<u32>,
}

/// Twilio's error body: `{"code":21211,"message":…,"more_info":…,"status":400}`.
#[derive(Deserialize)]
struct Refused {
    code: Option<u32>,
}

/// What the answer to a send says.
pub(super) fn handover(status: u16, body: &str) -> Handover {
    match status {
        200 | 201 => created(body),
        // Even with a body of theirs: trouble on their side says nothing about the message.
        500.. => Handover::Unknown {
            why: format!("HTTP {status}"),
        },
        400..=499 => {
            let code = serde_json::from_str::<Refused>(body).ok();
            Handover::Refused(refusal(status, code.and_then(|refused| refused.code)))
        }
        _ => Handover::Unknown {
            why: format!("HTTP {status}"),
        },
    }
}

fn created(body: &str) -> Handover {
    let unknown = |why: &str| Handover::Unknown {
        why: why.to_owned(),
    };
    let Ok(message) = serde_json::from_str::<Created>(body) else {
        return unknown("the answer does not read");
    };
    if !(1..=100).contains(&message.sid.len()) {
        return unknown("accepted without an id");
    }
    match (message.status.as_str(), message.error_code) {
        ("failed" | "undelivered" | "canceled", code) => Handover::Refused(code.map_or_else(
            || Refusal::Other(message.status.clone()),
            |code| refusal(400, Some(code)),
        )),
        // A price is told later, if at all, and in the account's currency.
        _ => Handover::Accepted {
            id: message.sid,
            cost: None,
        },
    }
}

fn refusal(status: u16, code: Option<u32>) -> Refusal {
    match (code, status) {
        (Some(20003), _) | (None, 401 | 403) => Refusal::Key,
        (Some(20429), _) | (None, 429) => Refusal::Throttled,
        (Some(21211), _) => Refusal::Number,
        // The country is not enabled for our account.
        (Some(21408), _) => Refusal::NoRoute,
        (Some(21610), _) => Refusal::Blocked,
        (Some(code @ (30003..=30008)), _) => Refusal::Other(format!("code {code}")),
        (_, 401 | 403) => Refusal::Key,
        (_, 429) => Refusal::Throttled,
        (Some(code), _) => Refusal::Request(format!("code {code}")),
        (None, status) => Refusal::Request(format!("HTTP {status}")),
    }
}

/// Whether another provider may bring what Twilio reported as undelivered under this error code: the handset was not
/// reached (30003), it was filtered (30007), or nobody knows why (30008).
pub fn may_pass_elsewhere(error_code: &str) -> bool {
    matches!(error_code.trim(), "30003" | "30007" | "30008")
}

/// The error code of somebody who has opted out of our messages.
pub fn is_opted_out(error_code: &str) -> bool {
    error_code.trim() == "21610"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: u32, status: u16) -> String {
        format!(
            r#"{{"code":{code},"message":"x","more_info":"https://www.twilio.com/docs/errors/{code}","status":{status}}}"#
        )
    }

    #[test]
    fn answers_to_a_send() {
        let sid = "SM00000000000000000000000000000002";
        let message = |status: &str, code: &str| {
            format!(
                r#"{{"sid":"{sid}","status":"{status}","num_segments":"1","error_code":{code},"price":null}}"#
            )
        };
        let accepted = Handover::Accepted {
            id: sid.into(),
            cost: None,
        };
        let refused = Handover::Refused;
        let unknown = |why: &str| Handover::Unknown { why: why.into() };
        let t03 = r#"{"code":21610,"message":"Attempt to send to unsubscribed recipient","more_info":"https://www.twilio.com/docs/errors/21610","status":400}"#;
        for (what, status, body, wanted) in [
            ("queued", 201, message("queued", "null"), accepted.clone()),
            (
                "accepted",
                201,
                message("accepted", "null"),
                accepted.clone(),
            ),
            ("a new word", 201, message("teleporting", "null"), accepted),
            (
                "failed at once",
                201,
                message("failed", "21610"),
                refused(Refusal::Blocked),
            ),
            (
                "no id",
                201,
                r#"{"status":"queued"}"#.into(),
                unknown("accepted without an id"),
            ),
            (
                "cut off",
                201,
                r#"{"sid":"SM"#.into(),
                unknown("the answer does not read"),
            ),
            (
                "bad credentials",
                401,
                error(20003, 401),
                refused(Refusal::Key),
            ),
            (
                "bad number",
                400,
                error(21211, 400),
                refused(Refusal::Number),
            ),
            ("country", 400, error(21408, 400), refused(Refusal::NoRoute)),
            ("T03", 400, t03.into(), refused(Refusal::Blocked)),
            (
                "too fast",
                429,
                error(20429, 429),
                refused(Refusal::Throttled),
            ),
            (
                "too fast, without a word",
                429,
                String::new(),
                refused(Refusal::Throttled),
            ),
            (
                "filtered",
                400,
                error(30007, 400),
                refused(Refusal::Other("code 30007".into())),
            ),
            (
                "our mistake",
                400,
                error(21602, 400),
                refused(Refusal::Request("code 21602".into())),
            ),
            (
                "nothing of theirs",
                404,
                "<html>".into(),
                refused(Refusal::Request("HTTP 404".into())),
            ),
            ("their trouble", 500, error(20500, 500), unknown("HTTP 500")),
            (
                "their gateway",
                502,
                "<html>bad gateway</html>".into(),
                unknown("HTTP 502"),
            ),
            ("elsewhere", 302, String::new(), unknown("HTTP 302")),
        ] {
            assert_eq!(handover(status, &body), wanted, "{what}");
        }
    }

    #[test]
    fn what_another_provider_may_bring() {
        for (code, passes) in [
            ("30003", true),
            ("30007", true),
            ("30008", true),
            ("30005", false),
            ("30006", false),
            ("21610", false),
            ("", false),
        ] {
            assert_eq!(may_pass_elsewhere(code), passes, "{code}");
        }
    }
}
