//! The real router over a seeded database, with people of every role already at the desk.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request};
use chrono::TimeDelta;
use kwastage::app::{self, App};
use kwastage::audit::{self, Wrong};
use kwastage::clock::Clock;
use kwastage::config::Config;
use kwastage::conversation::store::{Lifetimes, MemoryStore, SessionStore};
use kwastage::primitives::Secret;
use kwastage::redis_connection::RedisConnection;
use kwastage::staff::{self, AccountName, Authenticator, Device, Role, SignIn, SignedIn};
use kwastage::stages::{self, StageCode, StageId};
use kwastage::work::{Actor, Work};
use kwastage::{seed, serve};
use serde_json::{Value, json};
use sqlx::PgPool;
use tower::ServiceExt;

pub const PASSWORD: &str = "tumbili mwekundu anacheza";
pub const NOW: &str = "2026-11-20T09:00:00Z";

pub struct World {
    pub app: App,
    pub pool: PgPool,
    pub clock: Clock,
    router: Router,
}

/// Somebody at the desk, signed in.
#[derive(Clone)]
pub struct Person {
    pub authenticator: Authenticator,
    pub access: String,
    pub refresh: String,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The field that the problem names first.
    pub fn field(&self) -> &str {
        self.body["errors"][0]["field"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

impl World {
    pub async fn new(pool: PgPool) -> World {
        World::with(pool, &[]).await
    }

    pub async fn with(pool: PgPool, settings: &[(&str, &str)]) -> World {
        let fixed = [
            ("API__ANONYMOUS_PER_HOUR", "100000"),
            ("API__SIGNED_IN_PER_HOUR", "100000"),
        ];
        let ours = |name: &str| settings.iter().all(|(theirs, _)| *theirs != name);
        let variables = fixed
            .into_iter()
            .filter(|(name, _)| ours(name))
            .chain(settings.iter().copied())
            .map(|(name, value)| (format!("KWASTAGE_{name}"), value.to_owned()));
        let config = Config::read(None, variables.collect::<Vec<_>>()).unwrap();
        let redis = RedisConnection::open("redis://127.0.0.1:1", false)
            .await
            .unwrap();
        let clock = Clock::frozen_at(NOW.parse().unwrap());
        let lifetimes = Lifetimes {
            session: Duration::from_secs(300),
            resume: Duration::from_secs(600),
        };
        let sessions = SessionStore::Memory(MemoryStore::new(clock.clone(), lifetimes));
        let (keys, pins) = (app::member_keys(&config), app::pin_desk(&config));
        seed::world(&pool, &keys, &pins, clock.now()).await.unwrap();
        let config = Arc::new(config);
        let app = App::assemble(config, clock.clone(), pool.clone(), redis, sessions).unwrap();
        World {
            router: serve::router(app.clone()),
            app,
            pool,
            clock,
        }
    }

    pub fn later(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub async fn work(&self) -> Work {
        Work::begin(&self.pool, self.clock.now(), Actor::System)
            .await
            .unwrap()
    }

    pub async fn stage(&self, code: &str) -> StageId {
        let code = StageCode::parse(code).unwrap();
        let mut conn = self.pool.acquire().await.unwrap();
        stages::find_by_code(&mut conn, &code)
            .await
            .unwrap()
            .unwrap()
            .id
    }

    /// A new account of this role, signed in. Time moves on, since digits count once.
    pub async fn person(&self, name: &str, role: Role, stage: Option<&str>) -> Person {
        let stage = match stage {
            Some(code) => Some(self.stage(code).await),
            None => None,
        };
        let (keys, desk) = (&self.app.staff_keys, &self.app.staff_passwords);
        let mut work = self.work().await;
        let owner = AccountName::parse(name).unwrap();
        let invited = staff::invite(&mut work, &owner, role, stage).await.unwrap();
        let begun = staff::begin_enrolment(&mut work, keys, &invited.word)
            .await
            .unwrap();
        let authenticator = begun.authenticator;
        let code = authenticator.code_at(self.clock.now()).unwrap();
        let password = Secret::new(PASSWORD);
        staff::enrol(&mut work, keys, desk, &invited.word, password, &code)
            .await
            .unwrap();
        work.commit().await.unwrap();
        self.later(30);
        self.signed_in(name, &authenticator).await
    }

    pub async fn signed_in(&self, name: &str, authenticator: &Authenticator) -> Person {
        let mut work = self.work().await;
        let asked = SignIn {
            name: name.to_owned(),
            password: Secret::new(PASSWORD),
            code: authenticator.code_at(self.clock.now()).unwrap(),
            device: Device::of("10.0.0.1", "tests"),
        };
        let (keys, desk) = (&self.app.staff_keys, &self.app.staff_passwords);
        let answer = staff::sign_in(&mut work, keys, desk, asked).await.unwrap();
        work.commit().await.unwrap();
        let SignedIn::Welcome(_, tokens) = answer else {
            panic!("{name} is not let in: {answer:?}");
        };
        self.later(30);
        Person {
            authenticator: authenticator.clone(),
            access: tokens.access.expose().to_owned(),
            refresh: tokens.refresh.expose().to_owned(),
        }
    }

    pub fn request(&self, method: &str, path: &str) -> Asking<'_> {
        let builder = Request::builder()
            .method(method)
            .uri(path)
            .extension(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 4711))))
            .header("user-agent", "tests");
        Asking {
            world: self,
            builder: Some(builder),
            body: Body::empty(),
        }
    }

    pub async fn get(&self, who: &Person, path: &str) -> Answer {
        self.request("GET", path).by(who).ask().await
    }

    pub async fn post(&self, who: &Person, path: &str, body: Value) -> Answer {
        self.request("POST", path).by(who).json(body).ask().await
    }

    /// The actions in the book, oldest first.
    pub async fn actions(&self) -> Vec<String> {
        sqlx::query_scalar("select action from audit_entry order by id")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    pub async fn book_is_wrong(&self) -> Option<Wrong> {
        let mut work = self.work().await;
        audit::seal(&mut work).await.unwrap();
        work.commit().await.unwrap();
        let mut conn = self.pool.acquire().await.unwrap();
        audit::verify(&mut conn, None).await.unwrap().wrong
    }

    /// The id of a member of the seeded world.
    pub async fn member(&self, phone: &str) -> String {
        let id: uuid::Uuid = sqlx::query_scalar("select id from member where msisdn = $1")
            .bind(phone)
            .fetch_one(&self.pool)
            .await
            .unwrap();
        id.to_string()
    }

    /// A payment to the paybill that nobody could be found for.
    pub async fn in_suspense(&self, receipt: &str, cents: i64) {
        sqlx::query(
            "insert into inflow (id, provider, receipt, amount_cents, account, state, received_at)
             values (gen_random_uuid(), 'mpesa', $1, $2, 'KS1042', 'suspense', $3)",
        )
        .bind(receipt)
        .bind(cents)
        .bind(self.clock.now())
        .execute(&self.pool)
        .await
        .unwrap();
        let mut work = self.work().await;
        let payment = uuid::Uuid::new_v4();
        let amount = kwastage::primitives::Money::from_cents(cents);
        let posting = kwastage::ledger::postings::unallocated_received(payment, amount).unwrap();
        let key = kwastage::ledger::Key::of("unallocated_received", receipt);
        kwastage::ledger::post(&mut work, posting, key)
            .await
            .unwrap();
        work.commit().await.unwrap();
    }
}

pub struct Asking<'w> {
    world: &'w World,
    builder: Option<axum::http::request::Builder>,
    body: Body,
}

impl Asking<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.map(|builder| builder.header(name, value));
        self
    }

    pub fn by(self, who: &Person) -> Self {
        let token = format!("Bearer {}", who.access);
        self.header("authorization", &token)
    }

    pub fn json(self, body: Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    pub fn raw(mut self, kind: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    pub async fn ask(self) -> Answer {
        let request = self.builder.unwrap().body(self.body).unwrap();
        let response = self.world.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let is_stream = headers
            .get("content-type")
            .is_some_and(|kind| kind == "text/event-stream");
        // A feed does not end by itself.
        let bytes = match is_stream {
            true => Default::default(),
            false => to_bytes(response.into_body(), 10_000_000).await.unwrap(),
        };
        Answer {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(json!(null)),
        }
    }

    /// The body as it comes, for feeds.
    pub async fn open(self) -> axum::body::BodyDataStream {
        let request = self.builder.unwrap().body(self.body).unwrap();
        let response = self.world.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().into_data_stream()
    }
}

/// One person of every role; officials and coordinators work for Kencom.
pub async fn everybody(world: &World) -> BTreeMap<&'static str, Person> {
    let mut people = BTreeMap::new();
    for role in Role::ALL {
        let stage = role.is_of_one_stage().then_some("101");
        let name = role.as_str().replace('_', "-");
        people.insert(role.as_str(), world.person(&name, role, stage).await);
    }
    people
}
