//! The association, its clock, and the accidents.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use chrono::{DateTime, TimeDelta, Utc};
use kwastage::app::App;
use kwastage::clock::Clock;
use kwastage::config::Config;
use kwastage::conversation::store::{Lifetimes, MemoryStore, SessionStore};
use kwastage::jobs::{self, Registry};
use kwastage::redis_connection::RedisConnection;
use kwastage::serve;
use kwastage::welfare::{self, Period, Plan};
use kwastage::work::{Actor, Work};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tower::ServiceExt;
use uuid::Uuid;

use crate::books::{Books, FIRST_DUE_DAY, WEEKLY_SHILLINGS};
use crate::provider::{self, Arrival, Provider, Truth};

/// How often one of our own steps is cut off somewhere, in a hundred.
const CRASHES: u32 = 10;
/// How often a task comes round: the clock jumps, and each tick of each task would be due every time.
const TASKS_EVERY: TimeDelta = TimeDelta::hours(6);
/// Tasks that have nothing to do with money, and the one that every month's end does itself.
const NOT_NEEDED: [&str; 9] = [
    "broadcasts.tell",
    "duty.gaps",
    "emergencies.clock",
    "emergencies.close",
    "emergencies.drill",
    "emergencies.promise",
    "ledger.verify",
    "queues.count",
    "rows.forget",
];
const BEGINNING: &str = "2025-12-31T21:00:00Z";

#[derive(Clone)]
pub struct Rider {
    pub id: Uuid,
    pub msisdn: String,
    pub stage: i32,
}

pub struct Life {
    pub app: App,
    pub clock: Clock,
    pub dice: StdRng,
    /// Those who may move money.
    pub members: Vec<Rider>,
    /// Those whose fee has not come in, as far as the books know.
    pub applicants: Vec<Rider>,
    pub stages: Vec<i32>,
    pub frozen: BTreeSet<Uuid>,
    pub provider: Arc<Mutex<Provider>>,
    pub books: Books,
    registry: Registry<App>,
    router: Router,
    crashes: usize,
}

impl Life {
    pub async fn begin(pool: PgPool, seed: u64, members: usize) -> Life {
        let pool = without_waiting_for_the_disk(pool).await;
        let clock = Clock::frozen_at(BEGINNING.parse().unwrap());
        let provider = Arc::new(Mutex::new(Provider::new(seed, clock.clone())));
        let mpesa = provider::serve(provider.clone()).await;
        let app = app(pool, clock.clone(), &mpesa).await;
        let mut life = Life {
            registry: serve::registry(&app).at_most_every(TASKS_EVERY),
            router: serve::router(app.clone()),
            app,
            clock,
            dice: StdRng::seed_from_u64(seed ^ 0x5EED),
            members: vec![],
            applicants: vec![],
            stages: vec![],
            frozen: BTreeSet::new(),
            provider,
            books: Books::default(),
            crashes: 0,
        };
        life.put_off_what_is_not_needed().await;
        life.open_stages().await;
        for place in 0..members {
            life.enroll(place).await;
        }
        life
    }

    async fn put_off_what_is_not_needed(&self) {
        sqlx::query("insert into periodic (name, next_at) select name, '2200-01-01' from unnest($1::text[]) as put_off (name)")
            .bind(NOT_NEEDED.map(str::to_owned).to_vec())
            .execute(&self.app.pool)
            .await
            .unwrap();
    }

    async fn open_stages(&mut self) {
        self.stages = sqlx::query_scalar(
            "with r as (insert into region (name) values ('Nairobi') returning id),
                  z as (insert into zone (region_id, name) select id, 'CBD' from r returning id)
             insert into stage (zone_id, code, name)
             select z.id, (100 + n)::text, 'Stage ' || n from z, generate_series(1, 5) n returning id",
        )
        .fetch_all(&self.app.pool)
        .await
        .unwrap();
        let mut work = self.begin_work().await;
        for stage in &self.stages {
            let plan = Plan {
                period: Period::Week,
                amount: kwastage::primitives::Money::from_shillings(WEEKLY_SHILLINGS),
                starts_on: FIRST_DUE_DAY.parse().unwrap(),
            };
            welfare::adopt_plan(&mut work, *stage, "rider", &plan)
                .await
                .unwrap();
        }
        work.commit().await.unwrap();
    }

    /// A member since before the year began, who paid the fee on paper.
    async fn enroll(&mut self, place: usize) {
        let rider = Rider {
            id: Uuid::now_v7(),
            msisdn: format!("2547{place:08}"),
            stage: self.stages[place % self.stages.len()],
        };
        let approved_at = self.now() - TimeDelta::days(30);
        sqlx::query(
            "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index,
                                 stage_id, status, joined_at, approved_at, fee_paid_at, fee_payment)
             values ($1, 'test:' || $2, $2, 'sw', 'Amina', 'Wanjiku', sha512($2::bytea), sha256($2::bytea), $3, 'active', $4, $4, $4, $1)",
        )
        .bind(rider.id)
        .bind(&rider.msisdn)
        .bind(rider.stage)
        .bind(approved_at)
        .execute(&self.app.pool)
        .await
        .unwrap();
        self.is_approved(rider.id, approved_at);
        self.members.push(rider);
    }

    pub fn is_approved(&mut self, member: Uuid, at: DateTime<Utc>) {
        let day = kwastage::primitives::nairobi_date(at);
        self.books.approved_on.insert(member, day);
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.dice.random_ratio(percent.min(100), 100)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.dice.random_range(0..end)
    }

    /// Some time from `least` on and before `end`, both in seconds.
    pub fn seconds(&mut self, least: i64, end: i64) -> TimeDelta {
        TimeDelta::milliseconds(
            self.dice
                .random_range(least * 1000..end.max(least + 1) * 1000),
        )
    }

    pub fn a_member(&mut self) -> Rider {
        let place = self.below(self.members.len());
        self.members[place].clone()
    }

    pub async fn begin_work(&self) -> Work {
        let actor = Actor::System;
        Work::begin(&self.app.pool, self.now(), actor)
            .await
            .unwrap()
    }

    /// Does a deed as somebody whose line breaks: cut off anywhere, and asked for again by the same name, until it is answered.
    pub async fn insist<T, E>(
        &mut self,
        deed: impl AsyncFn(&App, &mut Work) -> Result<T, E>,
    ) -> Result<T, E> {
        loop {
            let waits_left = self.waits_left();
            let step = async {
                let mut work = self.begin_work().await;
                let done = deed(&self.app, &mut work).await?;
                work.commit().await.unwrap();
                Ok(done)
            };
            let step = Box::pin(step);
            if let Some(answer) = (Mortal { step, waits_left }).await {
                return answer;
            }
            self.crashes += 1;
        }
    }

    fn waits_left(&mut self) -> Option<usize> {
        let dies = self.chance(CRASHES);
        let waits = self.below(40);
        dies.then_some(waits)
    }

    /// Lets this much time go by, and does and receives on the way what has its moment in it.
    pub async fn pass(&mut self, time: TimeDelta) {
        let end = self.now() + time;
        self.work().await;
        loop {
            let arrival_at = self.provider.lock().unwrap().next_arrival();
            let job_at: Option<DateTime<Utc>> = sqlx::query_scalar(
                "select min(run_at) from job where state = 'waiting'
                 union all select min(leased_until) from job where state = 'running' order by 1 limit 1",
            )
            .fetch_one(&self.app.pool)
            .await
            .unwrap();
            let next = [arrival_at, job_at].into_iter().flatten().min();
            let round = self.now() + TASKS_EVERY;
            let next = next.unwrap_or(round).min(round).min(end);
            self.clock
                .advance((next - self.now()).max(TimeDelta::zero()));
            let arrival = self.provider.lock().unwrap().take_arrival(next);
            if let Some(arrival) = arrival {
                self.receive(arrival).await;
            }
            self.work().await;
            if next >= end && arrival_at.is_none_or(|at| at > end) {
                return;
            }
        }
    }

    /// What is due now is done, by a worker that may be cut off; its jobs and tasks come back when their lease has ended.
    async fn work(&mut self) {
        let waits_left = self.waits_left().map(|waits| waits * 3);
        let (pool, clock) = (&self.app.pool, &self.clock);
        let step = Box::pin(jobs::run_due(pool, clock, &self.registry, self.app.clone()));
        match (Mortal { step, waits_left }).await {
            Some(done) => drop(done.unwrap()),
            None => self.crashes += 1,
        }
    }

    async fn receive(&mut self, arrival: Arrival) {
        let Arrival {
            address,
            path,
            body,
        } = arrival;
        let proxy: SocketAddr = "10.0.0.9:4711".parse().unwrap();
        let request = Request::post(&path)
            .header("x-forwarded-for", address)
            .extension(ConnectInfo(proxy))
            .body(Body::from(body))
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    /// Writes into the books what M-PESA knows that people paid.
    pub async fn note_what_was_paid(&mut self) {
        let truths = self.provider.lock().unwrap().take_truths(self.clock.now());
        for truth in truths {
            match truth {
                Truth::Pushed { reference, cents } => {
                    crate::movements::a_prompt_was_paid(self, &reference, cents).await
                }
                Truth::Sent { account, cents } => {
                    crate::movements::the_paybill_was_paid(self, &account, cents).await
                }
            }
        }
    }

    pub fn summary(&self) -> String {
        let provider = self.provider.lock().unwrap();
        format!(
            "{} movements, {} members, {} prompts, {} crashes",
            self.books.movements,
            self.members.len(),
            provider.prompts(),
            self.crashes
        )
    }

    /// A year in which nothing went wrong would prove nothing.
    pub fn was_hard_enough(&self) {
        let movements = self.books.movements;
        assert!(
            self.crashes * 20 >= movements,
            "only {} crashes",
            self.crashes
        );
        self.provider.lock().unwrap().was_bad_enough();
    }
}

/// One of our own steps, cut off after it has waited a number of times: as a process dies.
struct Mortal<'a, T> {
    step: Pin<Box<dyn Future<Output = T> + 'a>>,
    waits_left: Option<usize>,
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

/// The product with M-PESA at this address. Nothing here opens a session or sends a text, so that nobody else is needed.
async fn app(pool: PgPool, clock: Clock, mpesa: &str) -> App {
    let variables = [
        ("KWASTAGE_MPESA__BASE_URL", mpesa),
        ("KWASTAGE_MPESA__TRUST_ANY_SOURCE", "false"),
        ("KWASTAGE_HTTP__TRUSTED_PROXIES", "1"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Arc::new(Config::read(None, variables).unwrap());
    let lifetimes = Lifetimes {
        session: Duration::from_secs(300),
        resume: Duration::from_secs(600),
    };
    let sessions = SessionStore::Memory(MemoryStore::new(clock.clone(), lifetimes));
    let nobody = RedisConnection::open("redis://127.0.0.1:1", false)
        .await
        .unwrap();
    App::assemble(config, clock, pool, nobody, sessions).unwrap()
}

/// A crash of the machine is not what is simulated here, and the disk is slow.
async fn without_waiting_for_the_disk(pool: PgPool) -> PgPool {
    let options = pool.connect_options().as_ref().clone();
    PgPoolOptions::new()
        .max_connections(5)
        .connect_with(options.options([("synchronous_commit", "off")]))
        .await
        .unwrap()
}
