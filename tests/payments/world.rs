//! Payments on a real database, with a frozen clock and a stand-in for Daraja that answers as each test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request as HttpRequest, StatusCode, Uri};
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use kwastage::channels::pay::daraja::{self, Door, PaymentsState};
use kwastage::clock::Clock;
use kwastage::fault::Fault;
use kwastage::integrations::mpesa::{MpesaClient, MpesaSettings, PayoutSettings, TransactionType};
use kwastage::payments::jobs::{self, PaymentsDesk, Undone};
use kwastage::payments::{self, News, Purpose, Request, RequestError, Requested, Rules};
use kwastage::primitives::{Language, Money, Msisdn};
use kwastage::work::{Actor, Work};
use serde_json::Value;
use sqlx::PgPool;
use tower::ServiceExt;
use uuid::Uuid;

pub const KEY: &str = "demo";
pub const SHORTCODE: &str = "600123";
pub const RIDER: &str = "254712345678";
/// One of the addresses that Safaricom publishes.
pub const SAFARICOM: &str = "196.201.212.69";

/// An answer of the stand-in: status and body.
pub type Reply = (u16, String);
pub type Answers = Arc<dyn Fn(&str, &Value) -> Reply + Send + Sync>;

/// Serves `answers` for every path but the one for access tokens, until the test's runtime ends.
pub async fn stand_in(answers: Answers) -> String {
    let app = Router::new().fallback(move |uri: Uri, body: Bytes| {
        let answers = answers.clone();
        async move {
            if uri.path() == "/oauth/v1/generate" {
                return (
                    StatusCode::OK,
                    r#"{"access_token":"token","expires_in":"3599"}"#.to_owned(),
                );
            }
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let (status, body) = answers(uri.path(), &body);
            (StatusCode::from_u16(status).unwrap(), body)
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

pub fn settings(base_url: String) -> MpesaSettings {
    MpesaSettings {
        base_url,
        consumer_key: "ksConsumerKey01".into(),
        consumer_secret: "ksConsumerSecret01".into(),
        shortcode: SHORTCODE.into(),
        till: None,
        passkey: "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0".into(),
        transaction_type: TransactionType::PayBill,
        callback_base: "https://hooks.kwastage.example".into(),
        webhook_key: KEY.into(),
        payouts: PayoutSettings {
            shortcode: "600124".into(),
            initiator: "kwastage".into(),
            security_credential: "demo".into(),
        },
    }
}

pub struct World {
    pub pool: PgPool,
    pub clock: Clock,
    pub desk: PaymentsDesk,
    pub door: PaymentsState,
    pub member: Uuid,
    pub stage: i32,
}

impl World {
    /// A member who can pay, five past half past two in Nairobi, a paybill.
    pub async fn new(pool: PgPool, answers: Answers) -> World {
        let clock = Clock::frozen_at("2026-11-05T11:30:01Z".parse().unwrap());
        sqlx::raw_sql(
            "create table told (id bigint generated always as identity primary key, at timestamptz not null, obligation uuid,
                                kind text not null, words text, cents bigint, receipt text, body text not null);
             insert into region (name) values ('Nairobi');
             insert into zone (region_id, name) values (1, 'CBD');
             insert into stage (zone_id, code, name) values (1, '101', 'Kencom');",
        )
        .execute(&pool)
        .await
        .unwrap();
        let member = add_member(&pool, RIDER).await;
        let mpesa = MpesaClient::new(settings(stand_in(answers).await), clock.clone()).unwrap();
        let settle: jobs::Settle = Arc::new(|work, news| Box::pin(write_down(work, news)));
        let is_in_session: jobs::IsInSession = Arc::new(|_| Box::pin(async { Ok(false) }));
        let rules = Rules::for_shortcode(SHORTCODE);
        let desk = PaymentsDesk::new(
            pool.clone(),
            clock.clone(),
            mpesa,
            rules,
            settle,
            is_in_session,
        );
        let door = Door {
            shortcode: SHORTCODE.into(),
            published: vec![SAFARICOM.parse().unwrap()],
            trusted_proxies: 1,
        };
        let door = PaymentsState {
            pool: pool.clone(),
            clock: clock.clone(),
            door: Arc::new(door),
        };
        World {
            pool,
            clock,
            desk,
            door,
            member,
            stage: 1,
        }
    }

    pub async fn ask(&self, key: &str, shillings: i64) -> Result<Requested, RequestError> {
        self.ask_as(self.member, RIDER, key, shillings).await
    }

    pub async fn ask_as(
        &self,
        member: Uuid,
        payer: &str,
        key: &str,
        shillings: i64,
    ) -> Result<Requested, RequestError> {
        let purpose = Purpose::Contribution {
            member,
            stage: self.stage,
        };
        let request = Request {
            key: key.into(),
            purpose,
            amount: Money::from_shillings(shillings),
            payer: Msisdn::parse(payer).unwrap(),
            language: Language::ENGLISH,
            ussd_session: Some(format!("session of {key}")),
        };
        let mut work = self.begin().await;
        let requested = payments::request(&mut work, &self.desk.rules, request).await?;
        work.commit().await?;
        Ok(requested)
    }

    pub async fn begin(&self) -> Work {
        Work::begin(&self.pool, self.clock.now(), Actor::System)
            .await
            .unwrap()
    }

    /// A callback from Safaricom's address.
    pub async fn callback(&self, token: &str, body: &str) -> Response {
        self.callback_from(SAFARICOM, token, body).await
    }

    pub async fn callback_from(&self, address: &str, token: &str, body: &str) -> Response {
        self.post(address, &format!("/pay/{KEY}/stk/{token}"), body)
            .await
    }

    pub async fn confirmation(&self, body: &str) -> Response {
        self.post(SAFARICOM, &format!("/pay/{KEY}/c2b/confirmation"), body)
            .await
    }

    pub async fn validation(&self, body: &str) -> Response {
        self.post(SAFARICOM, &format!("/pay/{KEY}/c2b/validation"), body)
            .await
    }

    /// A request that our proxy passes on and says whose it is. What stands left of that, the caller wrote.
    pub async fn post(&self, address: &str, path: &str, body: impl AsRef<[u8]>) -> Response {
        let proxy: SocketAddr = "10.0.0.9:4711".parse().unwrap();
        let request = HttpRequest::post(path)
            .header("x-forwarded-for", format!("{SAFARICOM}, {address}"))
            .extension(ConnectInfo(proxy))
            .body(Body::from(body.as_ref().to_vec()))
            .unwrap();
        let router: Router = daraja::routes().with_state(self.door.clone());
        router.oneshot(request).await.unwrap()
    }

    /// Moves the clock on and does, in order of time, everything that falls due.
    pub async fn pass(&self, time: TimeDelta) {
        let end = self.clock.now() + time;
        while let Some(due) = next_job_at(&self.pool).await.filter(|due| *due <= end) {
            self.clock
                .advance((due - self.clock.now()).max(TimeDelta::zero()));
            self.do_due().await;
        }
        self.clock.advance(end - self.clock.now());
    }

    /// Does what is due now, and what that makes due now.
    pub async fn do_due(&self) {
        while let Some(job) = take_job(&self.pool, self.clock.now()).await {
            let outcome = perform(&self.desk, &job).await;
            finish_job(&self.pool, &job, outcome, self.clock.now()).await;
        }
    }

    /// What the rider was told and what was booked, oldest first: `PAID 1500 UK5A1B2C3D`.
    pub async fn told(&self) -> Vec<String> {
        self.text_of(
            "select concat_ws(' ', coalesce(words, kind), cents / 100, receipt) from told order by id",
        )
        .await
    }

    pub async fn text_of<T>(&self, sql: &str) -> Vec<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    pub async fn attempt_states(&self) -> Vec<String> {
        self.text_of("select state || case when certain then '!' else '' end from attempt order by created_at, id").await
    }

    /// `allocated 1500 UK5A1B2C3D`.
    pub async fn inflows(&self) -> Vec<String> {
        self.text_of("select state || ' ' || amount_cents / 100 || coalesce(' ' || receipt, '') from inflow order by received_at, id")
            .await
    }
}

pub async fn add_member(pool: &PgPool, msisdn: &str) -> Uuid {
    let member = Uuid::now_v7();
    sqlx::query(
        "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index, stage_id,
                             status, joined_at, approved_at, fee_paid_at, fee_payment)
         values ($1, 'test:' || $2, $2, 'en', 'Amina', 'Wanjiku', sha512($2::bytea), sha256($2::bytea), 1,
                 'active', now(), now(), now(), $1)",
    )
    .bind(member)
    .bind(msisdn)
    .execute(pool)
    .await
    .unwrap();
    member
}

/// In the transaction of the news, as postings and messages will be.
async fn write_down(work: &mut Work, news: Vec<News>) -> Result<(), Fault> {
    for news in news {
        let words = news.text().map(|text| text.as_str());
        let body = format!("{news:?}");
        let (kind, obligation, amount, receipt) = match news {
            News::Paid {
                obligation,
                amount,
                receipt,
                ..
            } => ("paid", Some(obligation), Some(amount), receipt),
            News::Confirmed {
                obligation,
                amount,
                receipt,
                ..
            } => ("confirmed", Some(obligation), Some(amount), receipt),
            News::NotPaid {
                obligation, amount, ..
            } => ("not_paid", Some(obligation), Some(amount), None),
            News::StillChecking { obligation, .. } => ("checking", Some(obligation), None, None),
            News::Busy { obligation, .. } => ("busy", Some(obligation), None, None),
            News::PaidTwice {
                obligation,
                amount,
                receipt,
                ..
            } => ("twice", Some(obligation), Some(amount), receipt),
            News::Mismatch {
                obligation,
                paid,
                receipt,
                ..
            } => ("mismatch", Some(obligation), Some(paid), receipt),
            News::Unresolved { obligation, .. } => ("unresolved", Some(obligation), None, None),
            News::Unallocated {
                receipt, amount, ..
            } => ("unallocated", None, Some(amount), Some(receipt)),
            News::Alarm { alarm, .. } => (alarm.as_str(), None, None, None),
        };
        sqlx::query("insert into told (at, obligation, kind, words, cents, receipt, body) values ($1, $2, $3, $4, $5, $6, $7)")
            .bind(work.now)
            .bind(obligation.map(|obligation| obligation.0))
            .bind(kind)
            .bind(words)
            .bind(amount.map(Money::cents))
            .bind(receipt.map(|receipt| receipt.to_string()))
            .bind(body)
            .execute(work.conn())
            .await?;
    }
    Ok(())
}

pub struct Taken {
    pub id: i64,
    pub name: String,
    pub body: Value,
}

pub async fn next_job_at(pool: &PgPool) -> Option<DateTime<Utc>> {
    sqlx::query_scalar("select min(run_at) from job where state = 'waiting'")
        .fetch_one(pool)
        .await
        .unwrap()
}

pub async fn take_job(pool: &PgPool, now: DateTime<Utc>) -> Option<Taken> {
    let row: Option<(i64, String, Value)> = sqlx::query_as(
        "select id, name, body from job where state = 'waiting' and run_at <= $1 order by run_at, id limit 1",
    )
    .bind(now)
    .fetch_optional(pool)
    .await
    .unwrap();
    row.map(|(id, name, body)| Taken { id, name, body })
}

pub async fn perform(desk: &PaymentsDesk, job: &Taken) -> Result<(), Undone> {
    let body = job.body.clone();
    match job.name.as_str() {
        "payments.push" => jobs::push(desk, serde_json::from_value(body).unwrap()).await,
        "payments.attend" => jobs::attend(desk, serde_json::from_value(body).unwrap()).await,
        "payments.apply" => jobs::apply_evidence(desk, serde_json::from_value(body).unwrap()).await,
        other => panic!("no such job: {other}"),
    }
}

pub async fn finish_job(
    pool: &PgPool,
    job: &Taken,
    outcome: Result<(), Undone>,
    now: DateTime<Utc>,
) {
    let sql = match &outcome {
        Ok(()) => "update job set state = 'done', finished_at = $2 where id = $1",
        Err(_) => "update job set run_at = $2, attempts = attempts + 1 where id = $1",
    };
    let at = match outcome {
        Ok(()) => now,
        Err(Undone::Later { after, .. }) => now + after.max(TimeDelta::milliseconds(100)),
        Err(Undone::Fault(fault)) => panic!("{}: {fault}", job.name),
    };
    sqlx::query(sql)
        .bind(job.id)
        .bind(at)
        .execute(pool)
        .await
        .unwrap();
}

/// A value shared between a test and the stand-in.
pub type Shared<T> = Arc<Mutex<T>>;
