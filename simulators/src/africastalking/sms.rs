//! Messages out, messages in, and the reports about them.

mod delivery;
mod inbound;

pub(crate) use inbound::fetch;
pub use inbound::{opt_out, text};

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use crate::faults::Fault;
use crate::phones::{Msisdn, screen};
use crate::settings::Settings;
use crate::world::{State, World};

use super::form::{self, Fields, Received, authorise, bad_gateway, wants_json};
use delivery::{carry, report};

/// One part of a message within Kenya, in cents.
const PART_CENTS: i64 = 80;

/// The sender of messages that name none.
const SHARED_SENDER: &str = "AFRICASTKNG";

/// What was sent through the account, and what was sent to it.
pub struct MessageBook {
    pub(crate) sent: Vec<Outbound>,
    inbound: Vec<Inbound>,
    /// Who has blocked which sender.
    blocked: HashSet<(Msisdn, String)>,
    balance: i64,
}

/// A message our gateway sent, one per recipient.
#[derive(Clone, Serialize)]
pub struct Outbound {
    pub id: String,
    pub to: String,
    pub from: String,
    pub text: String,
    pub parts: usize,
    pub status: &'static str,
    pub status_code: u16,
    pub at: DateTime<Utc>,
    /// Delivery reports posted so far.
    pub reports: Vec<String>,
    /// Whether the phone has it.
    pub arrived: bool,
}

/// A message a rider sent.
#[derive(Clone)]
struct Inbound {
    id: String,
    link: String,
    from: Msisdn,
    to: String,
    text: String,
    at: DateTime<Utc>,
}

impl MessageBook {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            sent: Vec::new(),
            inbound: Vec::new(),
            blocked: HashSet::new(),
            balance: settings.at_balance,
        }
    }

    /// Whether a subscriber takes nothing from this sender.
    pub(crate) fn has_blocked(&self, whose: &Msisdn, sender: &str) -> bool {
        let sender = sender.to_uppercase();
        self.blocked.contains(&(whose.clone(), sender))
    }

    /// Cents left on the account.
    pub(crate) fn balance(&self) -> i64 {
        self.balance
    }
}

/// `POST /version1/messaging` and `/version1/messaging/bulk`.
pub(crate) async fn send(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = Received::read(&body);
    let asked = match Asked::read(&world, &headers, &fields) {
        Ok(asked) => asked,
        Err(refused) => return refused.into_response(),
    };
    let first = asked
        .to
        .iter()
        .find_map(|number| Msisdn::parse(number).ok());
    let strikes = |what| world.strikes(what, first.as_ref());
    if strikes(Fault::SmsDown) {
        return bad_gateway();
    }
    if strikes(Fault::SmsBusy) {
        return form::json(StatusCode::TOO_MANY_REQUESTS, &json!({"error": "failed"}));
    }
    if strikes(Fault::SmsBadKey) {
        return form::Refused::BadKey.into_response();
    }
    let known_sender = asked
        .from
        .as_deref()
        .is_none_or(|from| is_ours(&world.settings, from));
    if !known_sender || strikes(Fault::SmsInvalidSender) {
        return answered(&headers, "InvalidSenderId", &[]);
    }
    if strikes(Fault::SmsSlow) {
        world.clock.sleep(world.settings.timings.stray_after).await;
    }
    let lost = strikes(Fault::SmsLostAnswer);
    let silent = strikes(Fault::SmsSilent);
    let (rows, message) = accept(&world, &asked).await;
    if silent {
        world.clock.sleep(Duration::from_secs(120)).await;
    }
    if lost || silent {
        return bad_gateway();
    }
    answered(&headers, &message, &rows)
}

struct Asked {
    to: Vec<String>,
    text: String,
    hashed: bool,
    from: Option<String>,
    premium: bool,
    at_once: bool,
}

impl Asked {
    fn read(world: &World, headers: &HeaderMap, fields: &Received) -> Result<Self, form::Refused> {
        authorise(&world.settings, headers, fields)?;
        // Safaricom's hashed numbers come one at a time, in a field of their own.
        let masked = fields
            .get("maskedNumber")
            .filter(|_| fields.get("telco").is_some());
        let plain = fields
            .get("to")
            .or(fields.get("phoneNumbers"))
            .filter(|numbers| !numbers.is_empty());
        let to = plain
            .or(masked)
            .ok_or_else(|| form::Refused::MissingField("to".into()))?;
        let from = fields
            .get("from")
            .or(fields.get("senderId"))
            .filter(|from| !from.is_empty());
        Ok(Self {
            to: to
                .split(',')
                .map(|number| number.trim().to_owned())
                .filter(|number| !number.is_empty())
                .collect(),
            hashed: plain.is_none(),
            text: fields.require("message")?.to_owned(),
            from: from.map(str::to_owned),
            premium: fields.get("bulkSMSMode") == Some("0"),
            at_once: fields
                .get("enqueue")
                .is_some_and(|enqueue| enqueue == "0" || enqueue == "false"),
        })
    }
}

impl Asked {
    /// The phone behind a number, in clear or hashed.
    fn recipient(&self, state: &State, number: &str) -> Option<Msisdn> {
        if self.hashed {
            let behind = |msisdn: &&Msisdn| msisdn.hashed().eq_ignore_ascii_case(number);
            return state.phones.keys().find(behind).cloned();
        }
        Msisdn::parse(number)
            .ok()
            .filter(|_| number.starts_with('+'))
    }
}

fn is_ours(settings: &Settings, from: &str) -> bool {
    let known = [settings.short_code.as_str(), SHARED_SENDER]
        .into_iter()
        .chain(settings.sender_ids.iter().map(String::as_str));
    known
        .into_iter()
        .any(|known| known.eq_ignore_ascii_case(from))
}

/// A row of the answer.
struct Row {
    number: String,
    id: Option<String>,
    status: &'static str,
    code: u16,
    cost: i64,
}

async fn accept(world: &Arc<World>, asked: &Asked) -> (Vec<Row>, String) {
    let now = world.now();
    let parts = screen::parts(&asked.text);
    let mut rows = Vec::new();
    let mut reports_first = Vec::new();
    for number in &asked.to {
        let mut state = world.state();
        let whose = asked.recipient(&state, number);
        if state.strikes(Fault::SmsMissingRow, whose.as_ref(), now) {
            continue;
        }
        let (code, status) = verdict(&mut state, number, whose.as_ref(), asked, parts, now);
        let sent = matches!(code, 100..=102 | 500);
        let id = sent.then(|| format!("ATXid_{}", state.dice.hex(32)));
        let cost = if matches!(code, 100..=102) && !asked.premium {
            parts as i64 * PART_CENTS
        } else {
            0
        };
        state.messages.balance -= cost;
        if let (Some(id), Some(whose)) = (&id, whose) {
            let from = asked.from.clone().unwrap_or_else(|| SHARED_SENDER.into());
            let (to, text) = (whose.international(), asked.text.clone());
            let outbound = Outbound {
                id: id.clone(),
                to,
                from,
                text,
                parts,
                status,
                status_code: code,
                at: now,
                reports: Vec::new(),
                arrived: false,
            };
            state.messages.sent.push(outbound);
            let early = state.strikes(Fault::ReportBeforeAnswer, Some(&whose), now);
            if early {
                reports_first.push((id.clone(), whose.clone()));
            }
            drop(state);
            carry(world, id, &whose);
        }
        rows.push(Row {
            number: number.clone(),
            id: id.filter(|_| code != 500),
            status,
            code,
            cost,
        });
    }
    for (id, whose) in reports_first {
        report(world, &id, &whose, "Sent", None).await;
    }
    let accepted: Vec<&Row> = rows.iter().filter(|row| row.code <= 102).collect();
    let total: i64 = accepted.iter().map(|row| row.cost).sum();
    let count = format!("Sent to {}/{}", accepted.len(), asked.to.len());
    let message = match (asked.premium, total) {
        (true, _) => count,
        (false, 0) => format!("{count} Total Cost: 0"),
        (false, total) => format!(
            "{count} Total Cost: {} Message parts: {parts}",
            priced(total)
        ),
    };
    (rows, message)
}

fn verdict(
    state: &mut State,
    number: &str,
    whose: Option<&Msisdn>,
    asked: &Asked,
    parts: usize,
    now: DateTime<Utc>,
) -> (u16, &'static str) {
    let digits = number.strip_prefix('+').unwrap_or_default();
    let written_well =
        (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !written_well && !asked.hashed {
        return (403, "InvalidPhoneNumber");
    }
    let Some(whose) = whose else {
        return (407, "CouldNotRoute");
    };
    let refusals = [
        (Fault::SmsRiskHold, 401, "RiskHold"),
        (Fault::SmsNoBalance, 405, "InsufficientBalance"),
        (Fault::SmsBlacklist, 406, "UserInBlacklist"),
        (Fault::SmsNoRoute, 407, "CouldNotRoute"),
        (Fault::SmsServerError, 500, "InternalServerError"),
        (Fault::SmsRejected, 502, "RejectedByGateway"),
    ];
    let sender = asked.from.as_deref().unwrap_or(SHARED_SENDER);
    if state.messages.has_blocked(whose, sender) {
        return (406, "UserInBlacklist");
    }
    for (what, code, word) in refusals {
        if state.strikes(what, Some(whose), now) {
            return (code, word);
        }
    }
    if state.messages.balance < parts as i64 * PART_CENTS {
        return (405, "InsufficientBalance");
    }
    (if asked.at_once { 101 } else { 102 }, "Success")
}

fn priced(cents: i64) -> String {
    format!("KES {}.{:02}00", cents / 100, cents % 100)
}

fn answered(headers: &HeaderMap, message: &str, rows: &[Row]) -> Response {
    let id = |row: &Row| row.id.clone().unwrap_or_else(|| "None".into());
    let cost = |row: &Row| {
        if row.cost == 0 {
            "0".to_owned()
        } else {
            priced(row.cost)
        }
    };
    if wants_json(headers) {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| json!({"cost": cost(row), "messageId": id(row), "number": row.number, "status": row.status, "statusCode": row.code}))
            .collect();
        return form::json(
            StatusCode::CREATED,
            &json!({"SMSMessageData": {"Message": message, "Recipients": rows}}),
        );
    }
    let recipient = |row: &Row| {
        let number = quick_xml::escape::escape(row.number.as_str());
        format!(
            "<Recipient><number>{number}</number><cost>{}</cost><status>{}</status><statusCode>{}</statusCode><messageId>{}</messageId></Recipient>",
            cost(row),
            row.status,
            row.code,
            id(row)
        )
    };
    let rows: String = rows.iter().map(recipient).collect();
    let body = format!(
        "<AfricasTalkingResponse><SMSMessageData><Message>{message}</Message><Recipients>{rows}</Recipients></SMSMessageData></AfricasTalkingResponse>"
    );
    (
        StatusCode::CREATED,
        [(header::CONTENT_TYPE, "application/xml")],
        body,
    )
        .into_response()
}

async fn post(world: &World, tail: &str, fields: &Fields) -> Option<u16> {
    let request = world
        .http()
        .post(world.webhook(tail))
        .timeout(world.settings.timings.answer_limit)
        .header("Content-Type", form::FORM);
    let answer = request.body(form::escaped(fields)).send().await.ok()?;
    Some(answer.status().as_u16())
}
