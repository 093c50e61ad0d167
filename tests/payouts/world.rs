//! A member with a wallet, a frozen clock, and the simulators, which post their results to our real routes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use kwastage::channels::pay::daraja::{self, Door, PaymentsState};
use kwastage::clock::Clock;
use kwastage::integrations::mpesa::{MpesaClient, MpesaSettings, PayoutSettings, TransactionType};
use kwastage::jobs::{self, JobFailure, Registry};
use kwastage::ledger::{self, Account, Key, Rail};
use kwastage::payouts::jobs::PayoutsDesk;
use kwastage::payouts::{self, PayoutId, Rules, Withdrawal, WithdrawalError};
use kwastage::primitives::{Language, Money, Msisdn, StaffName};
use kwastage::wallet::{self, Limits, Source};
use kwastage::work::{Actor, Work};
use simulators::{Running, Settings, Simulators, Timings};
use sqlx::PgPool;
use tokio::net::TcpListener;
use uuid::Uuid;

pub const AMINA: &str = "254711000001";
/// In real time, for what is on its way already.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub pool: PgPool,
    pub clock: Clock,
    pub desk: PayoutsDesk,
    pub outside: Running,
    pub registry: Registry<PayoutsDesk>,
    pub amina: Uuid,
    pub stage: i32,
}

impl World {
    /// Amina has KES 1,000 in her wallet, and the fund of her stage KES 5,000.
    pub async fn new(pool: PgPool) -> World {
        let outside = Simulators::start(Settings {
            bind: ([127, 0, 0, 1], 0).into(),
            timings: Timings::brisk(),
            ..Settings::default()
        })
        .await
        .unwrap();
        let clock = Clock::frozen_at("2026-11-20T09:00:00Z".parse().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let callback_base = format!("http://{}", listener.local_addr().unwrap());
        let door = PaymentsState {
            pool: pool.clone(),
            clock: clock.clone(),
            door: Arc::new(Door {
                shortcode: "600123".into(),
                published: vec![],
                trusted_proxies: 0,
            }),
        };
        let router: Router = daraja::routes().with_state(door);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let settings = MpesaSettings {
            base_url: outside.base_url.clone(),
            consumer_key: "demo".into(),
            consumer_secret: "demo".into(),
            shortcode: "600123".into(),
            till: None,
            passkey: "demo".into(),
            transaction_type: TransactionType::PayBill,
            callback_base,
            webhook_key: "demo".into(),
            payouts: PayoutSettings {
                shortcode: "600124".into(),
                initiator: "kwastage".into(),
                // As long as what Daraja's certificate makes of a password: 256 bytes.
                security_credential: format!("{}A==", "A".repeat(341)).into(),
            },
        };
        let desk = PayoutsDesk {
            pool: pool.clone(),
            clock: clock.clone(),
            mpesa: MpesaClient::new(settings, clock.clone()).unwrap(),
            rules: Arc::new(Rules {
                withdrawal_fee: Money::from_shillings(15),
                ..Rules::default()
            }),
        };
        let mut registry = Registry::new();
        registry
            .on(|desk: PayoutsDesk, job| async move {
                payouts::jobs::send(&desk, job)
                    .await
                    .map_err(JobFailure::from)
            })
            .on(|desk: PayoutsDesk, job| async move {
                payouts::jobs::attend(&desk, job)
                    .await
                    .map_err(JobFailure::from)
            })
            .on(|desk: PayoutsDesk, job| async move {
                payouts::jobs::read_evidence(&desk, job)
                    .await
                    .map_err(JobFailure::from)
            })
            .every(
                "payouts.sweep",
                TimeDelta::minutes(1),
                |desk: PayoutsDesk| async move { payouts::jobs::sweep(&desk).await },
            );
        let (amina, stage) = people(&pool).await;
        let world = World {
            pool,
            clock,
            desk,
            outside,
            registry,
            amina,
            stage,
        };
        world.money().await;
        world
    }

    async fn money(&self) {
        let mut work = self.begin().await;
        let payment = Uuid::now_v7();
        let shillings = Money::from_shillings;
        wallet::credit(
            &mut work,
            self.amina,
            payment,
            shillings(1_000),
            Source::TopUp,
            Key::of("payment", payment),
        )
        .await
        .unwrap();
        work.commit().await.unwrap();
        let mut work = self.begin().await;
        let contributed = kwastage::welfare::ContributionReceived {
            member: self.amina,
            stage: self.stage,
            amount: shillings(5_000),
            payment: Uuid::now_v7(),
            provider_receipt: "TKQ1ABCDE2".into(),
            from: kwastage::welfare::PaidFrom::Mpesa,
        };
        kwastage::welfare::contribution_received(&mut work, contributed)
            .await
            .unwrap();
        work.commit().await.unwrap();
    }

    pub async fn begin(&self) -> Work {
        Work::begin(&self.pool, self.clock.now(), Actor::System)
            .await
            .unwrap()
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Amina asks for so much.
    pub async fn ask(&self, shillings: i64) -> Result<PayoutId, WithdrawalError> {
        self.ask_as(&Uuid::now_v7().to_string(), shillings).await
    }

    pub async fn ask_as(&self, key: &str, shillings: i64) -> Result<PayoutId, WithdrawalError> {
        let mut work = self.begin().await;
        let asked = Withdrawal {
            key: key.to_owned(),
            member: self.amina,
            recipient: Msisdn::parse(AMINA).unwrap(),
            language: Language::ENGLISH,
            amount: Money::from_shillings(shillings),
            limits: Limits {
                once: Money::from_shillings(50_000),
                a_day: Money::from_shillings(50_000),
                a_month: Money::from_shillings(500_000),
            },
        };
        let asked = payouts::withdraw(&mut work, &self.desk.rules, asked).await?;
        work.commit().await.unwrap();
        Ok(asked.payout)
    }

    /// Does what is due, and what comes of it.
    pub async fn run(&self) {
        jobs::run_due(&self.pool, &self.clock, &self.registry, self.desk.clone())
            .await
            .unwrap();
    }

    /// Moves every clock there is.
    pub fn advance(&self, by: TimeDelta) {
        self.outside.advance(by.to_std().unwrap());
        self.clock.advance(by);
    }

    pub async fn state(&self, id: PayoutId) -> String {
        sqlx::query_scalar("select state from payout where id = $1")
            .bind(id.0)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Works until the payout stands so; what M-PESA has still to post is waited for.
    pub async fn reaches(&self, id: PayoutId, wanted: &str) {
        let reached = async {
            loop {
                self.run().await;
                if self.state(id).await == wanted {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            panic!("{} instead of {wanted}", self.state(id).await);
        }
    }

    /// Lets time pass, minute by minute and as long as `wanted` is not reached, and what is on its way arrive.
    pub async fn lives_to(&self, id: PayoutId, wanted: &str, minutes: i64) {
        for _ in 0..minutes {
            self.run().await;
            if self.state(id).await == wanted {
                return;
            }
            self.advance(TimeDelta::minutes(1));
            self.run().await;
            // Results come in a few milliseconds of real time.
            tokio::time::sleep(Duration::from_millis(120)).await;
        }
        self.reaches(id, wanted).await;
    }

    pub async fn count(&self, what: &str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {what}")))
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// What M-PESA has really paid, in shillings.
    pub fn paid_by_mpesa(&self) -> Vec<i64> {
        let book = self.outside.ledger();
        let out = book.iter().filter(|entry| entry.originator_id.is_some());
        out.map(|entry| entry.amount / 100).collect()
    }

    /// Wallet, fund, in flight, owed back: in shillings.
    pub async fn books(&self) -> [i64; 4] {
        let mut conn = self.pool.acquire().await.unwrap();
        let accounts = [
            Account::Wallet(self.amina),
            Account::Fund(self.stage),
            Account::InFlight(Rail::Mpesa),
            Account::OwedBack,
        ];
        let held = ledger::balances(&mut conn, accounts).await.unwrap();
        held.map(|amount| amount.cents() / 100)
    }

    /// Money is conserved: the ledger sums to nothing, what is in flight is what is held by open payouts, and what left the
    /// paybill is what M-PESA has paid.
    pub async fn is_sound(&self) {
        let mut conn = self.pool.acquire().await.unwrap();
        let report = ledger::verify(&mut conn).await.unwrap();
        assert!(report.is_sound(), "{report:?}");
        let open: i64 = sqlx::query_scalar(
            "select coalesce(sum(amount_cents + fee_cents), 0)::bigint from payout where state not in ('paid', 'returned')",
        )
        .fetch_one(&mut *conn)
        .await
        .unwrap();
        let [_, _, in_flight, _] = self.books().await;
        assert_eq!(in_flight, open / 100, "what is held and what is open");
        let paybill = ledger::balance(&mut conn, Account::MpesaPaybill)
            .await
            .unwrap();
        let paid: i64 = self.paid_by_mpesa().iter().sum();
        let booked = 6_000 + paybill.cents() / 100;
        let unknown = self
            .count("payout_attempt where state not in ('paid', 'failed')")
            .await;
        if unknown == 0 {
            assert_eq!(booked, paid, "what left the paybill and what M-PESA paid");
        }
    }

    pub async fn messages(&self) -> Vec<String> {
        sqlx::query_scalar("select template from outbox order by created_at, id")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }
}

pub fn staff(name: &str) -> StaffName {
    StaffName::parse(name).unwrap()
}

async fn people(pool: &PgPool) -> (Uuid, i32) {
    let stage: i32 = sqlx::query_scalar(
        "with r as (insert into region (name) values ('Nairobi') returning id),
              z as (insert into zone (region_id, name) select id, 'CBD' from r returning id)
         insert into stage (zone_id, code, name) select id, '101', 'Kencom' from z returning id",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    let amina = Uuid::now_v7();
    sqlx::query(
        "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index,
                             stage_id, status, joined_at, approved_at, fee_paid_at, fee_payment)
         values ($1, 'test', $2, 'en', 'Amina', 'Wanjiku', sha512('1'), sha256('1'), $3, 'active',
                 '2026-11-01T06:00:00Z', '2026-11-01T06:00:00Z', '2026-11-01T06:00:00Z', $1)",
    )
    .bind(amina)
    .bind(AMINA)
    .bind(stage)
    .execute(pool)
    .await
    .unwrap();
    (amina, stage)
}
