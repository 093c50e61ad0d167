//! Riders paying through a provider that drops, delays, repeats, reorders, forges and forgets, with workers that
//! die between any two steps. Time is virtual and all misfortune is drawn from one seed:
//! `SEED=7 PAYMENTS=5000 cargo test --test payments simulation`.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use chrono::{DateTime, TimeDelta, Utc};
use kwastage::clock::Clock;
use kwastage::payments::jobs::{self, Undone};
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::dice::{Dice, number, seed};
use crate::world::{self, Reply, World};

#[sqlx::test]
async fn whatever_the_provider_does_the_books_are_right_and_every_rider_is_told(pool: PgPool) {
    live_through(pool, 0).await;
}

#[sqlx::test]
async fn and_in_another_world(pool: PgPool) {
    live_through(pool, 1).await;
}

#[sqlx::test]
async fn and_in_a_third_one(pool: PgPool) {
    live_through(pool, 2).await;
}

async fn live_through(pool: PgPool, world: u64) {
    let seed = seed().wrapping_add(world);
    let payments = number("PAYMENTS", 700);
    println!("SEED={seed} PAYMENTS={payments}");
    let mut run = Run::prepare(pool, seed, payments).await;
    run.play().await;
    run.check().await;
}

/// How the provider misbehaves, per hundred.
const LOST_ANSWERS: u64 = 8;
const REFUSED_PUSHES: u64 = 8;
const LOST_CALLBACKS: u64 = 15;
const REPEATED_CALLBACKS: u64 = 15;
const LOST_CONFIRMATIONS: u64 = 25;
const FORGED_CALLBACKS: u64 = 4;
const UNREADABLE_CALLBACKS: u64 = 4;
const UNANSWERED_QUESTIONS: u64 = 20;
/// How often one of our own steps is cut off somewhere.
const CRASHES: u64 = 12;
/// As long as a dead worker's lease.
const LEASE: TimeDelta = TimeDelta::seconds(60);
const SWEEP_EVERY: TimeDelta = TimeDelta::minutes(20);

/// Something that reaches us from outside at a certain time.
#[derive(Clone, Debug)]
enum Arrival {
    Callback {
        address: &'static str,
        token: String,
        body: String,
    },
    Confirmation {
        body: String,
    },
    Request {
        rider: usize,
        shillings: i64,
    },
}

/// What really became of a prompt.
#[derive(Clone, Debug)]
struct Prompt {
    reference: String,
    shillings: i64,
    /// When it was decided, and how.
    decided_at: DateTime<Utc>,
    code: &'static str,
    /// Money moved, perhaps later than the code says.
    paid: Option<(DateTime<Utc>, String)>,
}

/// The provider: it knows the truth and tells it badly.
struct Provider {
    dice: Dice,
    clock: Clock,
    prompts: BTreeMap<String, Prompt>,
    pushed: BTreeMap<String, u32>,
    receipts: u64,
    arrivals: BTreeMap<(DateTime<Utc>, u64), Arrival>,
    posted: u64,
}

impl Provider {
    fn post(&mut self, at: DateTime<Utc>, arrival: Arrival) {
        self.posted += 1;
        self.arrivals.insert((at, self.posted), arrival);
    }

    fn answer(&mut self, path: &str, body: &Value) -> Reply {
        match path {
            "/mpesa/stkpush/v1/processrequest" => self.push(body),
            "/mpesa/stkpushquery/v1/query" => {
                self.query(body["CheckoutRequestID"].as_str().unwrap())
            }
            other => panic!("nobody asks for {other}"),
        }
    }

    fn push(&mut self, body: &Value) -> Reply {
        let reference = body["AccountReference"].as_str().unwrap().to_owned();
        *self.pushed.entry(reference.clone()).or_default() += 1;
        if self.dice.chance(REFUSED_PUSHES) {
            return match self.dice.below(4) {
                0 => error(
                    "500.001.1001",
                    "Unable to lock subscriber, a transaction is already in process",
                ),
                1 => error(
                    "500.003.02",
                    "System is busy. Please try again in few minutes.",
                ),
                2 => error("500.003.02", "Error Occurred: Spike Arrest Violation"),
                _ => error("400.002.02", "Bad Request - Invalid PhoneNumber"),
            };
        }
        let is_lost = self.dice.chance(LOST_ANSWERS);
        if is_lost && self.dice.chance(40) {
            return (502, "<html>Bad Gateway</html>".into());
        }
        let ids = (
            format!("7a1e-{}", self.prompts.len()),
            format!("ws_CO_{:020}", self.dice.next()),
        );
        self.prompt(body, reference, &ids);
        match is_lost {
            true if self.dice.chance(50) => (504, String::new()),
            true => error("500.001.1001", ""),
            false => (
                200,
                format!(
                    r#"{{"MerchantRequestID":"{}","CheckoutRequestID":"{}","ResponseCode":"0","ResponseDescription":"Success. Request accepted for processing"}}"#,
                    ids.0, ids.1
                ),
            ),
        }
    }

    /// Decides what the rider does, and who will hear of it when.
    fn prompt(&mut self, body: &Value, reference: String, ids: &(String, String)) {
        let now = self.clock.now();
        let token = body["CallBackURL"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
        let shillings: i64 = body["Amount"].as_str().unwrap().parse().unwrap();
        let decided_at = now + self.dice.seconds(5, 60);
        let code = match self.dice.below(100) {
            0..60 => "0",
            60..70 => "1032",
            70..76 => "1",
            76..80 => "2001",
            80..96 => "1037",
            96..98 => "7777",
            _ => "1001",
        };
        // Some who "could not be reached" have entered their PIN all the same.
        let pays_late = code == "1037" && self.dice.chance(25);
        let paid_at = match code {
            "0" => Some(decided_at),
            _ if pays_late => Some(decided_at + self.dice.seconds(20, 3000)),
            _ => None,
        };
        let paid = paid_at.map(|at| (at, self.receipt()));

        if code == "0" || !self.dice.chance(LOST_CALLBACKS) {
            self.call_back(
                &token,
                ids,
                code,
                shillings,
                paid.as_ref().filter(|_| code == "0"),
                decided_at,
            );
        }
        if let Some((paid_at, receipt)) = &paid {
            if pays_late {
                self.call_back(
                    &token,
                    ids,
                    "0",
                    shillings,
                    Some(&(*paid_at, receipt.clone())),
                    *paid_at,
                );
            }
            // What was paid late is heard of by the paybill at least: nobody asks about a closed prompt.
            if pays_late || !self.dice.chance(LOST_CONFIRMATIONS) {
                self.confirm(&reference, shillings, receipt, *paid_at);
            }
        }
        if self.dice.chance(FORGED_CALLBACKS) {
            let forged = result(
                &("ffff".into(), "ws_CO_foreign".into()),
                "0",
                shillings,
                Some("UK5ZZZZZZZ"),
                "2547 ***** ",
            );
            let at = now + self.dice.seconds(1, 300);
            self.post(
                at,
                Arrival::Callback {
                    address: world::SAFARICOM,
                    token: token.clone(),
                    body: forged,
                },
            );
        }
        if self.dice.chance(UNREADABLE_CALLBACKS) {
            let at = now + self.dice.seconds(1, 300);
            self.post(
                at,
                Arrival::Callback {
                    address: world::SAFARICOM,
                    token,
                    body: "{\"Body\":".into(),
                },
            );
        }
        self.prompts.insert(
            ids.1.clone(),
            Prompt {
                reference,
                shillings,
                decided_at,
                code,
                paid,
            },
        );
    }

    fn call_back(
        &mut self,
        token: &str,
        ids: &(String, String),
        code: &str,
        shillings: i64,
        paid: Option<&(DateTime<Utc>, String)>,
        at: DateTime<Utc>,
    ) {
        if paid.is_some() && self.dice.chance(LOST_CALLBACKS) {
            return;
        }
        let body = result(
            ids,
            code,
            shillings,
            paid.map(|(_, receipt)| receipt.as_str()),
            "2547 ***** ",
        );
        let copies = if self.dice.chance(REPEATED_CALLBACKS) {
            3
        } else {
            1
        };
        for _ in 0..copies {
            let delay = if self.dice.chance(10) {
                self.dice.seconds(60, 900)
            } else {
                self.dice.seconds(0, 5)
            };
            let address = if self.dice.chance(3) {
                "203.0.113.9"
            } else {
                world::SAFARICOM
            };
            self.post(
                at + delay,
                Arrival::Callback {
                    address,
                    token: token.to_owned(),
                    body: body.clone(),
                },
            );
        }
    }

    fn confirm(&mut self, reference: &str, shillings: i64, receipt: &str, at: DateTime<Utc>) {
        let body = format!(
            r#"{{"TransactionType":"Pay Bill","TransID":"{receipt}","TransAmount":"{shillings}.00","BusinessShortCode":"600123","BillRefNumber":"{reference}","MSISDN":"2547 ***** "}}"#
        );
        for _ in 0..=self.dice.below(2) {
            let delay = if self.dice.chance(10) {
                self.dice.seconds(60, 900)
            } else {
                self.dice.seconds(0, 5)
            };
            self.post(at + delay, Arrival::Confirmation { body: body.clone() });
        }
    }

    fn receipt(&mut self) -> String {
        self.receipts += 1;
        format!("UK5{:07}", self.receipts)
    }

    fn query(&mut self, checkout: &str) -> Reply {
        if self.dice.chance(UNANSWERED_QUESTIONS) {
            return error("500.001.1001", "");
        }
        let now = self.clock.now();
        let Some(prompt) = self.prompts.get(checkout) else {
            return error("500.001.1001", "The transaction does not Exist");
        };
        let code = match &prompt.paid {
            Some((at, _)) if *at <= now => "0",
            _ if now < prompt.decided_at => "4999",
            _ => prompt.code,
        };
        let body = format!(
            r#"{{"ResponseCode":"0","MerchantRequestID":"x","CheckoutRequestID":"{checkout}","ResultCode":"{code}","ResultDesc":"."}}"#
        );
        (200, body)
    }
}

fn error(code: &str, message: &str) -> Reply {
    (
        500,
        format!(r#"{{"requestId":"1","errorCode":"{code}","errorMessage":"{message}"}}"#),
    )
}

fn result(
    ids: &(String, String),
    code: &str,
    shillings: i64,
    receipt: Option<&str>,
    phone: &str,
) -> String {
    let metadata = receipt.map_or(String::new(), |receipt| {
        format!(
            r#","CallbackMetadata":{{"Item":[{{"Name":"Amount","Value":{shillings}.00}},{{"Name":"MpesaReceiptNumber","Value":"{receipt}"}},{{"Name":"Balance"}},{{"Name":"PhoneNumber","Value":"{phone}"}}]}}"#
        )
    });
    format!(
        r#"{{"Body":{{"stkCallback":{{"MerchantRequestID":"{}","CheckoutRequestID":"{}","ResultCode":{code},"ResultDesc":"."{metadata}}}}}}}"#,
        ids.0, ids.1
    )
}

/// One of our own steps, cut off after it has waited a number of times: as a process dies.
struct Mortal<'a, T> {
    step: Pin<Box<dyn Future<Output = T> + 'a>>,
    waits_left: Option<u64>,
}

impl<T> Future for Mortal<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match &mut self.waits_left {
            Some(0) => return Poll::Ready(None),
            Some(left) => *left -= 1,
            None => {}
        }
        self.step.as_mut().poll(context).map(Some)
    }
}

struct Run {
    world: World,
    riders: Vec<(String, Uuid)>,
    provider: Arc<Mutex<Provider>>,
    dice: Dice,
    crashes: u64,
}

impl Run {
    async fn prepare(pool: PgPool, seed: u64, payments: u64) -> Run {
        let pool = without_waiting_for_the_disk(pool).await;
        let provider = Arc::new(Mutex::new(Provider {
            dice: Dice(seed),
            clock: Clock::default(),
            prompts: BTreeMap::new(),
            pushed: BTreeMap::new(),
            receipts: 0,
            arrivals: BTreeMap::new(),
            posted: 0,
        }));
        let answering = provider.clone();
        let answers =
            Arc::new(move |path: &str, body: &Value| answering.lock().unwrap().answer(path, body));
        let world = World::new(pool, answers).await;
        let mut dice = Dice(seed ^ 0x5EED);
        let mut riders = vec![];
        for rider in 0..payments.div_ceil(3) {
            let msisdn = format!("2547{rider:08}");
            let member = world::add_member(&world.pool, &msisdn).await;
            riders.push((msisdn, member));
        }
        {
            let mut provider = provider.lock().unwrap();
            provider.clock = world.clock.clone();
            let spread = 10 + payments * 4;
            for _ in 0..payments {
                let at = world.clock.now() + dice.seconds(0, spread);
                let rider = dice.below(riders.len() as u64) as usize;
                let shillings = [50, 100, 200, 1500][dice.below(4) as usize];
                provider.post(at, Arrival::Request { rider, shillings });
            }
        }
        Run {
            world,
            riders,
            provider,
            dice,
            crashes: 0,
        }
    }

    /// Everything in order of time, until a day and a bit after the last request.
    async fn play(&mut self) {
        let mut swept_at = self.world.clock.now();
        loop {
            let job_at = world::next_job_at(&self.world.pool).await;
            let arrival_at = self
                .provider
                .lock()
                .unwrap()
                .arrivals
                .keys()
                .next()
                .map(|(at, _)| *at);
            let Some(next) = [job_at, arrival_at].into_iter().flatten().min() else {
                break;
            };
            let sweep_at = swept_at + SWEEP_EVERY;
            let now = self.world.clock.now();
            self.world
                .clock
                .advance((next.min(sweep_at) - now).max(TimeDelta::zero()));
            if sweep_at <= next {
                swept_at = sweep_at;
                jobs::sweep(&self.world.desk).await.unwrap();
            } else if arrival_at == Some(next) {
                let (_, arrival) = self.provider.lock().unwrap().arrivals.pop_first().unwrap();
                self.receive(arrival).await;
            } else {
                self.work().await;
            }
        }
    }

    fn waits_left(&mut self) -> Option<u64> {
        let dies = self.dice.chance(CRASHES);
        let waits = self.dice.below(30);
        dies.then_some(waits)
    }

    async fn work(&mut self) {
        let waits_left = self.waits_left();
        let now = self.world.clock.now();
        let Some(job) = world::take_job(&self.world.pool, now).await else {
            return;
        };
        let step = Box::pin(world::perform(&self.world.desk, &job));
        let outcome = Mortal { step, waits_left }.await.unwrap_or_else(|| {
            self.crashes += 1;
            Err(Undone::Later {
                after: LEASE,
                why: "the worker died",
            })
        });
        world::finish_job(&self.world.pool, &job, outcome, now).await;
    }

    async fn receive(&mut self, arrival: Arrival) {
        let waits_left = self.waits_left();
        match arrival {
            Arrival::Request { rider, shillings } => {
                let (msisdn, member) = &self.riders[rider];
                let key = format!("s{}:4", self.dice.next());
                // The rider of an unfinished or very recent payment is told so; nothing comes of it.
                let _ = self.world.ask_as(*member, msisdn, &key, shillings).await;
            }
            Arrival::Callback {
                address,
                token,
                body,
            } => {
                let step = Box::pin(self.world.callback_from(address, &token, &body));
                // One that dies is gone, as results are: the provider does not repeat them.
                Mortal { step, waits_left }.await;
            }
            Arrival::Confirmation { body } => {
                // The pull of missed confirmations makes these arrive in the end.
                loop {
                    let waits_left = self.waits_left();
                    let step = Box::pin(self.world.confirmation(&body));
                    if (Mortal { step, waits_left }).await.is_some() {
                        return;
                    }
                }
            }
        }
    }

    async fn check(&self) {
        let crashes_min = self.riders.len() as u64 / 4;
        assert!(self.crashes >= crashes_min, "only {} crashes", self.crashes);
        self.nothing_is_pending().await;
        self.nobody_was_prompted_twice_by_one_attempt();
        self.the_books_agree_with_the_provider().await;
        self.every_rider_was_told_the_truth_once().await;
    }

    async fn nothing_is_pending(&self) {
        let open = "select obligation_id::text || ' ' || state from attempt where state in ('created', 'submitting', 'prompted', 'unknown')";
        assert_eq!(
            self.world.text_of::<String>(open).await,
            Vec::<String>::new()
        );
        let obligations = "select id::text from obligation where state = 'open'";
        assert_eq!(
            self.world.text_of::<String>(obligations).await,
            Vec::<String>::new()
        );
    }

    fn nobody_was_prompted_twice_by_one_attempt(&self) {
        let provider = self.provider.lock().unwrap();
        let twice: Vec<_> = provider
            .pushed
            .iter()
            .filter(|(_, times)| **times > 1)
            .collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    async fn the_books_agree_with_the_provider(&self) {
        let booked: Vec<(String, String, Option<String>, i64)> = sqlx::query_as(
            "select account_reference, inflow.state, receipt, inflow.amount_cents / 100 from inflow join attempt on attempt.id = attempt_id",
        )
        .fetch_all(&self.world.pool)
        .await
        .unwrap();
        let states: BTreeMap<String, String> =
            sqlx::query_as::<_, (String, String)>("select account_reference, state from attempt")
                .fetch_all(&self.world.pool)
                .await
                .unwrap()
                .into_iter()
                .collect();
        let total: Vec<i64> = self.world.text_of("select count(*) from inflow").await;
        assert_eq!(
            total,
            [booked.len() as i64],
            "every inflow has found its attempt"
        );

        let provider = self.provider.lock().unwrap();
        let mut paid: BTreeMap<&str, (&Prompt, &str)> = BTreeMap::new();
        for prompt in provider.prompts.values() {
            if let Some((_, receipt)) = &prompt.paid {
                paid.insert(&prompt.reference, (prompt, receipt));
            }
        }
        let mut credited = BTreeSet::new();
        for (reference, _, receipt, shillings) in &booked {
            let (prompt, true_receipt) = paid
                .get(reference.as_str())
                .unwrap_or_else(|| panic!("{reference}: booked, never paid"));
            assert_eq!(*shillings, prompt.shillings, "{reference}");
            assert!(
                receipt
                    .as_deref()
                    .is_none_or(|receipt| receipt == *true_receipt),
                "{reference}"
            );
            assert!(credited.insert(reference), "{reference}: booked twice");
        }
        for reference in paid.keys() {
            let is_with_a_person = states[*reference] == "operator";
            assert!(
                credited.contains(&(*reference).to_owned()) || is_with_a_person,
                "{reference}: paid, never booked"
            );
        }
        let with_a_person = paid
            .keys()
            .filter(|reference| states[**reference] == "operator")
            .count();
        assert!(
            with_a_person * 20 <= paid.len(),
            "{with_a_person} of {} paid are left to people",
            paid.len()
        );
        assert!(paid.len() > 20);
    }

    async fn every_rider_was_told_the_truth_once(&self) {
        let rows: Vec<(Uuid, String, Option<String>, bool)> = sqlx::query_as(
            "select obligation.id, obligation.state, told.words,
                    exists (select 1 from inflow where inflow.obligation_id = obligation.id and inflow.state = 'allocated')
             from obligation left join told on told.obligation = obligation.id and told.words is not null
                  and told.words not in ('CHECK', 'BUSY', 'TWICE')
             order by obligation.id, told.id",
        )
        .fetch_all(&self.world.pool)
        .await
        .unwrap();
        let mut told: BTreeMap<Uuid, (String, Vec<String>, bool)> = BTreeMap::new();
        for (id, state, words, is_credited) in rows {
            told.entry(id)
                .or_insert((state, vec![], is_credited))
                .1
                .extend(words);
        }
        assert!(told.len() > 30);
        for (id, (state, words, is_credited)) in &told {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let is_right = match (state.as_str(), words.as_slice()) {
                ("paid", ["PAID" | "LATE"] | [_, "LATE"]) => *is_credited,
                ("unpaid", [end]) => !is_credited && !["PAID", "LATE", "UNRESOLVED"].contains(end),
                ("operator", ["UNRESOLVED"]) => !is_credited,
                _ => false,
            };
            assert!(
                is_right,
                "{id}: {state}, credited: {is_credited}, told {words:?}"
            );
        }
    }
}

/// A crash of the machine is not what is simulated here, and the disk is slow.
async fn without_waiting_for_the_disk(pool: PgPool) -> PgPool {
    let options = pool
        .connect_options()
        .as_ref()
        .clone()
        .options([("synchronous_commit", "off")]);
    PgPoolOptions::new()
        .max_connections(5)
        .connect_with(options)
        .await
        .unwrap()
}
