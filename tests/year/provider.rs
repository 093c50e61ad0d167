//! M-PESA: it knows the truth and tells it badly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, Uri};
use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, Utc};
use kwastage::clock::Clock;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

/// How it misbehaves, per hundred.
const LOST_ANSWERS: u32 = 8;
const REFUSED_PUSHES: u32 = 8;
const LOST_CALLBACKS: u32 = 15;
const REPEATED: u32 = 15;
const LOST_CONFIRMATIONS: u32 = 20;
const FORGED_CALLBACKS: u32 = 4;
const UNREADABLE_CALLBACKS: u32 = 4;
const UNANSWERED_QUESTIONS: u32 = 20;
const STRANGE_ADDRESSES: u32 = 3;
const EMPTY_PULLS: u32 = 15;

/// One of the addresses that Safaricom publishes, and one that it does not.
const SAFARICOM: &str = "196.201.212.69";
const ELSEWHERE: &str = "203.0.113.9";

/// Something that reaches us from outside.
pub struct Arrival {
    pub address: &'static str,
    pub path: String,
    pub body: String,
}

/// Money that moved, whoever was told.
pub enum Truth {
    Pushed { reference: String, cents: i64 },
    Sent { account: String, cents: i64 },
}

/// What really became of a prompt.
struct Prompt {
    decided_at: DateTime<Utc>,
    code: &'static str,
    paid_at: Option<DateTime<Utc>>,
}

/// A line of M-PESA's own book.
struct Entry {
    at: DateTime<Utc>,
    receipt: String,
    account: String,
    cents: i64,
    pushed: bool,
    noted: bool,
}

pub struct Provider {
    dice: StdRng,
    clock: Clock,
    prompts: BTreeMap<String, Prompt>,
    pushed: BTreeMap<String, u32>,
    entries: Vec<Entry>,
    arrivals: BTreeMap<(DateTime<Utc>, usize), Arrival>,
    posted: usize,
    lost: usize,
}

impl Provider {
    pub fn new(seed: u64, clock: Clock) -> Provider {
        Provider {
            dice: StdRng::seed_from_u64(seed),
            clock,
            prompts: BTreeMap::new(),
            pushed: BTreeMap::new(),
            entries: vec![],
            arrivals: BTreeMap::new(),
            posted: 0,
            lost: 0,
        }
    }

    /// A payer types the paybill's number and this account.
    pub fn somebody_sends(&mut self, account: &str, cents: i64) {
        let now = self.clock.now();
        self.pays(account.to_owned(), cents, now, false);
    }

    pub fn next_arrival(&self) -> Option<DateTime<Utc>> {
        self.arrivals.keys().next().map(|(at, _)| *at)
    }

    pub fn take_arrival(&mut self, until: DateTime<Utc>) -> Option<Arrival> {
        let first = self.arrivals.first_entry()?;
        (first.key().0 <= until).then(|| first.remove())
    }

    /// What moved until now and was not taken before.
    pub fn take_truths(&mut self, now: DateTime<Utc>) -> Vec<Truth> {
        let fresh = self
            .entries
            .iter_mut()
            .filter(|entry| !entry.noted && entry.at <= now);
        fresh
            .map(|entry| {
                entry.noted = true;
                let (account, cents) = (entry.account.clone(), entry.cents);
                match entry.pushed {
                    true => Truth::Pushed {
                        reference: account,
                        cents,
                    },
                    false => Truth::Sent { account, cents },
                }
            })
            .collect()
    }

    /// Every receipt ever given, with its amount in cents.
    pub fn book(&self) -> BTreeMap<String, i64> {
        let lines = self.entries.iter();
        lines
            .map(|entry| (entry.receipt.clone(), entry.cents))
            .collect()
    }

    pub fn prompts(&self) -> usize {
        self.prompts.len()
    }

    /// Nobody was prompted twice by one attempt of ours.
    pub fn prompted_twice(&self) -> Vec<&String> {
        let twice = self.pushed.iter().filter(|(_, times)| **times > 1);
        twice.map(|(reference, _)| reference).collect()
    }

    pub fn was_bad_enough(&self) {
        assert!(self.lost * 10 >= self.prompts.len(), "{} lost", self.lost);
        assert!(self.entries.len() * 3 >= self.prompts.len());
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.dice.random_ratio(percent, 100)
    }

    fn seconds(&mut self, from: i64, to: i64) -> TimeDelta {
        TimeDelta::milliseconds(self.dice.random_range(from * 1000..to * 1000))
    }

    fn post(&mut self, at: DateTime<Utc>, address: &'static str, path: String, body: String) {
        self.posted += 1;
        let arrival = Arrival {
            address,
            path,
            body,
        };
        self.arrivals.insert((at, self.posted), arrival);
    }

    fn answer(&mut self, path: &str, body: &Value) -> (u16, String) {
        match path {
            "/oauth/v1/generate" => (200, r#"{"access_token":"t","expires_in":"3599"}"#.into()),
            "/mpesa/stkpush/v1/processrequest" => self.push(body),
            "/mpesa/stkpushquery/v1/query" => self.query(&text(body, "CheckoutRequestID")),
            "/pulltransactions/v1/register" => (
                200,
                r#"{"ResponseRefID":"1-1-1","ResponseStatus":"1001","ShortCode":"600123"}"#.into(),
            ),
            "/pulltransactions/v1/query" => self.pull(body),
            other => panic!("nobody asks for {other}"),
        }
    }

    fn push(&mut self, body: &Value) -> (u16, String) {
        let reference = text(body, "AccountReference");
        *self.pushed.entry(reference.clone()).or_default() += 1;
        if self.chance(REFUSED_PUSHES) {
            let refusals = [
                (
                    "500.001.1001",
                    "Unable to lock subscriber, a transaction is already in process",
                ),
                (
                    "500.003.02",
                    "System is busy. Please try again in few minutes.",
                ),
                ("500.003.02", "Error Occurred: Spike Arrest Violation"),
                ("400.002.02", "Bad Request - Invalid PhoneNumber"),
            ];
            let (code, words) = refusals[self.dice.random_range(0..refusals.len())];
            return error(code, words);
        }
        let is_lost = self.chance(LOST_ANSWERS);
        if is_lost && self.chance(40) {
            return (502, "<html>Bad Gateway</html>".into());
        }
        let checkout = format!("ws_CO_{:020}", self.dice.random::<u64>());
        self.prompt(body, reference, &checkout);
        match is_lost {
            true if self.chance(50) => (504, String::new()),
            true => error("500.001.1001", ""),
            false => (
                200,
                json!({"MerchantRequestID": "7a1e", "CheckoutRequestID": checkout, "ResponseCode": "0"})
                    .to_string(),
            ),
        }
    }

    /// Decides what the rider does, and who will hear of it when.
    fn prompt(&mut self, body: &Value, reference: String, checkout: &str) {
        let now = self.clock.now();
        let url = text(body, "CallBackURL");
        let path = url[url.find("/pay/").unwrap()..].to_owned();
        let cents = text(body, "Amount").parse::<i64>().unwrap() * 100;
        let decided_at = now + self.seconds(5, 60);
        let code = match self.dice.random_range(0..100) {
            0..64 => "0",
            64..72 => "1032",
            72..78 => "1",
            78..81 => "2001",
            81..96 => "1037",
            96..98 => "7777",
            _ => "1001",
        };
        // Some who "could not be reached" have entered their PIN all the same.
        let pays_late = code == "1037" && self.chance(25);
        let paid_at = match code {
            "0" => Some(decided_at),
            _ if pays_late => Some(decided_at + self.seconds(20, 3000)),
            _ => None,
        };
        let receipt = paid_at.map(|at| self.pays(reference, cents, at, true));
        if code != "0" {
            self.call_back(&path, checkout, code, cents, None, decided_at);
        }
        if let (Some(at), Some(receipt)) = (paid_at, receipt) {
            self.call_back(&path, checkout, "0", cents, Some(&receipt), at);
        }
        if self.chance(FORGED_CALLBACKS) {
            let forged = result("ws_CO_foreign", "0", cents, Some("UK5ZZZZZZZ"));
            let at = now + self.seconds(1, 300);
            // From a published address, on the secret path, with the payer's number as it is shown: all but the prompt.
            self.post(at, SAFARICOM, path.clone(), forged);
        }
        if self.chance(UNREADABLE_CALLBACKS) {
            let at = now + self.seconds(1, 300);
            self.post(at, SAFARICOM, path, "{\"Body\":".into());
        }
        let prompt = Prompt {
            decided_at,
            code,
            paid_at,
        };
        self.prompts.insert(checkout.to_owned(), prompt);
    }

    fn call_back(
        &mut self,
        path: &str,
        checkout: &str,
        code: &str,
        cents: i64,
        receipt: Option<&str>,
        at: DateTime<Utc>,
    ) {
        let body = result(checkout, code, cents, receipt);
        self.tell(path, &body, at, LOST_CALLBACKS);
    }

    /// Never, once or several times, soon or late, and now and then from a strange address.
    fn tell(&mut self, path: &str, body: &str, at: DateTime<Utc>, lost: u32) {
        if self.chance(lost) {
            self.lost += 1;
            return;
        }
        let copies = if self.chance(REPEATED) { 3 } else { 1 };
        for _ in 0..copies {
            let delay = match self.chance(10) {
                true => self.seconds(60, 900),
                false => self.seconds(0, 5),
            };
            let address = if self.chance(STRANGE_ADDRESSES) {
                ELSEWHERE
            } else {
                SAFARICOM
            };
            self.post(at + delay, address, path.to_owned(), body.to_owned());
        }
    }

    /// Money reaches the paybill, and its confirmation goes out, perhaps.
    fn pays(&mut self, account: String, cents: i64, at: DateTime<Utc>, pushed: bool) -> String {
        let receipt = format!("UK5{:07}", self.entries.len());
        let body = json!({
            "TransactionType": "Pay Bill", "TransID": receipt, "TransAmount": amount(cents), "BusinessShortCode": "600123",
            "BillRefNumber": account, "MSISDN": "2547 ***** ",
        });
        let path = "/pay/demo/c2b/confirmation";
        self.tell(path, &body.to_string(), at, LOST_CONFIRMATIONS);
        self.entries.push(Entry {
            at,
            receipt: receipt.clone(),
            account,
            cents,
            pushed,
            noted: false,
        });
        receipt
    }

    fn query(&mut self, checkout: &str) -> (u16, String) {
        if self.chance(UNANSWERED_QUESTIONS) {
            return error("500.001.1001", "");
        }
        let now = self.clock.now();
        let Some(prompt) = self.prompts.get(checkout) else {
            return error("500.001.1001", "The transaction does not Exist");
        };
        let code = match prompt.paid_at {
            Some(at) if at <= now => "0",
            _ if now < prompt.decided_at => "4999",
            _ => prompt.code,
        };
        (
            200,
            json!({"ResponseCode": "0", "MerchantRequestID": "7a1e", "CheckoutRequestID": checkout, "ResultCode": code})
                .to_string(),
        )
    }

    /// What was paid in the last 48 hours, in pages; sometimes it says that there is nothing.
    fn pull(&mut self, body: &Value) -> (u16, String) {
        let now = self.clock.now();
        let (from, to) = (
            moment(&text(body, "StartDate")),
            moment(&text(body, "EndDate")),
        );
        let offset: usize = text(body, "OffSetValue").parse().unwrap();
        let is_empty = self.chance(EMPTY_PULLS);
        let oldest = (now - TimeDelta::hours(48)).max(from);
        let known = self.entries.iter();
        let asked = known.filter(|entry| (oldest..=to.min(now)).contains(&entry.at) && !is_empty);
        let rows: Vec<Value> = asked
            .skip(offset)
            .take(7)
            .map(|entry| {
                let at = entry.at.with_timezone(&nairobi());
                json!({
                    "transactionId": entry.receipt, "trxDate": at.format("%Y-%m-%dT%H:%M:%SZ").to_string(), "msisdn": "7",
                    "transactiontype": "c2b-pay-bill-debit", "billreference": entry.account, "amount": amount(entry.cents),
                })
            })
            .collect();
        let code = if rows.is_empty() { "1001" } else { "1000" };
        (
            200,
            json!({"ResponseRefID": "1-1-1", "ResponseCode": code, "Response": [rows]}).to_string(),
        )
    }
}

/// Answers the product's client until the test's runtime ends; says where.
pub async fn serve(provider: Arc<Mutex<Provider>>) -> String {
    let app = Router::new().fallback(move |uri: Uri, body: Bytes| {
        let provider = provider.clone();
        async move {
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let (status, body) = provider.lock().unwrap().answer(uri.path(), &body);
            (StatusCode::from_u16(status).unwrap(), body)
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

fn text(body: &Value, name: &str) -> String {
    let text = body[name].as_str();
    text.unwrap_or_else(|| panic!("no {name}")).to_owned()
}

fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn nairobi() -> FixedOffset {
    FixedOffset::east_opt(3 * 3600).unwrap()
}

fn moment(text: &str) -> DateTime<Utc> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
    local.and_local_timezone(nairobi()).unwrap().to_utc()
}

fn error(code: &str, words: &str) -> (u16, String) {
    (
        500,
        json!({"requestId": "1", "errorCode": code, "errorMessage": words}).to_string(),
    )
}

fn result(checkout: &str, code: &str, cents: i64, receipt: Option<&str>) -> String {
    let mut callback = json!({
        "MerchantRequestID": "7a1e", "CheckoutRequestID": checkout, "ResultCode": code.parse::<i64>().unwrap(), "ResultDesc": ".",
    });
    if let Some(receipt) = receipt {
        callback["CallbackMetadata"] = json!({"Item": [
            {"Name": "Amount", "Value": cents / 100}, {"Name": "MpesaReceiptNumber", "Value": receipt},
            {"Name": "Balance"}, {"Name": "PhoneNumber", "Value": "2547 ***** "},
        ]});
    }
    json!({"Body": {"stkCallback": callback}}).to_string()
}
