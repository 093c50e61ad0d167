//! Plans, forgiveness, due days and the months of a fund against a real Postgres: what is said twice, at once, or too late.

use chrono::{DateTime, NaiveDate, Utc};
use kwastage::primitives::{Language, Money};
use kwastage::schedules::{self, Channel, Choice, Mode, ModeError};
use kwastage::welfare::{
    self, Because, ContributionReceived, Forgave, Forgive, ForgiveError, Forgiven, Forgiver,
    FundEvent, FundRule, PaidFrom, Period, Plan, RuleError, SetPlanError, Status, SupportHeld,
};
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use uuid::Uuid;

const FRIDAY: &str = "2026-11-20T09:00:00Z";

struct World {
    pool: PgPool,
    stage: i32,
    amina: Uuid,
    juma: Uuid,
    njeri: Uuid,
}

impl World {
    /// Three members of Kencom since 1 November, who owe 200 each Monday from the 2nd on: 600 by Friday the 20th.
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
            njeri: Uuid::now_v7(),
        };
        for (id, msisdn, name) in [
            (world.amina, "254711000001", "Amina"),
            (world.juma, "254711000002", "Juma"),
            (world.njeri, "254711000005", "Njeri"),
        ] {
            world.insert_member(id, msisdn, name).await;
        }
        let mut work = world.begin("2026-10-25T06:00:00Z").await;
        welfare::set_plan(&mut work, stage, "rider", &weekly(200, "2026-11-02"))
            .await
            .unwrap();
        work.commit().await.unwrap();
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

    async fn set_plan(&self, plan: &Plan, now: &str) -> Result<(), SetPlanError> {
        let mut work = self.begin(now).await;
        welfare::set_plan(&mut work, self.stage, "rider", plan).await?;
        work.commit().await.unwrap();
        Ok(())
    }

    async fn contribute(&self, member: Uuid, amount: i64, now: &str) {
        let mut work = self.begin(now).await;
        let received = ContributionReceived {
            member,
            stage: self.stage,
            amount: shillings(amount),
            payment: Uuid::now_v7(),
            provider_receipt: "TKQ1ABCDE2".to_owned(),
            from: PaidFrom::Mpesa,
        };
        welfare::contribution_received(&mut work, received)
            .await
            .unwrap();
        work.commit().await.unwrap();
    }

    async fn support(&self, member: Uuid, amount: i64, now: &str) {
        let mut work = self.begin(now).await;
        let held = SupportHeld {
            member,
            stage: self.stage,
            amount: shillings(amount),
            payout: Uuid::now_v7(),
        };
        welfare::support_held(&mut work, held).await.unwrap();
        work.commit().await.unwrap();
    }

    fn forgiveness(&self, member: Option<Uuid>, what: Forgiven, by: Forgiver) -> Forgive {
        Forgive {
            id: Uuid::now_v7(),
            stage: self.stage,
            member,
            what,
            because: Because::parse("Floods in the city").unwrap(),
            by,
        }
    }

    async fn forgive(&self, forgive: Forgive, now: &str) -> Result<Forgave, ForgiveError> {
        let mut work = self.begin(now).await;
        let forgave = welfare::forgive(&mut work, forgive).await?;
        work.commit().await.unwrap();
        Ok(forgave)
    }

    /// By how much somebody is behind.
    async fn behind(&self, member: Uuid, today: &str) -> i64 {
        let mut conn = self.pool.acquire().await.unwrap();
        let standing = welfare::standing_of(&mut conn, member, day(today))
            .await
            .unwrap();
        match standing.unwrap().status {
            Status::Behind { by, .. } => by.cents() / 100,
            Status::PaidUp { .. } => 0,
        }
    }

    async fn choose(&self, mode: Mode, key: &str) -> Result<(), ModeError> {
        let mut work = self.begin(FRIDAY).await;
        let choice = Choice {
            member: self.amina,
            mode,
            words: "On each due day".to_owned(),
            language: Language::ENGLISH,
            channel: Channel::Ussd,
            key: key.to_owned(),
            with_pin: true,
        };
        schedules::choose(&mut work, choice).await?;
        work.commit().await.unwrap();
        Ok(())
    }

    async fn count(&self, what: &'static str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {what}")))
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// The constraint or trigger that refuses this statement.
    async fn refused(&self, statement: &'static str) -> String {
        let error = sqlx::query(statement)
            .bind(self.stage)
            .bind(self.amina)
            .execute(&self.pool)
            .await
            .unwrap_err();
        error.to_string()
    }
}

fn weekly(amount: i64, from: &str) -> Plan {
    Plan {
        period: Period::Week,
        amount: shillings(amount),
        starts_on: day(from),
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

fn staff() -> Forgiver {
    Forgiver::Staff("desk".to_owned())
}

#[sqlx::test]
async fn a_new_plan_leaves_what_fell_due_as_it_was(pool: PgPool) {
    let world = World::new(pool).await;
    assert_eq!(world.behind(world.amina, "2026-11-20").await, 600);
    for too_early in ["2026-11-01", "2026-11-16", "2026-11-20"] {
        let refused = world.set_plan(&weekly(500, too_early), FRIDAY).await;
        assert!(
            matches!(refused, Err(SetPlanError::TooEarly(earliest)) if earliest == day("2026-11-21")),
            "{refused:?}"
        );
    }
    world
        .set_plan(&weekly(500, "2026-11-23"), FRIDAY)
        .await
        .unwrap();
    // Once more is no change; a mistyped one is replaced before it begins.
    world
        .set_plan(&weekly(500, "2026-11-23"), FRIDAY)
        .await
        .unwrap();
    assert_eq!(world.count("plan").await, 2);
    world
        .set_plan(&weekly(300, "2026-11-23"), FRIDAY)
        .await
        .unwrap();
    assert_eq!(world.behind(world.amina, "2026-11-20").await, 600);
    assert_eq!(world.behind(world.amina, "2026-11-24").await, 900);
    assert_eq!(world.behind(world.amina, "2026-12-01").await, 1_200);

    let mut work = world.begin(FRIDAY).await;
    let begun = welfare::withdraw_plan(&mut work, world.stage, "rider", day("2026-11-02")).await;
    assert!(!begun.unwrap(), "a plan that has begun stays");
    let coming = welfare::withdraw_plan(&mut work, world.stage, "rider", day("2026-11-23")).await;
    assert!(coming.unwrap());
    work.commit().await.unwrap();
    assert_eq!(world.behind(world.amina, "2026-12-01").await, 1_000);
    for statement in [
        "update plan set cents = 1000 where stage_id = $1 and $2::uuid is not null",
        "update plan set starts_on = starts_on - 7 where stage_id = $1 and $2::uuid is not null",
        "delete from plan where stage_id = $1 and $2::uuid is not null",
    ] {
        let why = world.refused(statement).await;
        assert!(!why.is_empty(), "{statement}");
    }
    let odd = world.set_plan(&weekly(5, "2026-12-07"), FRIDAY).await;
    assert!(matches!(odd, Err(SetPlanError::Amount)), "{odd:?}");
}

#[sqlx::test]
async fn what_is_forgiven_is_arrears_and_no_more_and_once(pool: PgPool) {
    let world = World::new(pool).await;
    world
        .contribute(world.amina, 250, "2026-11-10T06:00:00Z")
        .await;
    let all = Forgiven::Amount(shillings(5_000));
    let official = || Forgiver::Official(world.njeri);
    let asked = world.forgiveness(Some(world.amina), all, official());
    let forgave = world.forgive(asked.clone(), FRIDAY).await.unwrap();
    assert_eq!(forgave.members, [(world.amina, shillings(350))]);
    assert_eq!(world.behind(world.amina, "2026-11-20").await, 0);
    // The same deed again, and a week later: the same forgiveness.
    for later in [FRIDAY, "2026-11-27T09:00:00Z"] {
        let again = world.forgive(asked.clone(), later).await.unwrap();
        assert_eq!(
            (again.members, again.fresh),
            (forgave.members.clone(), false)
        );
    }
    // Nothing was paid ahead: the next Monday is owed in full.
    assert_eq!(world.behind(world.amina, "2026-11-24").await, 200);
    let nothing = world.forgiveness(Some(world.amina), all, official());
    let nothing = world.forgive(nothing, FRIDAY).await;
    assert!(
        matches!(nothing, Err(ForgiveError::NothingOwed)),
        "{nothing:?}"
    );
    let mut conn = world.pool.acquire().await.unwrap();
    let to_her = welfare::forgiven_to(&mut conn, world.amina).await.unwrap();
    assert_eq!(to_her, shillings(350));
    let lines = welfare::forgiven_at(&mut conn, world.stage, 10)
        .await
        .unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].person.as_ref().unwrap().to_string(), "Ami***");
    assert_eq!(lines[0].because, "Floods in the city");
}

#[sqlx::test]
async fn nobody_forgives_their_own_arrears(pool: PgPool) {
    let world = World::new(pool).await;
    let everything = welfare::everything(day("2026-11-20"));
    let official = || Forgiver::Official(world.njeri);
    let herself = world.forgiveness(Some(world.njeri), everything, official());
    let refused = world.forgive(herself, FRIDAY).await;
    assert!(matches!(refused, Err(ForgiveError::Oneself)), "{refused:?}");
    // The whole stage, and not her.
    let amnesty = world.forgiveness(None, everything, official());
    let forgave = world.forgive(amnesty, FRIDAY).await.unwrap();
    assert_eq!(forgave.members.len(), 2);
    for (member, behind) in [(world.amina, 0), (world.juma, 0), (world.njeri, 600)] {
        assert_eq!(world.behind(member, "2026-11-20").await, behind);
    }
    // The database says so as well, whoever writes to it.
    for (statement, constraint) in [
        (
            "insert into forgiveness (id, stage_id, member_id, cents, reason, by_member, at)
             values (gen_random_uuid(), $1, $2, 10000, 'because I can', $2, now())",
            "nobody_forgives_himself",
        ),
        (
            "with f as (insert into forgiveness (id, stage_id, cents, reason, by_member, at)
                        values ('00000000-0000-0000-0000-000000000007', $1, 10000, 'everybody', $2, now()) returning id)
             select 1 from f",
            "",
        ),
        (
            "insert into waiver (forgiveness_id, member_id, cents, by_member)
             select '00000000-0000-0000-0000-000000000007', $2, 10000, $2 where $1 > 0",
            "nobody_is_forgiven_by_himself",
        ),
        (
            "insert into waiver (forgiveness_id, member_id, cents)
             select '00000000-0000-0000-0000-000000000007', $2, 10000 where $1 > 0",
            "names who forgave",
        ),
        (
            "update waiver set cents = 1 where $1 > 0 and member_id = $2",
            "",
        ),
        ("delete from forgiveness where stage_id = $1 and $2::uuid is not null", ""),
    ] {
        let outcome = sqlx::query(statement)
            .bind(world.stage)
            .bind(world.amina)
            .execute(&world.pool)
            .await;
        match (constraint, outcome) {
            ("", outcome) if statement.starts_with("with") => drop(outcome.unwrap()),
            (wanted, outcome) => {
                let why = outcome.unwrap_err().to_string();
                assert!(why.contains(wanted), "{why}");
            }
        }
    }
}

#[sqlx::test]
async fn two_officials_at_once_forgive_what_there_is_and_not_twice(pool: PgPool) {
    let world = World::new(pool).await;
    let everything = welfare::everything(day("2026-11-20"));
    let mine = world.forgiveness(
        Some(world.amina),
        everything,
        Forgiver::Official(world.njeri),
    );
    let yours = world.forgiveness(None, everything, staff());
    let (one, other) = tokio::join!(world.forgive(mine, FRIDAY), world.forgive(yours, FRIDAY));
    let given: Money = [one, other]
        .into_iter()
        .filter_map(Result::ok)
        .flat_map(|forgave| forgave.members)
        .filter(|(member, _)| *member == world.amina)
        .map(|(_, amount)| amount)
        .sum();
    assert_eq!(given, shillings(600));
    assert_eq!(world.behind(world.amina, "2026-11-20").await, 0);
    assert_eq!(world.behind(world.amina, "2026-11-24").await, 200);
}

#[sqlx::test]
async fn a_fund_pays_by_the_rule_of_its_stage_before_everybody_s(pool: PgPool) {
    let world = World::new(pool).await;
    let rule = |event, amount, from| FundRule {
        event,
        amount: shillings(amount),
        times_a_year: 1,
        from: day(from),
    };
    let set = async |stage, rule| {
        let mut work = world.begin(FRIDAY).await;
        let made = welfare::set_rule(&mut work, stage, rule).await;
        if made.is_ok() {
            work.commit().await.unwrap();
        }
        made
    };
    let accident = FundEvent::Accident;
    set(Some(world.stage), rule(accident, 8_000, "2026-12-01"))
        .await
        .unwrap();
    set(Some(world.stage), rule(FundEvent::Theft, 0, "2026-12-01"))
        .await
        .unwrap();
    let past = set(Some(world.stage), rule(accident, 1, "2026-11-19")).await;
    assert!(matches!(past, Err(RuleError::InThePast)), "{past:?}");
    let twice = set(Some(world.stage), rule(accident, 9_000, "2026-12-01")).await;
    assert!(matches!(twice, Err(RuleError::Taken)), "{twice:?}");
    let pays = async |on: &str| {
        let mut conn = world.pool.acquire().await.unwrap();
        let rules = welfare::rules_of(&mut conn, world.stage, day(on))
            .await
            .unwrap();
        let of = |event| {
            rules
                .iter()
                .find(|rule| rule.event == event)
                .map(|rule| rule.amount.cents() / 100)
        };
        (of(accident), of(FundEvent::Theft), rules.len())
    };
    assert_eq!(pays("2026-11-30").await, (Some(5_000), Some(3_000), 5));
    assert_eq!(pays("2026-12-01").await, (Some(8_000), None, 4));
}

#[sqlx::test]
async fn m_pesa_is_agreed_to_with_the_pin_alone_and_each_choice_stays(pool: PgPool) {
    let world = World::new(pool).await;
    world.choose(Mode::Push, "call:3").await.unwrap();
    world.choose(Mode::Push, "call:3").await.unwrap();
    assert_eq!(world.count("schedule_choice").await, 1);
    for (channel, with_pin) in [
        (Channel::Sms, false),
        (Channel::Sms, true),
        (Channel::Ussd, false),
    ] {
        let mut work = world.begin(FRIDAY).await;
        let choice = Choice {
            member: world.juma,
            mode: Mode::Push,
            words: "whatever".to_owned(),
            language: Language::ENGLISH,
            channel,
            key: format!("{channel:?}{with_pin}"),
            with_pin,
        };
        let refused = schedules::choose(&mut work, choice).await;
        assert!(matches!(refused, Err(ModeError::NeedsPin)), "{refused:?}");
    }
    let why = world
        .refused(
            "insert into schedule_choice (member_id, mode, words, language, channel, key, with_pin, at)
             select $2, 'push', 'forged', 'en', 'sms', 'forged', false, now() where $1 > 0",
        )
        .await;
    assert!(why.contains("push_needs_the_pin"), "{why}");
    // A schedule that nobody chose cannot be.
    let why = world
        .refused("update payment_schedule set mode = 'remind' where member_id = $2 and $1 > 0")
        .await;
    assert!(why.contains("payment_schedule"), "{why}");
    world.choose(Mode::Off, "call:9").await.unwrap();
    let mut conn = world.pool.acquire().await.unwrap();
    let mode = schedules::mode_of(&mut conn, world.amina).await.unwrap();
    assert_eq!(mode, Mode::Off);
    assert_eq!(world.count("schedule_choice").await, 2);
}

#[sqlx::test]
async fn months_are_chained_and_a_change_shows(pool: PgPool) {
    let world = World::new(pool).await;
    world
        .contribute(world.amina, 200, "2026-09-30T20:59:59Z")
        .await;
    // Midnight in Nairobi: October.
    world
        .contribute(world.amina, 300, "2026-09-30T21:00:00Z")
        .await;
    world.support(world.juma, 400, "2026-10-15T09:00:00Z").await;
    world
        .contribute(world.juma, 500, "2026-11-02T06:00:00Z")
        .await;
    let close = async |now: &str, last: &str| {
        let mut work = world.begin(now).await;
        let closed = welfare::close_next_month(&mut work, world.stage, "101", day(last))
            .await
            .unwrap();
        work.commit().await.unwrap();
        closed
    };
    // Two workers at once.
    let (one, two) = tokio::join!(
        close("2026-11-01T00:00:00Z", "2026-10-01"),
        close("2026-11-01T00:00:00Z", "2026-10-01")
    );
    let mut closed: Vec<_> = [one, two]
        .into_iter()
        .flatten()
        .map(|month| month.month)
        .collect();
    closed.sort();
    assert_eq!(closed, [day("2026-09-01"), day("2026-10-01")]);
    assert_eq!(close("2026-11-01T00:00:01Z", "2026-10-01").await, None);
    let mut conn = world.pool.acquire().await.unwrap();
    let months = welfare::months_of(&mut conn, world.stage, 12)
        .await
        .unwrap();
    let sums: Vec<_> = months
        .iter()
        .map(|month| {
            let shillings = |amount: Money| amount.cents() / 100;
            (
                shillings(month.opening),
                shillings(month.money_in),
                shillings(month.money_out),
                shillings(month.closing()),
                month.lines,
            )
        })
        .collect();
    assert_eq!(sums, [(200, 300, 400, 100, 2), (0, 200, 0, 200, 1)]);
    // Anybody can do it again from the text.
    let text = welfare::month_text(&mut conn, world.stage, "101", day("2026-10-01"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(text.lines().count(), 3);
    use sha2::{Digest, Sha256};
    let said: Vec<u8> = Sha256::digest(text.as_bytes()).to_vec();
    assert_eq!(said, months[0].hash.0);
    let broken = async |conn: &mut sqlx::PgConnection| {
        welfare::broken_months(conn, world.stage, "101")
            .await
            .unwrap()
    };
    assert_eq!(broken(&mut conn).await, []);
    let why = world
        .refused("update fund_month set cents_in = 1 where stage_id = $1 and $2::uuid is not null")
        .await;
    assert!(why.contains("fund_month") || !why.is_empty(), "{why}");
    // Somebody writes a line into a month that is over.
    world
        .contribute(world.amina, 700, "2026-09-10T09:00:00Z")
        .await;
    assert_eq!(broken(&mut conn).await, [day("2026-09-01")]);
}
