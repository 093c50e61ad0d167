//! One hop on the wire: how the request is written, and how strictly the answer is read.

use crate::africastalking::form::{self, Fields};
use crate::phones::{Msisdn, Network, screen};
use crate::world::World;

use super::Session;

/// The fields in the order of the recordings.
pub(super) fn request(session: &Session, msisdn: &Msisdn, network: Network) -> Fields {
    vec![
        ("phoneNumber", msisdn.international()),
        ("serviceCode", session.service_code.clone()),
        ("text", session.inputs.join("*")),
        ("sessionId", session.id.clone()),
        ("networkCode", network.code().into()),
    ]
}

/// How the request is written down.
pub(super) struct Shape {
    pub(super) bare: bool,
    pub(super) permuted: bool,
    pub(super) no_network: bool,
    pub(super) no_plus: bool,
    pub(super) no_text: bool,
    pub(super) sandbox: bool,
}

impl Shape {
    pub(super) fn written(&self, mut fields: Fields) -> String {
        let first = fields
            .iter()
            .any(|(name, value)| *name == "text" && value.is_empty());
        for (name, value) in &mut fields {
            match *name {
                "phoneNumber" if self.no_plus => *value = value.trim_start_matches('+').to_owned(),
                "networkCode" if self.sandbox => *value = "99999".into(),
                _ => {}
            }
        }
        fields.retain(|(name, _)| {
            !(self.no_network && *name == "networkCode" || self.no_text && first && *name == "text")
        });
        if self.permuted {
            fields.rotate_left(3);
        }
        // A plus inside what the rider typed would turn into a space: only a body without one can stay bare.
        let typed_plus = fields
            .iter()
            .any(|(name, value)| *name == "text" && value.contains('+'));
        if self.bare && !typed_plus {
            form::bare(&fields)
        } else {
            form::escaped(&fields)
        }
    }
}

/// The gateway's answer as it came.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) content_type: String,
    pub(super) encoded: bool,
    pub(super) label: Option<String>,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(super) async fn ask(
    world: &World,
    body: String,
    label: Option<String>,
) -> Result<Answer, String> {
    let mut request = world
        .http()
        .post(world.webhook("ussd"))
        .timeout(world.settings.timings.answer_limit)
        .header("User-Agent", "at-ussd-api/1.0")
        .header(
            "Content-Type",
            "application/x-www-form-urlencoded; charset=UTF-8",
        )
        .header("Accept-Encoding", "gzip")
        .body(body);
    if let Some(label) = label {
        request = request.header(LABEL, label);
    }
    let unreached = |error: reqwest::Error| match error.is_timeout() {
        true => "Application did not answer in time".to_owned(),
        false => "Request to the application could not be delivered".to_owned(),
    };
    let answer = request.send().await.map_err(unreached)?;
    let header = |name: &str| {
        answer
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (content_type, encoded, label) = (
        header("content-type").unwrap_or_default(),
        header("content-encoding").is_some(),
        header(LABEL),
    );
    let status = answer.status().as_u16();
    let body = answer.bytes().await.map_err(unreached)?.to_vec();
    Ok(Answer {
        status,
        body,
        content_type,
        encoded,
        label,
    })
}

/// The optional header with which an application names its hops.
const LABEL: &str = "at-ussd-hop-metadata";

/// A readable answer: a screen, and whether it expects input.
pub(super) struct Read {
    pub(super) raw: String,
    pub(super) text: String,
    pub(super) expects_input: bool,
    pub(super) label: Option<String>,
}

/// Checks an answer as strictly as Africa's Talking does; what it would let pass but the screen would suffer from is noted.
pub(super) fn judge(
    world: &World,
    msisdn: &Msisdn,
    network: Network,
    answer: Answer,
) -> Result<Read, String> {
    let refuse = |kind: &'static str, reason: String| {
        world.violation(kind, msisdn, reason.clone());
        Err(reason)
    };
    if answer.status != 200 {
        return refuse(
            "ussd-status",
            format!("Application responded with status {}", answer.status),
        );
    }
    let Ok(raw) = String::from_utf8(answer.body) else {
        return refuse("ussd-body", "Response is not UTF-8".into());
    };
    let (expects_input, text) = match (raw.strip_prefix("CON "), raw.strip_prefix("END ")) {
        (Some(text), _) => (true, text.to_owned()),
        (_, Some(text)) => (false, text.to_owned()),
        _ => {
            return refuse(
                "ussd-prefix",
                "Response should start with a CON or an END".into(),
            );
        }
    };
    let note = |kind, detail: String| world.violation(kind, msisdn, detail);
    if !answer
        .content_type
        .to_ascii_lowercase()
        .starts_with("text/plain")
    {
        note(
            "ussd-content-type",
            format!(
                "answered as {:?} instead of text/plain",
                answer.content_type
            ),
        );
    }
    if answer.encoded {
        note("ussd-encoding", "answered with a content encoding".into());
    }
    if text.trim().is_empty() {
        note("ussd-empty", "an empty screen".into());
    }
    if text.contains('\r') || text.ends_with('\n') {
        note(
            "ussd-lines",
            "carriage returns or a trailing newline".into(),
        );
    }
    let (septets_max, units_max) = screen_limits(world, network);
    let too_long = match screen::septets(&text) {
        Some(septets) => {
            (septets > septets_max).then(|| format!("{septets} septets where {septets_max} fit"))
        }
        None => {
            note("ussd-alphabet", "a character outside GSM 03.38".into());
            let units = screen::units(&text);
            (units > units_max).then(|| format!("{units} units where {units_max} fit"))
        }
    };
    if let Some(detail) = too_long {
        note("ussd-too-long", detail);
    }
    let label = answer.label.filter(|label| {
        let proper = label.chars().count() <= 99 && !label.contains('|');
        if !proper {
            note(
                "ussd-label",
                "a hop label over 99 characters or with a vertical bar".into(),
            );
        }
        proper
    });
    Ok(Read {
        raw,
        text,
        expects_input,
        label,
    })
}

pub(super) fn screen_limits(world: &World, network: Network) -> (usize, usize) {
    let prefix = if world.settings.prefix_counts { 4 } else { 0 };
    (network.screen_septets() - prefix, network.screen_units())
}

pub(super) fn compare(
    world: &World,
    msisdn: &Msisdn,
    kind: &'static str,
    first: &Result<Answer, String>,
    second: &Result<Answer, String>,
) {
    if let (Ok(first), Ok(second)) = (first, second)
        && (first.status != second.status || first.body != second.body)
    {
        world.violation(
            "ussd-repeat",
            msisdn,
            format!("{kind}: a repeated request was answered otherwise than before"),
        );
    }
}
