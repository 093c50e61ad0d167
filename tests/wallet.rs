//! Wallets against a real Postgres: limits, refusals that leave the deed whole, and many hands at once.

use chrono::{DateTime, Utc};
use kwastage::ledger::{self, Account, Key};
use kwastage::primitives::Money;
use kwastage::wallet::{self, Limits, Source, Spend, SpendError, What};
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use uuid::Uuid;

const NOON: &str = "2026-11-20T09:00:00Z";
/// A minute before and a minute after midnight in Nairobi.
const BEFORE_MIDNIGHT: &str = "2026-11-20T20:59:00Z";
const AFTER_MIDNIGHT: &str = "2026-11-20T21:01:00Z";

struct World {
    pool: PgPool,
    stage: i32,
    amina: Uuid,
    juma: Uuid,
}

impl World {
    async fn new(pool: PgPool) -> World {
        let stage = sqlx::query_scalar(
            "with r as (insert into region (name) values ('Nairobi') returning id),
                  z as (insert into zone (region_id, name) select id, 'CBD' from r returning id)
             insert into stage (zone_id, code, name) select id, '101', 'Kencom' from z returning id",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        let world = World {
            pool,
            stage,
            amina: Uuid::now_v7(),
            juma: Uuid::now_v7(),
        };
        world
            .insert_member(world.amina, "254711000001", "Amina")
            .await;
        world
            .insert_member(world.juma, "254711000002", "Juma")
            .await;
        world
    }

    async fn insert_member(&self, id: Uuid, msisdn: &str, first_name: &str) {
        sqlx::query(
            "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index,
                                 stage_id, status, joined_at, approved_at, fee_paid_at, fee_payment)
             values ($1, 'test:' || $2, $2, 'en', $3, 'Otieno', sha512($2::text::bytea), sha256($2::text::bytea), $4, 'active',
                     '2026-11-01T06:00:00Z', '2026-11-01T06:00:00Z', '2026-11-01T06:00:00Z', $1)",
        )
        .bind(id)
        .bind(msisdn)
        .bind(first_name)
        .bind(self.stage)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    async fn begin(&self, now: &str) -> Work {
        Work::begin(&self.pool, instant(now), Actor::System)
            .await
            .unwrap()
    }

    async fn top_up(&self, member: Uuid, shillings: i64) {
        let payment = Uuid::now_v7();
        for _told_twice in 0..2 {
            let mut work = self.begin("2026-11-02T06:00:00Z").await;
            let key = Key::of("payment", payment);
            let amount = Money::from_shillings(shillings);
            wallet::credit(&mut work, member, payment, amount, Source::TopUp, key)
                .await
                .unwrap();
            work.commit().await.unwrap();
        }
    }

    async fn send(&self, id: Uuid, shillings: i64, now: &str) -> Result<wallet::Sent, SpendError> {
        let mut work = self.begin(now).await;
        let sent = wallet::send(&mut work, spend(id, self.amina, shillings), self.juma).await;
        // A refusal leaves a transaction that goes on: whatever else it holds is kept.
        work.commit().await.unwrap();
        sent
    }

    async fn balances(&self) -> [i64; 3] {
        let mut conn = self.pool.acquire().await.unwrap();
        let accounts = [
            Account::Wallet(self.amina),
            Account::Wallet(self.juma),
            Account::Fund(self.stage),
        ];
        let held = ledger::balances(&mut conn, accounts).await.unwrap();
        held.map(|amount| amount.cents() / 100)
    }
}

fn instant(written: &str) -> DateTime<Utc> {
    written.parse().unwrap()
}

fn spend(id: Uuid, member: Uuid, shillings: i64) -> Spend {
    Spend {
        id,
        member,
        amount: Money::from_shillings(shillings),
        limits: Limits {
            once: Money::from_shillings(30_000),
            a_day: Money::from_shillings(50_000),
            a_month: Money::from_shillings(70_000),
        },
    }
}

#[sqlx::test]
async fn what_is_sent_arrives_once_and_both_see_it(pool: PgPool) {
    let world = World::new(pool).await;
    world.top_up(world.amina, 1_000).await;
    let id = Uuid::now_v7();
    let sent = world.send(id, 300, NOON).await.unwrap();
    assert_eq!(sent.balance, Money::from_shillings(700));
    assert_eq!(sent.left_today, Money::from_shillings(49_700));
    // The same deed again.
    world.send(id, 300, NOON).await.unwrap();
    assert_eq!(world.balances().await, [700, 300, 0]);

    let mut conn = world.pool.acquire().await.unwrap();
    let lines = wallet::lines(&mut conn, world.amina).await.unwrap();
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line.what, line.amount.cents() / 100))
        .collect();
    assert_eq!(told, [(What::Sent, -300), (What::TopUp, 1_000)]);
    assert_eq!(lines[0].other.as_ref().unwrap().to_string(), "Jum***");
    let theirs = wallet::lines(&mut conn, world.juma).await.unwrap();
    assert_eq!((theirs[0].what, theirs.len()), (What::Received, 1));
    let recipients = wallet::last_recipients(&mut conn, world.amina).await;
    let told: Vec<_> = recipients
        .unwrap()
        .into_iter()
        .map(|one| (one.member, one.first_name, one.msisdn.national()))
        .collect();
    assert_eq!(told, [(world.juma, "Juma".into(), "0711000002".into())]);
}

#[sqlx::test]
async fn a_contribution_leaves_the_wallet_for_the_fund_once(pool: PgPool) {
    let world = World::new(pool).await;
    world.top_up(world.amina, 1_000).await;
    let id = Uuid::now_v7();
    for _again in 0..2 {
        let mut work = world.begin(NOON).await;
        wallet::contribute(&mut work, spend(id, world.amina, 200), world.stage)
            .await
            .unwrap();
        work.commit().await.unwrap();
    }
    assert_eq!(world.balances().await, [800, 0, 200]);
}

#[sqlx::test]
async fn limits_are_counted_in_nairobi_days_and_months(pool: PgPool) {
    let world = World::new(pool).await;
    world.top_up(world.amina, 200_000).await;
    let send = async |shillings, now: &str| world.send(Uuid::now_v7(), shillings, now).await;
    let over = |sent: Result<wallet::Sent, SpendError>| match sent {
        Err(SpendError::OverLimit { left_today, .. }) => left_today.cents() / 100,
        other => panic!("{other:?}"),
    };
    assert_eq!(over(send(30_001, NOON).await), 50_000);
    send(30_000, NOON).await.unwrap();
    assert_eq!(over(send(20_001, BEFORE_MIDNIGHT).await), 20_000);
    send(20_000, BEFORE_MIDNIGHT).await.unwrap();
    assert_eq!(over(send(1, BEFORE_MIDNIGHT).await), 0);
    // A new day, and the month's 70,000 leave 20,000.
    assert_eq!(over(send(20_001, AFTER_MIDNIGHT).await), 20_000);
    send(20_000, AFTER_MIDNIGHT).await.unwrap();
    assert_eq!(over(send(1, "2026-11-30T20:59:59Z").await), 0);
    // December in Nairobi begins at nine in the evening of universal time.
    send(30_000, "2026-11-30T21:00:00Z").await.unwrap();
    assert_eq!(world.balances().await, [100_000, 100_000, 0]);
}

#[sqlx::test]
async fn a_refusal_changes_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    world.top_up(world.amina, 100).await;
    let refused = world.send(Uuid::now_v7(), 101, NOON).await;
    assert!(
        matches!(refused, Err(SpendError::NotEnough { balance }) if balance == Money::from_shillings(100))
    );

    let mut work = world.begin(NOON).await;
    assert!(wallet::freeze(&mut work, world.amina).await.unwrap());
    assert!(!wallet::freeze(&mut work, world.amina).await.unwrap());
    work.commit().await.unwrap();
    let refused = world.send(Uuid::now_v7(), 50, NOON).await;
    assert!(matches!(refused, Err(SpendError::Frozen)));
    world.top_up(world.amina, 10).await;

    let mut work = world.begin(NOON).await;
    assert!(wallet::thaw(&mut work, world.amina).await.unwrap());
    let to_herself = wallet::send(
        &mut work,
        spend(Uuid::now_v7(), world.amina, 50),
        world.amina,
    );
    assert!(matches!(to_herself.await, Err(SpendError::ToOneself)));
    work.commit().await.unwrap();
    world.send(Uuid::now_v7(), 50, NOON).await.unwrap();
    assert_eq!(world.balances().await, [60, 50, 0]);
}

/// Two people send to each other at the same moment, again and again: nobody waits for ever, and no shilling goes astray.
#[sqlx::test]
async fn many_hands_neither_deadlock_nor_overdraw(pool: PgPool) {
    let world = World::new(pool).await;
    world.top_up(world.amina, 500).await;
    world.top_up(world.juma, 500).await;
    let mut hands = tokio::task::JoinSet::new();
    for turn in 0..40 {
        let pool = world.pool.clone();
        let (from, to) = match turn % 2 {
            0 => (world.amina, world.juma),
            _ => (world.juma, world.amina),
        };
        hands.spawn(async move {
            let mut work = Work::begin(&pool, instant(NOON), Actor::System)
                .await
                .unwrap();
            let sent = wallet::send(&mut work, spend(Uuid::now_v7(), from, 90), to).await;
            work.commit().await.unwrap();
            match sent {
                Ok(_) | Err(SpendError::NotEnough { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        });
    }
    while let Some(ended) = hands.join_next().await {
        ended.unwrap();
    }
    let [amina, juma, _] = world.balances().await;
    assert_eq!(amina + juma, 1_000);
    assert!(amina >= 0 && juma >= 0);
    let mut conn = world.pool.acquire().await.unwrap();
    let report = ledger::verify(&mut conn).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
}

/// Twenty try to empty one wallet at once: it gives what it holds and no more.
#[sqlx::test]
async fn a_wallet_is_emptied_once(pool: PgPool) {
    let world = World::new(pool).await;
    world.top_up(world.amina, 250).await;
    let mut hands = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (pool, from, to) = (world.pool.clone(), world.amina, world.juma);
        hands.spawn(async move {
            let mut work = Work::begin(&pool, instant(NOON), Actor::System)
                .await
                .unwrap();
            let sent = wallet::send(&mut work, spend(Uuid::now_v7(), from, 100), to).await;
            work.commit().await.unwrap();
            sent.is_ok()
        });
    }
    let mut sent = 0;
    while let Some(ended) = hands.join_next().await {
        sent += i32::from(ended.unwrap());
    }
    assert_eq!((sent, world.balances().await), (2, [50, 200, 0]));
}
