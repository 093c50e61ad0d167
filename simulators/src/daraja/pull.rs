//! Pull Transactions: what was paid to us in the last 48 hours, in rows inside a row.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::clock::nairobi;
use crate::faults::Fault;
use crate::phones::plain;
use crate::world::{State, World};

use super::book::{Entry, Kind};
use super::{Refused, answer, enter};

/// Rows of one answer.
const PAGE: usize = 100;

/// `POST /pulltransactions/v1/register`
pub(crate) async fn register(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match enter(&world, &headers, &body, "pull-register").await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    if asked.filled("ShortCode").as_deref() != Some(world.settings.paybill.as_str()) {
        return Refused::new(400, "400.001", "Bad Request - Invalid ShortCode").answer(&world);
    }
    let mut state = world.state();
    let (code, says) = if state.book.pull_registered {
        ("1001", "ShortCode already registered")
    } else {
        ("1000", "ShortCode registered")
    };
    state.book.pull_registered = true;
    let reference = reference(&mut state);
    let body = json!({
        "ResponseRefID": reference, "ResponseStatus": code, "ShortCode": world.settings.paybill, "ResponseDescription": says,
    });
    answer(StatusCode::OK, &body)
}

/// `GET` or `POST /pulltransactions/v1/query`
pub(crate) async fn query(
    Shared(world): Shared<Arc<World>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match enter(&world, &headers, &body, "pull").await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let read = || -> Result<(DateTime<Utc>, DateTime<Utc>, usize), Refused> {
        let refuse =
            |name: &str| Refused::new(400, "400.001", format!("Bad Request - Invalid {name}"));
        if asked.filled("ShortCode").as_deref() != Some(world.settings.paybill.as_str()) {
            return Err(refuse("ShortCode"));
        }
        let date = |name: &str| {
            asked
                .filled(name)
                .and_then(|text| moment(&text))
                .ok_or_else(|| refuse(name))
        };
        let offset = asked
            .text("OffSetValue")
            .unwrap_or_else(|| "0".into())
            .parse()
            .map_err(|_| refuse("OffSetValue"))?;
        Ok((date("StartDate")?, date("EndDate")?, offset))
    };
    let (from, to, offset) = match read() {
        Ok(read) => read,
        Err(refused) => return refused.answer(&world),
    };
    let now = world.now();
    let mut state = world.state();
    let nothing = !state.book.pull_registered || state.strikes(Fault::PullEmpty, None, now);
    let oldest = now - TimeDelta::hours(48);
    let wanted = |entry: &&Entry| {
        matches!(entry.kind, Kind::Stk | Kind::C2b)
            && entry.at >= from.max(oldest)
            && entry.at <= to
            && !nothing
    };
    let rows: Vec<Value> = state
        .book
        .entries
        .iter()
        .filter(wanted)
        .skip(offset)
        .take(PAGE)
        .map(|entry| row(&world, entry))
        .collect();
    let (code, says) = if rows.is_empty() {
        ("1001", "Null")
    } else {
        ("1000", "Success")
    };
    let reference = reference(&mut state);
    let body = json!({"ResponseRefID": reference, "ResponseCode": code, "ResponseMessage": says, "Response": [rows]});
    answer(StatusCode::OK, &body)
}

fn reference(state: &mut State) -> String {
    format!("{}-{}-2", state.dice.digits(5), state.dice.digits(8))
}

/// Dates are typed in Nairobi's time.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let local = NaiveDateTime::parse_from_str(text.trim(), "%Y-%m-%d %H:%M:%S").ok()?;
    let nairobi = FixedOffset::east_opt(3 * 3600)?;
    Some(local.and_local_timezone(nairobi).single()?.to_utc())
}

/// The row's `Z` is not honest: the time of day is Nairobi's, as in the page's sample.
fn row(world: &World, entry: &Entry) -> Value {
    let amount = plain(entry.amount);
    json!({
        "transactionId": entry.receipt, "trxDate": nairobi(entry.at).format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "msisdn": entry.msisdn.trim_start_matches("254"), "sender": "MPESA", "transactiontype": "c2b-pay-bill-debit",
        "billreference": entry.account, "amount": amount.strip_suffix('0').unwrap_or(&amount), "organizationname": world.settings.organisation,
    })
}
