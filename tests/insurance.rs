//! Policies and premiums against a real Postgres: one period after the other whatever the order, money that is whole, and
//! constraints that hold even where the code would not.

use chrono::{DateTime, TimeDelta, Utc};
use kwastage::insurance::cover::Term;
use kwastage::insurance::rating::Answers;
use kwastage::insurance::{
    self, Asker, Beneficiary, Came, PayError, Policy, PolicyId, PriceError, Proof, QuoteId,
    Quoting, Shelf, Stage, Take, TakeError,
};
use kwastage::ledger::{self, Account, Key};
use kwastage::members::Name;
use kwastage::primitives::{Language, Money, Msisdn, nairobi_date};
use kwastage::wallet::{self, Limits, Source, Spend, SpendError};
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use uuid::Uuid;

struct World {
    pool: PgPool,
    shelf: Shelf,
    amina: Uuid,
}

impl World {
    async fn new(pool: PgPool) -> World {
        let stage: i32 = sqlx::query_scalar(
            "with r as (insert into region (name) values ('Nairobi') returning id),
                  z as (insert into zone (region_id, name) select id, 'CBD' from r returning id)
             insert into stage (zone_id, code, name) select id, '101', 'Kencom' from z returning id",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        let amina = Uuid::now_v7();
        sqlx::query(
            "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index,
                                 stage_id, status, joined_at, approved_at, fee_paid_at, fee_payment)
             values ($1, 'test:amina', '254711000001', 'en', 'Amina', 'Otieno', sha512('1'), sha256('1'), $2, 'active',
                     '2026-11-01T06:00:00Z', '2026-11-01T06:00:00Z', '2026-11-01T06:00:00Z', $1)",
        )
        .bind(amina)
        .bind(stage)
        .execute(&pool)
        .await
        .unwrap();
        let text = include_str!("../insurance/products.xml").to_owned();
        let documents = [("products.xml".to_owned(), text)];
        let shelf = Shelf::read(&documents, &[Language::ENGLISH, Language::SWAHILI]).unwrap();
        World { pool, shelf, amina }
    }

    async fn work(&self, now: DateTime<Utc>) -> Work {
        Work::begin(&self.pool, now, Actor::System).await.unwrap()
    }

    async fn quote(&self, product: &str, term: Term, now: DateTime<Utc>) -> QuoteId {
        let mut work = self.work(now).await;
        let answers = Answers::new();
        let quoting =
            insurance::quote(&mut work, &self.shelf, self.amina, product, term, answers).await;
        let Quoting::Quoted(quote) = quoting.unwrap() else {
            panic!("a question about {product}")
        };
        work.commit().await.unwrap();
        quote.id
    }

    async fn take(&self, quote: QuoteId, now: DateTime<Utc>) -> Result<Policy, TakeError> {
        let mut work = self.work(now).await;
        let asked = Take {
            member: self.amina,
            quote,
            beneficiary: Beneficiary {
                name: Name::parse("Halima").unwrap(),
                msisdn: Msisdn::parse("0722000101").unwrap(),
            },
        };
        let taken = insurance::take(&mut work, &self.shelf, asked).await;
        work.commit().await.unwrap();
        taken
    }

    /// A daily cover that waits for its first premium.
    async fn daily(&self, now: DateTime<Utc>) -> PolicyId {
        let quote = self.quote("boda_day", Term::Day, now).await;
        self.take(quote, now).await.unwrap().id
    }

    async fn paid(
        &self,
        payment: Uuid,
        policy: PolicyId,
        shillings: i64,
        now: DateTime<Utc>,
    ) -> Came {
        let mut work = self.work(now).await;
        let amount = Money::from_shillings(shillings);
        let came = insurance::premium_came(&mut work, &self.shelf, payment, policy, amount).await;
        let came = came.unwrap();
        work.commit().await.unwrap();
        came
    }

    async fn out_of_wallet(
        &self,
        id: Uuid,
        policy: PolicyId,
        terms: u32,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, PayError> {
        let mut work = self.work(now).await;
        let spend = Spend {
            id,
            member: self.amina,
            amount: Money::from_shillings(30 * i64::from(terms)),
            limits: Limits {
                once: Money::from_shillings(50_000),
                a_day: Money::from_shillings(50_000),
                a_month: Money::from_shillings(500_000),
            },
        };
        let paid = insurance::pay_from_wallet(&mut work, &self.shelf, spend, policy, terms).await;
        work.commit().await.unwrap();
        Ok(paid?.came.period.unwrap().ends_at)
    }

    async fn top_up(&self, shillings: i64) {
        let payment = Uuid::now_v7();
        let mut work = self.work(at("2026-11-02 09:00")).await;
        let (key, amount) = (
            Key::of("payment", payment),
            Money::from_shillings(shillings),
        );
        wallet::credit(&mut work, self.amina, payment, amount, Source::TopUp, key)
            .await
            .unwrap();
        work.commit().await.unwrap();
    }

    async fn attend(&self, now: DateTime<Utc>) -> usize {
        let mut work = self.work(now).await;
        let looked_at = insurance::attend_due(&mut work, &self.shelf, 100).await;
        work.commit().await.unwrap();
        looked_at.unwrap()
    }

    async fn prove(&self, typed: &str, now: DateTime<Utc>) -> Proof {
        let mut work = self.work(now).await;
        let asker = Asker::Phone(Msisdn::parse("0733000001").unwrap());
        let proof = insurance::prove(&mut work, &asker, typed).await.unwrap();
        work.commit().await.unwrap();
        proof
    }

    async fn held(&self, policy: PolicyId) -> insurance::Held {
        let mut conn = self.pool.acquire().await.unwrap();
        let held = insurance::held(&mut conn, self.amina, policy).await;
        held.unwrap().unwrap()
    }

    async fn texts(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select template from outbox where template like 'insurance.%' order by created_at, id",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    /// What the ledger holds: the insurer's, ours of it, and Amina's wallet.
    async fn books(&self) -> [Money; 3] {
        let mut conn = self.pool.acquire().await.unwrap();
        let accounts = [
            Account::InsurerPremium("umoja".into()),
            Account::CommissionIncome("umoja".into()),
            Account::Wallet(self.amina),
        ];
        ledger::balances(&mut conn, accounts).await.unwrap()
    }

    /// What is owed and what we earned is what was paid and not given back, in the ledger and in our own tables; and every
    /// period begins where the one before ends, or later.
    async fn holds_up(&self) {
        let [owed, commission, _] = self.books().await;
        let kept: i64 = sqlx::query_scalar(
            "select (coalesce((select sum(cents) from premium), 0) - coalesce((select sum(cents) from premium_refund), 0))::bigint",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap();
        assert_eq!((owed + commission).cents(), kept);
        let mut conn = self.pool.acquire().await.unwrap();
        let (from, to) = (
            nairobi_date(at("2026-01-01 00:00")),
            nairobi_date(at("2028-01-01 00:00")),
        );
        let told = insurance::owed_to_insurers(&mut conn, from, to)
            .await
            .unwrap();
        let theirs: Money = told.iter().map(insurance::Owed::theirs).sum();
        assert_eq!(theirs, owed);
        assert!(ledger::verify(&mut conn).await.unwrap().is_sound());
        let torn: i64 = sqlx::query_scalar(
            "select count(*) from premium a join premium b on a.policy_id = b.policy_id and a.id <> b.id
             where tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap();
        assert_eq!(torn, 0);
    }
}

/// A time in Nairobi.
fn at(written: &str) -> DateTime<Utc> {
    format!("{}:00+03:00", written.replace(' ', "T"))
        .parse::<DateTime<chrono::FixedOffset>>()
        .unwrap()
        .to_utc()
}

#[sqlx::test]
async fn the_first_premium_gives_a_number_and_cover_until_six(pool: PgPool) {
    let world = World::new(pool).await;
    let now = at("2026-11-20 14:00");
    let policy = world.daily(now).await;
    assert_eq!(world.held(policy).await.policy.stage, Stage::Pending);

    let came = world.paid(Uuid::now_v7(), policy, 30, now).await;
    assert_eq!(came.period.unwrap().ends_at, at("2026-11-21 06:00"));
    let issued = came.policy.stage.issued().unwrap().clone();
    assert!(issued.number.to_string().starts_with("KSP-2026-"));
    let [owed, commission, _] = world.books().await;
    assert_eq!((owed.cents(), commission.cents()), (27_00, 3_00));

    let number = issued.number.to_string();
    for typed in [
        number.as_str(),
        issued.code.as_str(),
        &issued.code.as_str().to_lowercase(),
    ] {
        let covered = Proof::Covered {
            until: at("2026-11-21 06:00"),
        };
        assert_eq!(world.prove(typed, at("2026-11-21 05:59")).await, covered);
        assert_eq!(
            world.prove(typed, at("2026-11-21 06:00")).await,
            Proof::NotCovered
        );
    }
    assert_eq!(world.prove("KSP-2026-99999", now).await, Proof::NotCovered);
    assert_eq!(world.prove("hello", now).await, Proof::NotCovered);
    world.holds_up().await;
}

#[sqlx::test]
async fn a_premium_told_twice_is_one_and_a_premium_paid_twice_is_two_days(pool: PgPool) {
    let world = World::new(pool).await;
    let now = at("2026-11-20 23:59");
    let policy = world.daily(now).await;
    let payment = Uuid::now_v7();
    for _told_again in 0..3 {
        let came = world.paid(payment, policy, 30, now).await;
        assert_eq!(came.period.unwrap().ends_at, at("2026-11-21 06:00"));
    }
    // A moment later, on the other side of midnight.
    let came = world
        .paid(Uuid::now_v7(), policy, 30, at("2026-11-21 00:01"))
        .await;
    assert_eq!(came.period.unwrap().ends_at, at("2026-11-22 06:00"));
    assert_eq!(came.gap, None);
    let held = world.held(policy).await;
    assert_eq!(held.covered_until(now), Some(at("2026-11-22 06:00")));
    assert_eq!(held.cover.periods().len(), 2);
    world.holds_up().await;
}

#[sqlx::test]
async fn many_premiums_at_once_are_one_after_the_other(pool: PgPool) {
    let world = World::new(pool).await;
    let now = at("2026-11-20 14:00");
    let policy = world.daily(now).await;
    world.top_up(3_000).await;
    let world = std::sync::Arc::new(world);
    let mut hands = tokio::task::JoinSet::new();
    for turn in 0..20_i64 {
        let world = world.clone();
        hands.spawn(async move {
            // Two clocks that differ by seconds, each payment told twice, half of them out of the wallet.
            let now = now + TimeDelta::seconds(turn % 2 * 5);
            let id = Uuid::now_v7();
            match turn % 2 {
                0 => {
                    world.paid(id, policy, 30, now).await;
                    world.paid(id, policy, 30, now).await;
                }
                _ => {
                    world.out_of_wallet(id, policy, 1, now).await.unwrap();
                }
            }
        });
    }
    while let Some(ended) = hands.join_next().await {
        ended.unwrap();
    }
    let held = world.held(policy).await;
    assert_eq!(held.cover.periods().len(), 20);
    assert_eq!(
        held.covered_until(now + TimeDelta::minutes(1)),
        Some(at("2026-12-10 06:00"))
    );
    let [owed, commission, wallet] = world.books().await;
    assert_eq!(owed + commission, Money::from_shillings(600));
    assert_eq!(wallet, Money::from_shillings(2_700));
    world.holds_up().await;
}

#[sqlx::test]
async fn time_reminds_warns_and_lapses_once_and_a_premium_brings_it_back(pool: PgPool) {
    let world = World::new(pool).await;
    let policy = world.daily(at("2026-11-20 14:00")).await;
    world
        .paid(Uuid::now_v7(), policy, 30, at("2026-11-20 14:00"))
        .await;
    assert_eq!(world.attend(at("2026-11-20 17:59")).await, 0);
    for _twice in 0..2 {
        world.attend(at("2026-11-20 18:00")).await;
        world.attend(at("2026-11-21 06:00")).await;
    }
    assert_eq!(
        world.texts().await,
        ["insurance.ending", "insurance.ended_in_grace"]
    );
    world.attend(at("2026-11-24 05:59")).await;
    assert!(world.held(policy).await.policy.stage.is_in_force());
    world.attend(at("2026-11-24 06:00")).await;
    world.attend(at("2026-11-24 06:00")).await;
    assert!(matches!(
        world.held(policy).await.policy.stage,
        Stage::Lapsed { .. }
    ));
    assert_eq!(world.texts().await.len(), 3);

    let number = world
        .held(policy)
        .await
        .policy
        .stage
        .issued()
        .unwrap()
        .number;
    let came = world
        .paid(Uuid::now_v7(), policy, 60, at("2026-11-30 10:00"))
        .await;
    assert_eq!(came.period.unwrap().starts_at, at("2026-11-30 10:00"));
    assert_eq!(came.gap.unwrap().starts_at, at("2026-11-21 06:00"));
    assert_eq!(came.policy.stage.issued().unwrap().number, number);
    let held = world.held(policy).await;
    assert!(held.policy.stage.is_in_force());
    assert_eq!(
        held.covered_until(at("2026-11-30 10:00")),
        Some(at("2026-12-02 06:00"))
    );
    assert_eq!(held.cover.streak(at("2026-12-01 10:00")), 2);
    world.holds_up().await;
}

#[sqlx::test]
async fn a_lapse_and_a_premium_in_the_same_second_leave_the_rider_covered(pool: PgPool) {
    let world = std::sync::Arc::new(World::new(pool).await);
    let policy = world.daily(at("2026-11-20 14:00")).await;
    world
        .paid(Uuid::now_v7(), policy, 30, at("2026-11-20 14:00"))
        .await;
    let lapses_at = at("2026-11-24 06:00");
    for round in 0..6 {
        let paying = {
            let world = world.clone();
            tokio::spawn(async move { world.paid(Uuid::now_v7(), policy, 30, lapses_at).await })
        };
        let lapsing = {
            let world = world.clone();
            tokio::spawn(async move { world.attend(lapses_at).await })
        };
        paying.await.unwrap();
        lapsing.await.unwrap();
        let held = world.held(policy).await;
        assert!(held.policy.stage.is_in_force(), "round {round}");
        assert!(held.covered_until(lapses_at).is_some(), "round {round}");
    }
    world.holds_up().await;
}

#[sqlx::test]
async fn a_refusal_of_the_wallet_changes_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let now = at("2026-11-20 14:00");
    let policy = world.daily(now).await;
    world.top_up(50).await;
    let refused = world.out_of_wallet(Uuid::now_v7(), policy, 2, now).await;
    assert!(matches!(
        refused,
        Err(PayError::Spend(SpendError::NotEnough { .. }))
    ));
    for terms in [0, 367] {
        let refused = world
            .out_of_wallet(Uuid::now_v7(), policy, terms, now)
            .await;
        assert!(refused.is_err(), "{terms}");
    }
    let another = PolicyId(Uuid::now_v7());
    let refused = world.out_of_wallet(Uuid::now_v7(), another, 1, now).await;
    assert!(matches!(
        refused,
        Err(PayError::Price(PriceError::NoSuchPolicy))
    ));
    assert_eq!(world.held(policy).await.policy.stage, Stage::Pending);
    assert_eq!(world.books().await[2], Money::from_shillings(50));

    let until = world
        .out_of_wallet(Uuid::now_v7(), policy, 1, now)
        .await
        .unwrap();
    assert_eq!(until, at("2026-11-21 06:00"));
    assert_eq!(world.books().await[2], Money::from_shillings(20));
    world.holds_up().await;
}

#[sqlx::test]
async fn money_that_no_policy_takes_is_the_members(pool: PgPool) {
    let world = World::new(pool).await;
    let now = at("2026-11-20 14:00");
    let first = world.daily(now).await;
    // Nobody paid for it, and another price was taken: the prompt of the first is answered all the same.
    let second = world.daily(now).await;
    let came = world.paid(Uuid::now_v7(), first, 30, now).await;
    assert_eq!(
        (came.period, came.to_wallet),
        (None, Money::from_shillings(30))
    );
    // What is over a whole number of days stays money.
    let came = world.paid(Uuid::now_v7(), second, 100, now).await;
    assert_eq!(came.period.unwrap().ends_at, at("2026-11-23 06:00"));
    assert_eq!(came.to_wallet, Money::from_shillings(10));
    assert_eq!(world.books().await[2], Money::from_shillings(40));
    // Long after it lapsed it takes a new policy.
    world.attend(at("2026-12-20 06:00")).await;
    let came = world
        .paid(Uuid::now_v7(), second, 30, at("2027-02-01 06:00"))
        .await;
    assert_eq!(came.period, None);
    let third = world.daily(at("2027-02-01 06:00")).await;
    assert_ne!(third, second);
    world.holds_up().await;
}

#[sqlx::test]
async fn a_quote_is_offered_until_it_is_taken_or_over(pool: PgPool) {
    let world = World::new(pool).await;
    let now = at("2026-11-20 14:00");
    let quote = world.quote("boda_day", Term::Day, now).await;
    let offered = async |now| {
        let mut conn = world.pool.acquire().await.unwrap();
        let offered = insurance::offered(&mut conn, world.amina, now)
            .await
            .unwrap();
        offered.map(|quote| quote.id)
    };
    assert_eq!(offered(now + TimeDelta::days(6)).await, Some(quote));
    assert_eq!(offered(now + TimeDelta::days(7)).await, None);
    let late = world.take(quote, now + TimeDelta::days(7)).await;
    assert!(matches!(late, Err(TakeError::NotOffered)));

    let policy = world.take(quote, now).await.unwrap();
    assert_eq!(world.take(quote, now).await.unwrap(), policy);
    assert_eq!(offered(now).await, Some(quote));
    world.paid(Uuid::now_v7(), policy.id, 30, now).await;
    assert_eq!(offered(now).await, None);
    let again = world.quote("boda_day", Term::Week, now).await;
    let refused = world.take(again, now).await;
    assert!(matches!(refused, Err(TakeError::HasOne(one)) if one == policy.id));
}

#[sqlx::test]
async fn what_is_cancelled_gives_back_its_unused_days_once(pool: PgPool) {
    let world = World::new(pool).await;
    let now = at("2026-11-20 14:00");
    let policy = world.daily(now).await;
    world.paid(Uuid::now_v7(), policy, 300, now).await;
    let code = world
        .held(policy)
        .await
        .policy
        .stage
        .issued()
        .unwrap()
        .code
        .clone();
    let mut work = world.work(now).await;
    let stranger = Some(Uuid::now_v7());
    assert!(
        insurance::cancel(&mut work, &world.shelf, policy, stranger)
            .await
            .is_err()
    );
    let cancelled = insurance::cancel(&mut work, &world.shelf, policy, Some(world.amina)).await;
    // Nine of ten days, nine tenths of them.
    assert_eq!(cancelled.unwrap().refund.amount, Money::from_shillings(243));
    work.commit().await.unwrap();

    let mut work = world.work(now).await;
    let again = insurance::cancel(&mut work, &world.shelf, policy, Some(world.amina)).await;
    assert!(again.is_err());
    drop(work);
    assert_eq!(world.prove(code.as_str(), now).await, Proof::NotCovered);
    let [owed, commission, wallet] = world.books().await;
    assert_eq!(wallet, Money::from_shillings(243));
    assert_eq!(owed + commission, Money::from_shillings(57));
    // A prompt that was out comes in: the money is hers.
    let came = world.paid(Uuid::now_v7(), policy, 30, now).await;
    assert_eq!(came.to_wallet, Money::from_shillings(30));
    world.holds_up().await;
}

#[sqlx::test]
async fn guessing_is_limited(pool: PgPool) {
    let world = World::new(pool).await;
    let now = at("2026-11-20 14:00");
    for _question in 0..20 {
        assert_eq!(world.prove("KSP-2026-00001", now).await, Proof::NotCovered);
    }
    assert_eq!(
        world.prove("KSP-2026-00001", now).await,
        Proof::AskedTooOften
    );
    let later = now + TimeDelta::hours(1);
    assert_eq!(
        world.prove("KSP-2026-00001", later).await,
        Proof::NotCovered
    );
}

/// What the code never does, the tables refuse.
#[sqlx::test]
async fn the_tables_keep_the_chain_and_the_stages(pool: PgPool) {
    let world = World::new(pool).await;
    let now = at("2026-11-20 14:00");
    let policy = world.daily(now).await;
    world.paid(Uuid::now_v7(), policy, 30, now).await;
    let journal: i64 =
        sqlx::query_scalar("select max(id) from ledger.journal where kind = 'commission_earned'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    for (follows, starts, ends, told) in [
        (
            None,
            "2026-11-25 10:00",
            "2026-11-26 06:00",
            "premium_one_next",
        ),
        (
            Some("2026-11-22 06:00"),
            "2026-11-22 06:00",
            "2026-11-23 06:00",
            "premium_follows",
        ),
        (
            Some("2026-11-21 06:00"),
            "2026-11-21 05:00",
            "2026-11-22 06:00",
            "premium_begins",
        ),
        (
            Some("2026-11-21 06:00"),
            "2026-11-21 07:00",
            "2026-11-22 06:00",
            "premium_begins",
        ),
        (
            Some("2026-11-21 06:00"),
            "2026-11-20 10:00",
            "2026-11-22 06:00",
            "premium_begins",
        ),
    ] {
        let refused = sqlx::query(
            "insert into premium (id, policy_id, paid_at, cents, commission_cents, paid_from, terms, follows_end, starts_at, ends_at, journal_id)
             values ($1, $2, $3, 3000, 0, 'wallet', 1, $4, $5, $6, $7)",
        )
        .bind(Uuid::now_v7())
        .bind(policy.0)
        .bind(if follows.is_none() { at(starts) } else { at("2026-11-20 10:00") })
        .bind(follows.map(at))
        .bind(at(starts))
        .bind(at(ends))
        .bind(journal)
        .execute(&world.pool)
        .await
        .unwrap_err();
        let constraint = refused
            .as_database_error()
            .and_then(|error| error.constraint());
        assert_eq!(constraint, Some(told), "{follows:?} {starts}");
    }
    for (change, told) in [
        ("state = 'pending'", "policy_stages"),
        ("state = 'replaced', ended_at = now()", "policy_stages"),
        ("price_cents = 100", "policy_as_quoted"),
        ("number_serial = 4711", "policy_number_stays"),
        ("state = 'lapsed'", "policy_lapsed"),
        ("state = 'cancelled'", "policy_ended"),
    ] {
        let refused = sqlx::query(sqlx::AssertSqlSafe(format!(
            "update policy set look_at = null, {change}"
        )))
        .execute(&world.pool)
        .await
        .unwrap_err();
        let constraint = refused
            .as_database_error()
            .and_then(|error| error.constraint());
        assert_eq!(constraint, Some(told), "{change}");
    }
}
