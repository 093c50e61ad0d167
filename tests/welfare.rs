//! The welfare fund against a real Postgres: contributions, support, standings and the statement every member may read.

use chrono::{DateTime, NaiveDate, Utc};
use kwastage::fault::Fault;
use kwastage::ledger::{self, Account, PostError};
use kwastage::primitives::{Money, nairobi_date};
use kwastage::welfare::{
    self, ContributionReceived, Direction, FundError, FundStatement, Outcome, PaidFrom, Period,
    Plan, Standing, Status, SupportHeld,
};
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use uuid::Uuid;

struct World {
    pool: PgPool,
    stage: i32,
    amina: Uuid,
    juma: Uuid,
}

impl World {
    /// Stage Kencom with Amina and Juma, both approved on Wednesday 4 November 2026, and 200 shillings due each Monday.
    async fn new(pool: PgPool) -> World {
        let stage = sqlx::query_scalar(
            "with r as (insert into region (name) values ('Nairobi') returning id),
                  z as (insert into zone (region_id, name) select id, 'CBD' from r returning id)
             insert into stage (zone_id, code, name) select id, '101', 'Kencom' from z returning id",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        let (amina, juma) = (Uuid::now_v7(), Uuid::now_v7());
        let world = World {
            pool,
            stage,
            amina,
            juma,
        };
        world
            .insert_member(amina, "254711000001", "Amina", Some("2026-11-04T05:00:00Z"))
            .await;
        world
            .insert_member(juma, "254711000002", "Juma", Some("2026-11-04T05:00:00Z"))
            .await;
        let mut work = world.begin("2026-11-01T06:00:00Z").await;
        let weekly = Plan {
            period: Period::Week,
            amount: shillings(200),
            starts_on: day("2026-11-02"),
        };
        welfare::adopt_plan(&mut work, stage, "rider", &weekly)
            .await
            .unwrap();
        work.commit().await.unwrap();
        world
    }

    async fn insert_member(
        &self,
        id: Uuid,
        msisdn: &str,
        first_name: &str,
        approved_at: Option<&str>,
    ) {
        sqlx::query(
            "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index,
                                 stage_id, status, joined_at, approved_at, fee_paid_at, fee_payment)
             values ($1, 'test:' || $2, $2, 'en', $3, 'Otieno', sha512($2::text::bytea), sha256($2::text::bytea), $4, $5,
                     '2026-11-01T06:00:00Z', $6, '2026-11-01T06:00:00Z', $1)",
        )
        .bind(id)
        .bind(msisdn)
        .bind(first_name)
        .bind(self.stage)
        .bind(if approved_at.is_some() { "active" } else { "pending" })
        .bind(approved_at.map(instant))
        .execute(&self.pool)
        .await
        .unwrap();
    }

    async fn begin(&self, now: &str) -> Work {
        Work::begin(&self.pool, instant(now), Actor::System)
            .await
            .unwrap()
    }

    fn contribution(&self, member: Uuid, amount: i64) -> ContributionReceived {
        let provider_receipt = "TKQ1ABCDE2".to_owned();
        ContributionReceived {
            member,
            stage: self.stage,
            amount: shillings(amount),
            payment: Uuid::now_v7(),
            provider_receipt,
            from: PaidFrom::Mpesa,
        }
    }

    async fn contribute(
        &self,
        received: &ContributionReceived,
        now: &str,
    ) -> Result<Outcome, FundError> {
        let mut work = self.begin(now).await;
        let outcome = welfare::contribution_received(&mut work, received.clone()).await?;
        work.commit().await?;
        Ok(outcome)
    }

    async fn support(&self, paid: &SupportHeld, now: &str) -> Result<Outcome, FundError> {
        let mut work = self.begin(now).await;
        let outcome = welfare::support_held(&mut work, paid.clone()).await?;
        work.commit().await?;
        Ok(outcome)
    }

    async fn standing(&self, member: Uuid, today: &str) -> Option<Standing> {
        welfare::standing_of(&mut self.pool.acquire().await.unwrap(), member, day(today))
            .await
            .unwrap()
    }

    async fn statement(&self, now: &str) -> FundStatement {
        welfare::fund_statement(
            &mut self.pool.acquire().await.unwrap(),
            self.stage,
            instant(now),
        )
        .await
        .unwrap()
    }

    async fn count(&self, table: &'static str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}")))
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

fn shillings(amount: i64) -> Money {
    Money::from_shillings(amount)
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[sqlx::test]
async fn a_contribution_is_booked_once_however_often_it_is_told(pool: PgPool) {
    let world = World::new(pool).await;
    let received = world.contribution(world.amina, 200);
    let Outcome::Booked(journal) = world
        .contribute(&received, "2026-11-05T06:00:00Z")
        .await
        .unwrap()
    else {
        panic!("not booked")
    };
    for later in ["2026-11-05T06:00:01Z", "2026-12-31T06:00:00Z"] {
        assert_eq!(
            world.contribute(&received, later).await.unwrap(),
            Outcome::AlreadyDone(journal)
        );
    }
    let fund = ledger::balance(
        &mut world.pool.acquire().await.unwrap(),
        Account::Fund(world.stage),
    )
    .await
    .unwrap();
    assert_eq!(fund, shillings(200));
    for table in ["contribution", "fund_movement", "ledger.journal", "event"] {
        assert_eq!(world.count(table).await, 1, "{table}");
    }
}

#[sqlx::test]
async fn one_payment_is_not_two_people_s_money(pool: PgPool) {
    let world = World::new(pool).await;
    let received = world.contribution(world.amina, 200);
    world
        .contribute(&received, "2026-11-05T06:00:00Z")
        .await
        .unwrap();
    for other in [
        ContributionReceived {
            member: world.juma,
            ..received.clone()
        },
        ContributionReceived {
            amount: shillings(201),
            ..received.clone()
        },
        ContributionReceived {
            stage: world.stage + 1,
            ..received.clone()
        },
    ] {
        let refused = world.contribute(&other, "2026-11-05T06:00:00Z").await;
        assert!(
            matches!(refused, Err(FundError::BookedOtherwise)),
            "{other:?}: {refused:?}"
        );
    }
    let as_support = SupportHeld {
        member: world.amina,
        stage: world.stage,
        amount: shillings(200),
        payout: received.payment,
    };
    assert!(matches!(
        world.support(&as_support, "2026-11-05T06:00:00Z").await,
        Err(FundError::BookedOtherwise)
    ));
    assert_eq!(world.count("contribution").await, 1);
}

#[sqlx::test]
async fn an_amount_of_nothing_or_an_unknown_member_leaves_nothing_behind(pool: PgPool) {
    let world = World::new(pool).await;
    let nothing = world
        .contribute(&world.contribution(world.amina, 0), "2026-11-05T06:00:00Z")
        .await;
    assert!(
        matches!(nothing, Err(FundError::Refused(PostError::NotAPosting(_)))),
        "{nothing:?}"
    );
    let nobody = world
        .contribute(
            &world.contribution(Uuid::now_v7(), 200),
            "2026-11-05T06:00:00Z",
        )
        .await;
    assert!(
        matches!(nobody, Err(FundError::Fault(Fault::Database(_)))),
        "{nobody:?}"
    );
    for table in ["contribution", "fund_movement", "ledger.journal", "event"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
}

#[sqlx::test]
async fn a_fund_supports_with_what_it_holds(pool: PgPool) {
    let world = World::new(pool).await;
    world
        .contribute(
            &world.contribution(world.amina, 500),
            "2026-11-05T06:00:00Z",
        )
        .await
        .unwrap();
    let support = |amount| SupportHeld {
        member: world.juma,
        stage: world.stage,
        amount: shillings(amount),
        payout: Uuid::now_v7(),
    };
    let refused = world.support(&support(501), "2026-11-06T06:00:00Z").await;
    assert!(
        matches!(refused, Err(FundError::Refused(PostError::Overdrawn))),
        "{refused:?}"
    );
    let paid = support(300);
    let Outcome::Booked(journal) = world.support(&paid, "2026-11-06T06:00:00Z").await.unwrap()
    else {
        panic!("not booked")
    };
    assert_eq!(
        world.support(&paid, "2026-11-06T07:00:00Z").await.unwrap(),
        Outcome::AlreadyDone(journal)
    );
    let for_another = SupportHeld {
        member: world.amina,
        ..paid
    };
    assert!(matches!(
        world.support(&for_another, "2026-11-06T07:00:00Z").await,
        Err(FundError::BookedOtherwise)
    ));
    assert_eq!(
        world.statement("2026-11-06T07:00:00Z").await.balance,
        shillings(200)
    );
}

#[sqlx::test]
async fn a_standing_follows_what_is_paid(pool: PgPool) {
    let world = World::new(pool).await;
    let behind = Standing {
        status: Status::Behind {
            by: shillings(400),
            since: day("2026-11-09"),
        },
        suggested: shillings(400),
    };
    assert_eq!(
        world.standing(world.amina, "2026-11-20").await,
        Some(behind)
    );
    world
        .contribute(
            &world.contribution(world.amina, 250),
            "2026-11-20T06:00:00Z",
        )
        .await
        .unwrap();
    let still = Standing {
        status: Status::Behind {
            by: shillings(150),
            since: day("2026-11-16"),
        },
        suggested: shillings(150),
    };
    assert_eq!(world.standing(world.amina, "2026-11-20").await, Some(still));
    world
        .contribute(
            &world.contribution(world.amina, 150),
            "2026-11-20T06:01:00Z",
        )
        .await
        .unwrap();
    let paid_up = Standing {
        status: Status::PaidUp {
            until: day("2026-11-23"),
        },
        suggested: shillings(200),
    };
    assert_eq!(
        world.standing(world.amina, "2026-11-20").await,
        Some(paid_up)
    );
    assert_eq!(
        world.standing(world.juma, "2026-11-20").await,
        Some(behind),
        "nobody else's standing moves"
    );
}

/// Approved at 23:30 and at 00:30 Nairobi time around the Monday on which 200 shillings fall due.
#[sqlx::test]
async fn membership_begins_on_a_nairobi_day(pool: PgPool) {
    let world = World::new(pool).await;
    for (name, msisdn, approved_at, until) in [
        ("Kip", "254711000011", "2026-11-08T20:30:00Z", "2026-11-09"),
        ("Ann", "254711000012", "2026-11-08T21:30:00Z", "2026-11-16"),
    ] {
        let member = Uuid::now_v7();
        world
            .insert_member(member, msisdn, name, Some(approved_at))
            .await;
        let today = nairobi_date(instant("2026-11-09T03:00:00Z")).to_string();
        let standing = world.standing(member, &today).await.unwrap();
        assert_eq!(
            standing.status,
            Status::PaidUp { until: day(until) },
            "{name}"
        );
    }
}

#[sqlx::test]
async fn who_has_not_been_approved_or_has_no_plan_has_no_standing(pool: PgPool) {
    let world = World::new(pool).await;
    let pending = Uuid::now_v7();
    world
        .insert_member(pending, "254711000013", "Otieno", None)
        .await;
    assert_eq!(world.standing(pending, "2026-11-20").await, None);
    assert_eq!(world.standing(Uuid::now_v7(), "2026-11-20").await, None);
    sqlx::query("update member set category = 'owner' where id = $1")
        .bind(world.amina)
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(world.standing(world.amina, "2026-11-20").await, None);
}

#[sqlx::test]
async fn a_plan_is_adopted_once_and_followed_by_the_next(pool: PgPool) {
    let world = World::new(pool).await;
    let mut work = world.begin("2026-11-10T06:00:00Z").await;
    let weekly = Plan {
        period: Period::Week,
        amount: shillings(200),
        starts_on: day("2026-11-02"),
    };
    welfare::adopt_plan(&mut work, world.stage, "rider", &weekly)
        .await
        .unwrap();
    let dearer_backwards = Plan {
        amount: shillings(300),
        ..weekly.clone()
    };
    assert!(
        welfare::adopt_plan(&mut work, world.stage, "rider", &dearer_backwards)
            .await
            .is_err()
    );
    let dearer = Plan {
        amount: shillings(300),
        starts_on: day("2026-11-16"),
        ..weekly
    };
    welfare::adopt_plan(&mut work, world.stage, "rider", &dearer)
        .await
        .unwrap();
    work.commit().await.unwrap();
    let status = world
        .standing(world.amina, "2026-11-20")
        .await
        .unwrap()
        .status;
    assert_eq!(
        status,
        Status::Behind {
            by: shillings(500),
            since: day("2026-11-09")
        }
    );
}

#[sqlx::test]
async fn everybody_sees_what_came_and_went_and_nobody_s_whole_name(pool: PgPool) {
    let world = World::new(pool).await;
    assert_eq!(
        world.statement("2026-11-05T06:00:00Z").await,
        FundStatement {
            balance: Money::ZERO,
            month_in: Money::ZERO,
            month_out: Money::ZERO,
            last: vec![]
        }
    );
    // The last second of October and the first of November, in Nairobi.
    for (amount, at) in [
        (1_000, "2026-10-31T20:59:59Z"),
        (200, "2026-10-31T21:00:00Z"),
        (210, "2026-11-02T06:00:00Z"),
    ] {
        world
            .contribute(&world.contribution(world.amina, amount), at)
            .await
            .unwrap();
    }
    let support = SupportHeld {
        member: world.juma,
        stage: world.stage,
        amount: shillings(400),
        payout: Uuid::now_v7(),
    };
    world
        .support(&support, "2026-11-03T06:00:00Z")
        .await
        .unwrap();
    for (amount, at) in [(220, "2026-11-04T06:00:00Z"), (230, "2026-11-05T06:00:00Z")] {
        world
            .contribute(&world.contribution(world.juma, amount), at)
            .await
            .unwrap();
    }

    let statement = world.statement("2026-11-05T07:00:00Z").await;
    assert_eq!(
        (statement.balance, statement.month_in, statement.month_out),
        (shillings(1_460), shillings(860), shillings(400))
    );
    let lines: Vec<(Direction, Money, String)> = statement
        .last
        .into_iter()
        .map(|line| (line.direction, line.amount, line.person.to_string()))
        .collect();
    assert_eq!(
        lines,
        [
            (Direction::In, shillings(230), "Jum***".to_owned()),
            (Direction::In, shillings(220), "Jum***".to_owned()),
            (Direction::Out, shillings(400), "Jum***".to_owned()),
            (Direction::In, shillings(210), "Ami***".to_owned()),
            (Direction::In, shillings(200), "Ami***".to_owned()),
        ]
    );
    let next_month = world.statement("2026-11-30T21:00:00Z").await;
    assert_eq!(
        (next_month.month_in, next_month.month_out),
        (Money::ZERO, Money::ZERO)
    );
}

#[sqlx::test]
async fn the_fund_s_book_and_the_ledger_say_the_same(pool: PgPool) {
    let world = World::new(pool).await;
    for amount in [100, 250, 75] {
        world
            .contribute(
                &world.contribution(world.amina, amount),
                "2026-11-05T06:00:00Z",
            )
            .await
            .unwrap();
    }
    let support = SupportHeld {
        member: world.amina,
        stage: world.stage,
        amount: shillings(300),
        payout: Uuid::now_v7(),
    };
    world
        .support(&support, "2026-11-06T06:00:00Z")
        .await
        .unwrap();
    let book: i64 = sqlx::query_scalar("select sum(case direction when 'in' then cents else -cents end)::bigint from fund_movement")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(
        Money::from_cents(book),
        world.statement("2026-11-06T06:00:00Z").await.balance
    );
    for change in [
        "update contribution set cents = 1",
        "delete from fund_movement",
        "truncate contribution",
    ] {
        let refused = sqlx::raw_sql(change)
            .execute(&world.pool)
            .await
            .expect_err(change);
        assert_eq!(
            refused
                .as_database_error()
                .and_then(|refusal| refusal.constraint()),
            Some("append_only"),
            "{change}"
        );
    }
}
