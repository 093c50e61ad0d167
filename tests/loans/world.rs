//! Three members with a past, a lender with money, and hands for all of them.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kwastage::ledger::{self, Account, Earning, Key};
use kwastage::loans::{
    self, AnswerError, Approval, Ask, AskError, DecideError, Funding, GuarantorError, LimitRules,
    LoanId, LoanNumber, Method, Offer, Period, Product, RepayError, RepayOrder, Rules, Says,
};
use kwastage::primitives::{Money, StaffName};
use kwastage::wallet::{self, Limits, Source};
use kwastage::welfare::{self, ContributionReceived, PaidFrom};
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use uuid::Uuid;

/// A Friday noon in Nairobi.
pub const FRIDAY: &str = "2026-11-20T09:00:00Z";

pub struct World {
    pub pool: PgPool,
    pub lender: i32,
    pub amina: Uuid,
    pub juma: Uuid,
    pub wambui: Uuid,
    pub weekly: loans::ProductId,
}

pub fn shillings(amount: i64) -> Money {
    Money::from_shillings(amount)
}

pub fn friday() -> DateTime<Utc> {
    FRIDAY.parse().unwrap()
}

pub fn staff(name: &str) -> StaffName {
    StaffName::parse(name).unwrap()
}

pub fn rules() -> Rules {
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

pub fn limits() -> Limits {
    Limits {
        once: shillings(50_000),
        a_day: shillings(50_000),
        a_month: shillings(500_000),
    }
}

/// 52 % flat a year, so that a week is 1 %; two people above 4,000; three days of grace.
pub fn offer() -> Offer {
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
    pub async fn new(pool: PgPool) -> World {
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

    pub async fn insert_member(&self, stage: i32, id: Uuid, msisdn: &str, first_name: &str) {
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

    pub async fn at(&self, now: DateTime<Utc>) -> Work {
        Work::begin(&self.pool, now, Actor::System).await.unwrap()
    }

    pub async fn ask(
        &self,
        member: Uuid,
        amount: i64,
        key: &str,
    ) -> Result<loans::Asked, AskError> {
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
    pub async fn ready(&self, amount: i64) -> (LoanId, LoanNumber) {
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
    pub async fn lent(&self, amount: i64) -> (LoanId, LoanNumber) {
        let (id, number) = self.ready(amount).await;
        assert_eq!(
            self.approve(number, "otieno").await.unwrap(),
            Approval::Lend
        );
        (id, number)
    }

    pub async fn asks_guarantor(
        &self,
        guarantor: Uuid,
    ) -> Result<loans::GuarantorAsked, GuarantorError> {
        let mut work = self.at(friday()).await;
        let asked = loans::ask_guarantor(&mut work, &rules(), self.amina, guarantor).await;
        work.commit().await.unwrap();
        asked
    }

    pub async fn answers(
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

    pub async fn approve(&self, number: LoanNumber, by: &str) -> Result<Approval, DecideError> {
        let mut work = self.at(friday()).await;
        let (_, approval) = loans::approve(&mut work, number, &staff(by)).await?;
        work.commit().await.unwrap();
        Ok(approval)
    }

    pub async fn top_up(&self, member: Uuid, amount: i64) {
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

    pub async fn repay(
        &self,
        id: Uuid,
        amount: i64,
        now: DateTime<Utc>,
    ) -> Result<Money, RepayError> {
        let mut work = self.at(now).await;
        let repaid =
            loans::repay_from_wallet(&mut work, limits(), self.amina, id, shillings(amount)).await;
        work.commit().await.unwrap();
        repaid.map(|(repaid, _)| repaid.taken)
    }

    /// The daily round of this moment, all of it.
    pub async fn round(&self, now: DateTime<Utc>) -> usize {
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

    pub async fn balances<const N: usize>(&self, accounts: [Account; N]) -> [i64; N] {
        let mut conn = self.pool.acquire().await.unwrap();
        let held = ledger::balances(&mut conn, accounts).await.unwrap();
        held.map(Money::cents)
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    pub async fn texts(&self, template: &str) -> i64 {
        sqlx::query_scalar("select count(*) from outbox where template = $1")
            .bind(template)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    pub async fn held(&self, loan: LoanId) -> i64 {
        sqlx::query_scalar("select sum(held_cents)::bigint from loan_guarantee where loan_id = $1")
            .bind(loan.0)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// The ledger is sound, and what it says of loans is what the room says.
    pub async fn adds_up(&self) {
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

pub fn funding(amount: i64, reference: &str) -> Funding {
    Funding {
        lender: "BODA".into(),
        name: Some("Boda Lenders".into()),
        amount: shillings(amount),
        reference: reference.into(),
        by: staff("desk"),
    }
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}
