//! Loans against a real Postgres: what staff, borrowers, guarantors and the daily round do, at once and again.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kwastage::ledger::{self, Account, Earning, Key};
use kwastage::loans::{
    self, AnswerError, Approval, Ask, AskError, DecideError, Funding, GuaranteeState,
    GuarantorError, LimitRules, LoanId, LoanNumber, Method, NotNow, Offer, Period, Product, Reason,
    RepayError, RepayOrder, Rules, Says, Staff, StageWord,
};
use kwastage::primitives::Money;
use kwastage::wallet::{self, Limits, Source, SpendError};
use kwastage::welfare::{self, ContributionReceived, PaidFrom};
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use tokio::task::JoinSet;
use uuid::Uuid;

/// A Friday noon in Nairobi.
const FRIDAY: &str = "2026-11-20T09:00:00Z";

struct World {
    pool: PgPool,
    lender: i32,
    amina: Uuid,
    juma: Uuid,
    wambui: Uuid,
    weekly: loans::ProductId,
}

fn shillings(amount: i64) -> Money {
    Money::from_shillings(amount)
}

fn friday() -> DateTime<Utc> {
    FRIDAY.parse().unwrap()
}

fn staff(name: &str) -> Staff {
    Staff::parse(name).unwrap()
}

fn rules() -> Rules {
    Rules {
        limit: LimitRules {
            history: TimeDelta::days(30),
            contributed_least: shillings(800),
            first_percent: 300,
            step_percent: 100,
            most_percent: 600,
        },
        guarantor_answers_within: TimeDelta::hours(48),
    }
}

fn limits() -> Limits {
    Limits {
        once: shillings(50_000),
        a_day: shillings(50_000),
        a_month: shillings(500_000),
    }
}

/// 52 % flat a year, so that a week is 1 %; two people above 4,000; three days of grace.
fn offer() -> Offer {
    Offer {
        code: "weekly".into(),
        name_en: "Weekly".into(),
        name_sw: "Wiki".into(),
        method: Method::Flat,
        rate_bp: 5_200,
        period: Period::Week,
        terms: vec![4, 8],
        least: shillings(500),
        most: shillings(20_000),
        fee: shillings(50),
        fee_bp: 0,
        guarantors: 1,
        penalty: Money::ZERO,
        penalty_bp: 500,
        grace_days: 3,
        repay_order: RepayOrder::PENALTY_FIRST,
        two_above: shillings(4_000),
    }
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
        let mut world = World {
            pool,
            lender: 0,
            amina: Uuid::now_v7(),
            juma: Uuid::now_v7(),
            wambui: Uuid::now_v7(),
            weekly: loans::ProductId(0),
        };
        for (id, msisdn, name) in [
            (world.amina, "254711000001", "Amina"),
            (world.juma, "254711000002", "Juma"),
            (world.wambui, "254711000003", "Wambui"),
        ] {
            world.insert_member(stage, id, msisdn, name).await;
            let mut work = world.at("2026-09-21T06:00:00Z".parse().unwrap()).await;
            let received = ContributionReceived {
                member: id,
                stage,
                amount: shillings(2_000),
                payment: Uuid::now_v7(),
                provider_receipt: "SEED".into(),
                from: PaidFrom::Mpesa,
            };
            welfare::contribution_received(&mut work, received)
                .await
                .unwrap();
            work.commit().await.unwrap();
        }
        let mut work = world.at(friday()).await;
        loans::fund(&mut work, funding(20_000, "BANK-1"))
            .await
            .unwrap();
        let product = Product::check(offer()).unwrap();
        world.weekly = loans::offer(&mut work, "BODA", &product).await.unwrap();
        world.lender = sqlx::query_scalar("select id from lender where code = 'BODA'")
            .fetch_one(work.conn())
            .await
            .unwrap();
        work.commit().await.unwrap();
        world
    }

    async fn insert_member(&self, stage: i32, id: Uuid, msisdn: &str, first_name: &str) {
        sqlx::query(
            "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index,
                                 stage_id, status, joined_at, approved_at, fee_paid_at, fee_payment)
             values ($1, 'test:' || $2, $2, 'en', $3, 'Otieno', sha512($2::text::bytea), sha256($2::text::bytea), $4, 'active',
                     '2026-09-01T06:00:00Z', '2026-09-01T06:00:00Z', '2026-09-01T06:00:00Z', $1)",
        )
        .bind(id)
        .bind(msisdn)
        .bind(first_name)
        .bind(stage)
        .execute(&self.pool)
        .await
        .unwrap();
    }

    async fn at(&self, now: DateTime<Utc>) -> Work {
        Work::begin(&self.pool, now, Actor::System).await.unwrap()
    }

    async fn ask(&self, member: Uuid, amount: i64, key: &str) -> Result<loans::Asked, AskError> {
        let mut work = self.at(friday()).await;
        let ask = Ask {
            key: key.to_owned(),
            member,
            product: self.weekly,
            principal: shillings(amount),
            instalments: 4,
        };
        let asked = loans::ask(&mut work, &rules(), ask).await;
        work.commit().await.unwrap();
        asked
    }

    /// Amina asks and Wambui stands for all of it.
    async fn ready(&self, amount: i64) -> (LoanId, LoanNumber) {
        let loan = self
            .ask(self.amina, amount, "session:1")
            .await
            .unwrap()
            .loan;
        self.asks_guarantor(self.wambui).await.unwrap();
        self.answers(self.wambui, loan.id, Says::Yes(None))
            .await
            .unwrap();
        (loan.id, loan.number)
    }

    /// As [`World::ready`], and lent.
    async fn lent(&self, amount: i64) -> (LoanId, LoanNumber) {
        let (id, number) = self.ready(amount).await;
        assert_eq!(
            self.approve(number, "otieno").await.unwrap(),
            Approval::Lend
        );
        (id, number)
    }

    async fn asks_guarantor(
        &self,
        guarantor: Uuid,
    ) -> Result<loans::GuarantorAsked, GuarantorError> {
        let mut work = self.at(friday()).await;
        let asked = loans::ask_guarantor(&mut work, &rules(), self.amina, guarantor).await;
        work.commit().await.unwrap();
        asked
    }

    async fn answers(
        &self,
        guarantor: Uuid,
        loan: LoanId,
        says: Says,
    ) -> Result<loans::Answered, AnswerError> {
        let mut work = self.at(friday() + TimeDelta::hours(1)).await;
        let answered = loans::answer(&mut work, &rules(), guarantor, loan, says).await;
        work.commit().await.unwrap();
        answered
    }

    async fn approve(&self, number: LoanNumber, by: &str) -> Result<Approval, DecideError> {
        let mut work = self.at(friday()).await;
        let (_, approval) = loans::approve(&mut work, number, &staff(by)).await?;
        work.commit().await.unwrap();
        Ok(approval)
    }

    async fn top_up(&self, member: Uuid, amount: i64) {
        let mut work = self.at(friday()).await;
        let payment = Uuid::now_v7();
        let key = Key::of("payment", payment);
        wallet::credit(
            &mut work,
            member,
            payment,
            shillings(amount),
            Source::TopUp,
            key,
        )
        .await
        .unwrap();
        work.commit().await.unwrap();
    }

    async fn repay(&self, id: Uuid, amount: i64, now: DateTime<Utc>) -> Result<Money, RepayError> {
        let mut work = self.at(now).await;
        let repaid =
            loans::repay_from_wallet(&mut work, limits(), self.amina, id, shillings(amount)).await;
        work.commit().await.unwrap();
        repaid.map(|(repaid, _)| repaid.taken)
    }

    /// The daily round of this moment, all of it.
    async fn round(&self, now: DateTime<Utc>) -> usize {
        let mut conn = self.pool.acquire().await.unwrap();
        let due = loans::due_for_a_look(&mut conn, now).await.unwrap();
        let mut looked = 0;
        for loan in due {
            let mut work = self.at(now).await;
            looked += usize::from(loans::look(&mut work, loan).await.unwrap());
            work.commit().await.unwrap();
        }
        looked
    }

    async fn balances<const N: usize>(&self, accounts: [Account; N]) -> [i64; N] {
        let mut conn = self.pool.acquire().await.unwrap();
        let held = ledger::balances(&mut conn, accounts).await.unwrap();
        held.map(Money::cents)
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    async fn texts(&self, template: &str) -> i64 {
        sqlx::query_scalar("select count(*) from outbox where template = $1")
            .bind(template)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    async fn held(&self, loan: LoanId) -> i64 {
        sqlx::query_scalar("select sum(held_cents)::bigint from loan_guarantee where loan_id = $1")
            .bind(loan.0)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// The ledger is sound, and what it says of loans is what the room says.
    async fn adds_up(&self) {
        let mut conn = self.pool.acquire().await.unwrap();
        let report = ledger::verify(&mut conn).await.unwrap();
        assert!(report.is_sound(), "{report:?}");
        let differing = self
            .count(
                "select count(*) from loan l
                 left join (select loan_id, sum(principal_cents - principal_paid_cents)::bigint as out from loan_instalment group by loan_id) i
                      on i.loan_id = l.id
                 where ledger.balance('loan_principal', l.id::text)
                       <> case when l.state in ('active', 'settled') then coalesce(i.out, 0) else 0 end",
            )
            .await;
        assert_eq!(differing, 0, "loans whose claim is not their principal");
        let [interest, penalty, fees, book, fund] = self
            .balances([
                Account::LoanIncome(self.lender, Earning::Interest),
                Account::LoanIncome(self.lender, Earning::Penalty),
                Account::LoanIncome(self.lender, Earning::Fee),
                Account::LoanBook(self.lender),
                Account::LoanFund(self.lender),
            ])
            .await;
        assert_eq!(
            interest,
            self.count("select coalesce(sum(interest_paid_cents), 0)::bigint from loan_instalment")
                .await
        );
        assert_eq!(
            penalty,
            self.count("select coalesce(sum(penalty_paid_cents), 0)::bigint from loan_instalment")
                .await
        );
        assert_eq!(
            fees,
            self.count("select coalesce(sum(cents), 0)::bigint from loan_entry where what = 'fee'")
                .await
        );
        let lost = self
            .count(
                "select coalesce(sum(cents), 0)::bigint from loan_entry where what = 'written_off'",
            )
            .await;
        let funded = self
            .count("select sum(cents)::bigint from lender_funding")
            .await;
        assert_eq!(
            fund - book + lost,
            funded,
            "what a lender brought is in its fund, lent out, or lost"
        );
    }
}

fn funding(amount: i64, reference: &str) -> Funding {
    Funding {
        lender: "BODA".into(),
        name: Some("Boda Lenders".into()),
        amount: shillings(amount),
        reference: reference.into(),
        by: staff("desk"),
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[sqlx::test]
async fn a_loan_from_the_request_to_the_last_cent(pool: PgPool) {
    let world = World::new(pool).await;
    let asked = world.ask(world.amina, 4_000, "session:1").await.unwrap();
    assert_eq!(
        (asked.quote.fee, asked.quote.interest),
        (shillings(50), shillings(160))
    );
    assert_eq!(
        (asked.quote.each, asked.quote.first_due),
        (shillings(1_040), day("2026-11-27"))
    );
    // The same turn again is the same request, another turn is a second one.
    let again = world.ask(world.amina, 4_000, "session:1").await.unwrap();
    assert_eq!(again.loan.id, asked.loan.id);
    assert!(matches!(
        world.ask(world.amina, 600, "session:2").await,
        Err(AskError::HasOne)
    ));
    world.asks_guarantor(world.wambui).await.unwrap();
    world
        .answers(world.wambui, asked.loan.id, Says::Yes(None))
        .await
        .unwrap();
    assert_eq!(
        world.approve(asked.loan.number, "otieno").await.unwrap(),
        Approval::Lend
    );
    let accounts = || {
        [
            Account::Wallet(world.amina),
            Account::LoanFund(world.lender),
            Account::LoanPrincipal(asked.loan.id.0),
        ]
    };
    assert_eq!(
        world.balances(accounts()).await,
        [395_000, 1_600_000, 400_000]
    );
    world.adds_up().await;

    world.repay(Uuid::now_v7(), 1_040, friday()).await.unwrap();
    assert_eq!(world.held(asked.loan.id).await, 300_000);
    world.top_up(world.amina, 500).await;
    // In the second week: one week of interest more, two let off; never more than is owed.
    let taken = world
        .repay(Uuid::now_v7(), 9_000, friday() + TimeDelta::days(10))
        .await
        .unwrap();
    assert_eq!(taken, shillings(3_040));
    assert_eq!(world.held(asked.loan.id).await, 0);
    assert_eq!(world.balances(accounts()).await, [37_000, 2_000_000, 0]);
    assert_eq!(
        world
            .count("select count(*) from loan where state = 'settled'")
            .await,
        1
    );
    world.adds_up().await;
    // Paid back in time, the next may be larger.
    assert!(matches!(
        world.repay(Uuid::now_v7(), 10, friday()).await,
        Err(RepayError::NoLoan)
    ));
    let may = loans::limit_of(
        &mut world.pool.acquire().await.unwrap(),
        &rules(),
        world.amina,
        friday(),
    )
    .await
    .unwrap();
    assert_eq!(may.amount, shillings(8_000));
}

#[sqlx::test]
async fn much_takes_two_people_and_two_at_once_lend_once(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, number) = world.ready(5_000).await;
    assert_eq!(
        world.approve(number, "Otieno").await.unwrap(),
        Approval::NeedsAnother
    );
    let again = world.approve(number, "otieno").await;
    assert!(matches!(
        again,
        Err(DecideError::NotNow(NotNow::SamePerson))
    ));
    let mut hands = JoinSet::new();
    for by in ["wanjiru", "kamau", "wanjiru", "kamau"] {
        let pool = world.pool.clone();
        hands.spawn(async move {
            let mut work = Work::begin(&pool, friday(), Actor::System).await.unwrap();
            let approved = loans::approve(&mut work, number, &staff(by)).await;
            work.commit().await.unwrap();
            approved.is_ok()
        });
    }
    let lent = hands
        .join_all()
        .await
        .into_iter()
        .filter(|lent| *lent)
        .count();
    assert_eq!(lent, 1);
    assert_eq!(
        world.balances([Account::Wallet(world.amina)]).await,
        [495_000]
    );
    world.adds_up().await;
    // The rows alone refuse what the code would.
    let one_person = sqlx::query("update loan set second_by = first_by")
        .execute(&world.pool)
        .await;
    assert!(
        one_person
            .unwrap_err()
            .to_string()
            .contains("two_people_lend")
    );
    let nobody = sqlx::query("update loan set second_by = null")
        .execute(&world.pool)
        .await;
    assert!(nobody.unwrap_err().to_string().contains("two_approve_much"));
    let back = sqlx::query("update loan set state = 'ready'")
        .execute(&world.pool)
        .await;
    assert!(back.unwrap_err().to_string().contains("does not become"));
}

#[sqlx::test]
async fn a_lender_lends_what_it_has(pool: PgPool) {
    let world = World::new(pool).await;
    let mut work = world.at(friday()).await;
    // The same transfer told twice is booked once; another amount under its name is refused.
    assert_eq!(
        loans::fund(&mut work, funding(20_000, "BANK-1"))
            .await
            .unwrap(),
        shillings(20_000)
    );
    assert!(loans::fund(&mut work, funding(1, "BANK-1")).await.is_err());
    work.commit().await.unwrap();
    // Most of it is lent elsewhere meanwhile.
    sqlx::query("select ledger.post('test_lent', 'test', 'x', gen_random_uuid(), now(), null, '{loan_fund}', array[$1], '{lender_bank}', array[$1], '{1700000}')")
        .bind(world.lender.to_string())
        .execute(&world.pool)
        .await
        .unwrap();
    let (_, number) = world.ready(4_000).await;
    let refused = world.approve(number, "otieno").await;
    assert!(matches!(refused, Err(DecideError::LenderLacks { left }) if left == shillings(3_000)));
    assert_eq!(world.balances([Account::Wallet(world.amina)]).await, [0]);
    assert_eq!(
        world
            .count("select count(*) from loan where state = 'ready' and first_by is null")
            .await,
        1
    );
}

#[sqlx::test]
async fn who_may_not_borrow_is_told_why(pool: PgPool) {
    let world = World::new(pool).await;
    assert!(
        matches!(world.ask(world.amina, 6_001, "a").await, Err(AskError::OverLimit(may)) if may.amount == shillings(6_000))
    );
    assert!(matches!(
        world.ask(world.amina, 499, "b").await,
        Err(AskError::NotTheAmount { .. })
    ));
    assert!(matches!(
        world.ask(world.amina, 20_001, "c").await,
        Err(AskError::NotTheAmount { .. })
    ));
    assert!(matches!(
        world.ask(Uuid::now_v7(), 600, "d").await,
        Err(AskError::NotActive | AskError::Fault(_))
    ));
    assert_eq!(world.count("select count(*) from loan").await, 0);
}

#[sqlx::test]
async fn a_guarantor_answers_once_and_never_for_more_than_they_can(pool: PgPool) {
    let world = World::new(pool).await;
    let loan = world
        .ask(world.amina, 5_000, "session:1")
        .await
        .unwrap()
        .loan;
    assert!(matches!(
        world.asks_guarantor(world.amina).await,
        Err(GuarantorError::Oneself)
    ));
    world.asks_guarantor(world.wambui).await.unwrap();
    assert!(matches!(
        world.asks_guarantor(world.wambui).await,
        Err(GuarantorError::AskedBefore)
    ));
    assert!(matches!(
        world.asks_guarantor(world.juma).await,
        Err(GuarantorError::EnoughAsked)
    ));
    let too_much = world
        .answers(world.wambui, loan.id, Says::Yes(Some(shillings(5_001))))
        .await;
    assert!(matches!(too_much, Err(AnswerError::TooMuch { .. })));
    let too_little = world
        .answers(world.wambui, loan.id, Says::Yes(Some(shillings(1))))
        .await;
    assert!(matches!(too_little, Err(AnswerError::TooLittle)));
    // A part, said ten times at once.
    let mut hands = JoinSet::new();
    for _ in 0..10 {
        let (pool, wambui) = (world.pool.clone(), world.wambui);
        hands.spawn(async move {
            let mut work = Work::begin(&pool, friday(), Actor::System).await.unwrap();
            let says = Says::Yes(Some(shillings(3_000)));
            let answered = loans::answer(&mut work, &rules(), wambui, loan.id, says).await;
            work.commit().await.unwrap();
            answered.is_ok()
        });
    }
    assert_eq!(
        hands
            .join_all()
            .await
            .into_iter()
            .filter(|given| *given)
            .count(),
        1
    );
    assert_eq!(world.held(loan.id).await, 300_000);
    assert!(matches!(
        world.answers(world.wambui, loan.id, Says::No).await,
        Err(AnswerError::Over)
    ));
    // Another stands for the rest; with that staff may look.
    let asked = world.asks_guarantor(world.juma).await.unwrap();
    assert_eq!(asked.amount, shillings(2_000));
    world
        .answers(world.juma, loan.id, Says::Yes(None))
        .await
        .unwrap();
    assert_eq!(
        world
            .count("select count(*) from loan where state = 'ready'")
            .await,
        1
    );
    // What they hold weighs on what they may borrow themselves: 6,000 less 3,000.
    let may = loans::limit_of(
        &mut world.pool.acquire().await.unwrap(),
        &rules(),
        world.wambui,
        friday(),
    )
    .await
    .unwrap();
    assert_eq!(may.amount, shillings(3_000));
    // The rows alone refuse a hold that grows.
    let grown = sqlx::query("update loan_guarantee set held_cents = pledged_cents + 1")
        .execute(&world.pool)
        .await;
    assert!(grown.is_err());
    let mut work = world.at(friday()).await;
    let reason = Reason::parse("no").unwrap();
    loans::refuse(&mut work, loan.number, &staff("otieno"), reason)
        .await
        .unwrap();
    work.commit().await.unwrap();
    assert_eq!(world.held(loan.id).await, 0);
    assert_eq!(world.texts("loan.not_needed").await, 2);
}

#[sqlx::test]
async fn a_guarantor_beyond_their_means_is_refused(pool: PgPool) {
    let world = World::new(pool).await;
    let first = world
        .ask(world.amina, 4_000, "session:1")
        .await
        .unwrap()
        .loan;
    world.asks_guarantor(world.wambui).await.unwrap();
    world
        .answers(world.wambui, first.id, Says::Yes(None))
        .await
        .unwrap();
    let second = world
        .ask(world.juma, 4_000, "session:2")
        .await
        .unwrap()
        .loan;
    let mut work = world.at(friday()).await;
    loans::ask_guarantor(&mut work, &rules(), world.juma, world.wambui)
        .await
        .unwrap();
    work.commit().await.unwrap();
    let refused = world
        .answers(world.wambui, second.id, Says::Yes(None))
        .await;
    assert!(
        matches!(refused, Err(AnswerError::BeyondMeans { capacity }) if capacity == shillings(2_000))
    );
    // The question is still open.
    world
        .answers(world.wambui, second.id, Says::Yes(Some(shillings(2_000))))
        .await
        .unwrap();
}

#[sqlx::test]
async fn a_request_without_answers_expires_and_both_are_told(pool: PgPool) {
    let world = World::new(pool).await;
    let loan = world
        .ask(world.amina, 4_000, "session:1")
        .await
        .unwrap()
        .loan;
    world.asks_guarantor(world.wambui).await.unwrap();
    for (hours, expired) in [(47, 0), (48, 1), (49, 0)] {
        let mut work = world.at(friday() + TimeDelta::hours(hours)).await;
        assert_eq!(loans::expire(&mut work).await.unwrap(), expired, "{hours}");
        work.commit().await.unwrap();
    }
    assert_eq!(
        (
            world.texts("loan.expired").await,
            world.texts("loan.not_needed").await
        ),
        (1, 1)
    );
    let late = world.answers(world.wambui, loan.id, Says::Yes(None)).await;
    assert!(matches!(late, Err(AnswerError::Over)));
    // Free to ask again.
    world.ask(world.amina, 4_000, "session:9").await.unwrap();
}

#[sqlx::test]
async fn a_repayment_told_twice_or_at_once_counts_once(pool: PgPool) {
    let world = World::new(pool).await;
    let (loan, _) = world.lent(4_000).await;
    let id = Uuid::now_v7();
    let mut hands = JoinSet::new();
    for _ in 0..8 {
        let (pool, amina) = (world.pool.clone(), world.amina);
        hands.spawn(async move {
            let mut work = Work::begin(&pool, friday(), Actor::System).await.unwrap();
            loans::repay_from_wallet(&mut work, limits(), amina, id, shillings(1_000))
                .await
                .unwrap();
            work.commit().await.unwrap();
        });
    }
    hands.join_all().await;
    assert_eq!(
        world.balances([Account::Wallet(world.amina)]).await,
        [295_000]
    );
    world.adds_up().await;
    // By M-PESA, told twice; what is too much is hers.
    let payment = Uuid::now_v7();
    for settled in [true, false] {
        let mut work = world.at(friday()).await;
        let repaid = loans::repaid_by_mpesa(&mut work, payment, world.amina, shillings(3_500))
            .await
            .unwrap();
        assert_eq!(repaid.is_some_and(|repaid| repaid.next.is_none()), settled);
        work.commit().await.unwrap();
    }
    // 4,000 and the running week's 40 were owed; 1,000 had been paid.
    assert_eq!(
        world
            .balances([Account::Wallet(world.amina), Account::LoanPrincipal(loan.0)])
            .await,
        [341_000, 0]
    );
    world.adds_up().await;
    // Without a loan it is all hers.
    let mut work = world.at(friday()).await;
    assert_eq!(
        loans::repaid_by_mpesa(&mut work, Uuid::now_v7(), world.amina, shillings(100))
            .await
            .unwrap(),
        None
    );
    work.commit().await.unwrap();
    assert_eq!(
        world.balances([Account::Wallet(world.amina)]).await,
        [351_000]
    );
    world.adds_up().await;
}

#[sqlx::test]
async fn an_empty_or_frozen_wallet_pays_nothing_back(pool: PgPool) {
    let world = World::new(pool).await;
    world.lent(4_000).await;
    let refused = world.repay(Uuid::now_v7(), 4_000, friday()).await;
    assert!(
        matches!(refused, Err(RepayError::Wallet(SpendError::NotEnough { balance })) if balance == shillings(3_950))
    );
    let mut work = world.at(friday()).await;
    wallet::freeze(&mut work, world.amina).await.unwrap();
    work.commit().await.unwrap();
    let refused = world.repay(Uuid::now_v7(), 100, friday()).await;
    assert!(matches!(
        refused,
        Err(RepayError::Wallet(SpendError::Frozen))
    ));
    world.adds_up().await;
}

#[sqlx::test]
async fn the_round_tells_and_penalises_once_however_often_it_runs(pool: PgPool) {
    let world = World::new(pool).await;
    let (loan, _) = world.lent(4_000).await;
    let morning = |days| friday() + TimeDelta::days(days);
    // At night nobody is told.
    assert_eq!(
        world.round("2026-11-27T04:59:00Z".parse().unwrap()).await,
        0
    );
    for _ in 0..3 {
        world.round(morning(7)).await;
    }
    assert_eq!(
        (
            world.texts("loan.due").await,
            world.texts("loan.late").await
        ),
        (1, 0)
    );
    // Away for a week: one late instalment is told, beyond its grace it is penalised, and the second falls due today.
    for looked in [1, 0, 0] {
        assert_eq!(world.round(morning(14)).await, looked);
    }
    assert_eq!(
        (
            world.texts("loan.due").await,
            world.texts("loan.late").await
        ),
        (1, 1)
    );
    assert_eq!(world.texts("loan.penalty").await, 1);
    let penalty = "select sum(penalty_cents)::bigint from loan_instalment";
    assert_eq!(world.count(penalty).await, 5_200);
    assert_eq!(
        world.count("select duplum_left_cents from loan").await,
        400_000
    );
    // Five rounds of one day at once.
    let mut hands = JoinSet::new();
    for _ in 0..5 {
        let pool = world.pool.clone();
        hands.spawn(async move {
            let now = friday() + TimeDelta::days(25);
            let mut work = Work::begin(&pool, now, Actor::System).await.unwrap();
            let looked = loans::look(&mut work, loan).await.unwrap();
            work.commit().await.unwrap();
            looked
        });
    }
    assert_eq!(
        hands
            .join_all()
            .await
            .into_iter()
            .filter(|looked| *looked)
            .count(),
        1
    );
    // The second and the third instalment.
    assert_eq!(world.count(penalty).await, 3 * 5_200);
    world.adds_up().await;
}

#[sqlx::test]
async fn a_repayment_and_a_penalty_at_the_same_time(pool: PgPool) {
    let world = World::new(pool).await;
    let (loan, _) = world.lent(4_000).await;
    let late = friday() + TimeDelta::days(11);
    let mut hands = JoinSet::new();
    for turn in 0..6 {
        let (pool, amina) = (world.pool.clone(), world.amina);
        hands.spawn(async move {
            let mut work = Work::begin(&pool, late, Actor::System).await.unwrap();
            if turn % 2 == 0 {
                loans::repay_from_wallet(
                    &mut work,
                    limits(),
                    amina,
                    Uuid::now_v7(),
                    shillings(500),
                )
                .await
                .unwrap();
            } else {
                loans::look(&mut work, loan).await.unwrap();
            }
            work.commit().await.unwrap();
        });
    }
    hands.join_all().await;
    // Before or after: the penalty is of what was open, once, and 1,500 were paid.
    assert!(
        world
            .count("select count(*) from loan_entry where what = 'penalty'")
            .await
            <= 1
    );
    assert_eq!(
        world
            .count("select sum(cents)::bigint from loan_entry where what = 'paid_wallet'")
            .await,
        150_000
    );
    assert_eq!(
        world.balances([Account::Wallet(world.amina)]).await,
        [245_000]
    );
    world.adds_up().await;
}

#[sqlx::test]
async fn what_is_recovered_beyond_the_principal_stays_in_duplum(pool: PgPool) {
    let world = World::new(pool).await;
    let (loan, _) = world.lent(500).await;
    world.round(friday() + TimeDelta::days(40)).await;
    sqlx::query("update loan set duplum_left_cents = 1000")
        .execute(&world.pool)
        .await
        .unwrap();
    let more = sqlx::query("update loan set duplum_left_cents = 1001")
        .execute(&world.pool)
        .await;
    assert!(more.unwrap_err().to_string().contains("in duplum"));
    world.top_up(world.amina, 1_000).await;
    let taken = world
        .repay(Uuid::now_v7(), 1_000, friday() + TimeDelta::days(41))
        .await
        .unwrap();
    // All of the principal, ten shillings beyond it, and nothing more is owed.
    assert_eq!(taken, shillings(510));
    assert_eq!(world.balances([Account::LoanPrincipal(loan.0)]).await, [0]);
    world.adds_up().await;
}

#[sqlx::test]
async fn two_people_write_a_loan_off(pool: PgPool) {
    let world = World::new(pool).await;
    let (loan, number) = world.lent(4_000).await;
    world.repay(Uuid::now_v7(), 1_040, friday()).await.unwrap();
    for (by, taken) in [
        ("otieno", true),
        ("otieno", false),
        ("wanjiru", true),
        ("kamau", false),
    ] {
        let mut work = world.at(friday() + TimeDelta::days(200)).await;
        let written = loans::write_off(&mut work, number, &staff(by)).await;
        assert_eq!(written.is_ok(), taken, "{by}");
        work.commit().await.unwrap();
    }
    assert_eq!(
        world
            .balances([
                Account::LoanPrincipal(loan.0),
                Account::LoanBook(world.lender)
            ])
            .await,
        [0, 0]
    );
    assert_eq!(world.held(loan).await, 0);
    world.adds_up().await;
    let may = loans::limit_of(
        &mut world.pool.acquire().await.unwrap(),
        &rules(),
        world.amina,
        friday(),
    )
    .await
    .unwrap();
    assert_eq!((may.amount, may.why), (Money::ZERO, loans::Why::WrittenOff));
}

#[sqlx::test]
async fn staff_see_every_loan_and_how_old_its_arrears_are(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, number) = world.lent(4_000).await;
    let mut work = world.at(friday() + TimeDelta::days(40)).await;
    let listed = loans::list(&mut work, &[StageWord::Active]).await.unwrap();
    let age = listed[0].1.unwrap();
    assert_eq!(
        (age.bucket, age.days, age.late),
        (loans::Bucket::To60, 33, shillings(4_160))
    );
    let file = loans::case_file(&mut work, number).await.unwrap();
    assert_eq!(
        (file.entries.len(), file.guarantees[0].state),
        (2, GuaranteeState::Given)
    );
    assert!(matches!(
        loans::case_file(&mut work, LoanNumber(1)).await,
        Err(DecideError::NoLoan(_))
    ));
}
