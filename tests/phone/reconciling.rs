//! What M-PESA has beside what we have: lost confirmations come back by the pull, a statement of the portal is compared line by
//! line, and what differs is somebody's until it ends.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kwastage::primitives::{NAIROBI, nairobi_date, nairobi_day_start};
use kwastage::reconciling::statement::{self, Statement};
use kwastage::reconciling::{
    self, Class, DifferenceError, DifferenceId, ReconcileError, Report, jobs,
};
use kwastage::serve;
use kwastage::work::{Actor, Work};
use serde_json::json;
use simulators::faults::Fault;

use crate::world::{Sessions, World};

const JUMA: &str = "254711000002";
const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_lost_confirmation_comes_back_by_the_pull_and_counts_once() {
    let world = world().await;
    world.outside.order(Fault::C2bLost, DAY);
    let receipt = pay(&world, "200", "0711 000 001").await;
    world.run_jobs().await;
    assert_eq!(count(&world, "inflow").await, 0);

    // The regular look finds it.
    world.advance(Duration::from_secs(16 * 60)).await;
    world.run_jobs().await;
    assert_eq!(
        told(
            &world,
            "select receipt || ' ' || state || ' ' || amount_cents from inflow"
        )
        .await,
        [format!("{receipt} direct 20000")]
    );
    let texts = "outbox where template in ('receipt.paid_up', 'receipt.behind')";
    assert_eq!(count(&world, texts).await, 1);

    // Looked at by two at once and again, with the confirmation after all: nothing new.
    let today = nairobi_date(world.now());
    let desk = serve::reconciling_desk(&world.app);
    let one = async || jobs::reconcile(&desk, today, None, Actor::System, &mut |_| {}).await;
    let (first, second) = tokio::join!(one(), one());
    assert_eq!(first.unwrap().open, []);
    assert_eq!(second.unwrap().taken_in, 1);
    confirm(&world, &receipt, "200.00", "0711 000 001").await;
    world.run_jobs().await;
    assert_eq!(count(&world, "inflow").await, 1);
    assert_eq!(count(&world, texts).await, 1);
    let since = "at > (select min(received_at) - interval '1 hour' from inflow)";
    let journals = format!("ledger.journal where kind = 'contribution_received' and {since}");
    assert_eq!(count(&world, &journals).await, 1);
    world.close().await;
}

#[tokio::test]
async fn of_two_who_take_in_the_same_payment_one_does() {
    let world = world().await;
    world.outside.order(Fault::C2bLost, DAY);
    pay(&world, "200", "nobody here").await;
    world.advance(Duration::from_secs(60)).await;
    let today = nairobi_date(world.now());
    let mut looking = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let desk = serve::reconciling_desk(&world.app);
        looking.spawn(async move {
            jobs::reconcile(&desk, today, None, Actor::System, &mut |_| {}).await
        });
    }
    while let Some(looked) = looking.join_next().await {
        assert_eq!(looked.unwrap().unwrap().open, []);
    }
    assert_eq!(count(&world, "inflow where state = 'suspense'").await, 1);
    let suspense = "select ledger.balance('suspense', '')::text";
    assert_eq!(told(&world, suspense).await, ["20000"]);
    world.close().await;
}

#[tokio::test]
async fn what_differs_from_the_statement_has_a_class_an_owner_and_an_end() {
    let world = world().await;
    world.outside.order(Fault::PullEmpty, DAY * 4);
    let mut receipts = vec![];
    for (amount, account) in [
        ("200", "0711000001"),
        ("300", "W0711000002"),
        ("50", "JOHN"),
    ] {
        receipts.push(pay(&world, amount, account).await);
        world.advance(Duration::from_secs(180)).await;
        world.run_jobs().await;
    }
    assert_eq!(count(&world, "inflow").await, 3);
    let day = nairobi_date(world.now());
    world.advance(DAY).await;

    let whole = portal(&world);
    let agreed = compare(&world, day, &whole).await.unwrap();
    assert_eq!((agreed.ours, agreed.theirs, agreed.complete), (3, 3, true));
    assert_eq!(agreed.ours_total, agreed.theirs_total);
    assert_eq!(agreed.open, []);

    // One more there, one fewer, and one of another amount.
    let lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    let line_of = |receipt: &str| lines.iter().find(|line| line.starts_with(receipt)).unwrap();
    let foreign = line_of(&receipts[0]).replace(&receipts[0], "UKKZZZZZZ9");
    let other = line_of(&receipts[2]).replace(",50.00,", ",5.00,");
    let changed = [&lines[0], line_of(&receipts[0]), &other, &foreign].map(String::as_str);
    // What they once told of stays known.
    sqlx::query("delete from provider_record")
        .execute(&world.pool)
        .await
        .unwrap();
    let report = compare(&world, day, &changed.join("\n")).await.unwrap();
    let mut open: Vec<_> = report
        .open
        .iter()
        .map(|one| (one.found.class, one.found.reference.clone()))
        .collect();
    open.sort();
    let wanted = [
        (Class::OnlyOurs, receipts[1].clone()),
        (Class::Amount, receipts[2].clone()),
    ];
    assert_eq!(open, wanted);
    assert_eq!(report.taken_in, 1, "the one that only they had");
    let again = compare(&world, day, &changed.join("\n")).await.unwrap();
    assert_eq!(again.open, report.open);

    let id = |class| {
        report
            .open
            .iter()
            .find(|one| one.found.class == class)
            .unwrap()
            .id
    };
    let (amount, only_ours) = (id(Class::Amount), id(Class::OnlyOurs));
    let mut work = staff(&world).await;
    let taken = reconciling::take(&mut work, amount, "Wambui")
        .await
        .unwrap();
    assert_eq!(taken.owner.as_deref(), Some("Wambui"));
    let unreasonable = reconciling::end(&mut work, amount, " ").await;
    assert!(matches!(unreasonable, Err(DifferenceError::NoReason)));
    reconciling::end(&mut work, amount, "typed wrong by the branch")
        .await
        .unwrap();
    let late = reconciling::take(&mut work, amount, "Juma").await;
    assert!(matches!(late, Err(DifferenceError::Ended { .. })));
    let nobody = reconciling::take(&mut work, DifferenceId(77), "Juma").await;
    assert!(matches!(nobody, Err(DifferenceError::NotFound)));
    work.commit().await.unwrap();

    // Ended it stays ended, however often it is found; and what agrees in the end has ended by itself.
    let again = compare(&world, day, &changed.join("\n")).await.unwrap();
    let left: Vec<_> = again.open.iter().map(|one| one.id).collect();
    assert_eq!(left, [only_ours]);
    assert_eq!(compare(&world, day, &whole).await.unwrap().open, []);
    assert_eq!(
        told(&world, "select class || ': ' || reason || coalesce(', by ' || ended_by, '') from difference order by class").await,
        [
            "amount: typed wrong by the branch, by desk",
            "only_ours: both sides agree now",
        ]
    );
    let refused =
        sqlx::query("update difference set ended_at = null, reason = null, ended_by = null");
    assert!(refused.execute(&world.pool).await.is_err());
    world.close().await;
}

#[tokio::test]
async fn a_statement_of_other_days_and_a_day_to_come_are_not_compared() {
    let world = world().await;
    pay(&world, "200", "0711000001").await;
    let day = nairobi_date(world.now());
    let statement = portal(&world);
    let tomorrow = day.succ_opt().unwrap();
    let early = compare(&world, tomorrow, &statement).await;
    assert!(matches!(early, Err(ReconcileError::NotBegun(_))));
    world.advance(DAY * 2).await;
    let refused = compare(&world, tomorrow, &statement).await;
    assert!(matches!(
        refused,
        Err(ReconcileError::NotInStatement { .. })
    ));
    assert_eq!(count(&world, "provider_record").await, 0);
    assert_eq!(count(&world, "reconciliation").await, 0);
    world.close().await;
}

/// Money in the fund that nobody paid, and a payment that nobody booked, are found at the end of their day.
#[tokio::test]
async fn the_ledger_is_compared_with_what_came() {
    let world = world().await;
    world.outside.order(Fault::PullEmpty, DAY * 4);
    let day = nairobi_date(world.now());
    for sql in [
        "select ledger.post('contribution_received', 'payment', 'made up', gen_random_uuid(), $1, null,
                            array['mpesa_paybill'], array[''], array['general_fund'], array[''], array[5000::bigint])",
        "insert into inflow (id, provider, receipt, amount_cents, account, state, received_at)
         values (gen_random_uuid(), 'mpesa', 'UKKNOTBOOK', 7000, 'X', 'suspense', $1)",
    ] {
        let written = sqlx::query(sql).bind(world.now()).execute(&world.pool);
        written.await.unwrap();
    }
    world.advance(DAY).await;
    let desk = serve::reconciling_desk(&world.app);
    let report = jobs::reconcile(&desk, day, None, Actor::System, &mut |_| {}).await;
    let mut found: Vec<_> = report
        .unwrap()
        .open
        .into_iter()
        .map(|one| {
            let cents = |amount: Option<kwastage::primitives::Money>| amount.map(|one| one.cents());
            (
                one.found.class,
                cents(one.found.ours),
                cents(one.found.theirs),
            )
        })
        .collect();
    found.sort();
    let wanted = [
        (Class::Ledger, Some(0), Some(7_000)),
        (Class::Ledger, Some(5_000), Some(0)),
    ];
    assert_eq!(found, wanted);
    world.close().await;
}

async fn world() -> World {
    let world = World::new(Sessions::InProcess).await;
    let phone = kwastage::primitives::Msisdn::parse(JUMA).unwrap();
    world.app.mpesa.register_pull(&phone).await.unwrap();
    // The outside lives today. Both sides go on to the next noon, so that a payment is of one day on either.
    let (outside, ours) = (Utc::now(), world.now());
    let noon = |at: DateTime<Utc>| nairobi_day_start(nairobi_date(at)) + TimeDelta::hours(12);
    let later = noon(outside.max(ours)) + TimeDelta::days(1);
    world.outside.advance((later - outside).to_std().unwrap());
    world.clock.advance(later - ours);
    world
}

/// Juma pays the paybill from the M-PESA menu; the receipt.
async fn pay(world: &World, amount: &str, account: &str) -> String {
    let url = format!("{}/sim/c2b", world.outside.base_url);
    let paid = json!({"msisdn": JUMA, "amount": amount, "account": account});
    let answer = world.http.post(url).json(&paid).send().await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    let receipt = answer["receipt"].as_str();
    receipt.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn confirm(world: &World, receipt: &str, amount: &str, account: &str) {
    let body = json!({"TransactionType": "Pay Bill", "TransID": receipt, "TransAmount": amount, "BusinessShortCode": "600123",
                      "BillRefNumber": account, "MSISDN": "2547 ***** 002"});
    let url = format!("{}/pay/demo/c2b/confirmation", world.gateway);
    let answer = world.http.post(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success());
}

/// The statement as the portal would export it, of everything in M-PESA's own book.
fn portal(world: &World) -> String {
    let columns =
        "Receipt No.,Completion Time,Details,Transaction Status,Paid In,Withdrawn,A/C No.\n";
    let rows = world.outside.ledger().into_iter().map(|entry| {
        let at = entry.at.with_timezone(&NAIROBI).format("%d-%m-%Y %H:%M:%S");
        let (shillings, cents) = (entry.amount / 100, entry.amount % 100);
        let (receipt, account) = (&entry.receipt, &entry.account);
        format!("{receipt},{at},Pay Bill,Completed,{shillings}.{cents:02},,{account}\n")
    });
    columns.to_owned() + &rows.collect::<String>()
}

async fn compare(world: &World, day: NaiveDate, file: &str) -> Result<Report, ReconcileError> {
    let statement: Statement = statement::read(file.as_bytes()).unwrap();
    let desk = serve::reconciling_desk(&world.app);
    jobs::reconcile(&desk, day, Some(&statement), Actor::System, &mut |_| {}).await
}

async fn staff(world: &World) -> Work {
    let name = "desk".to_owned();
    Work::begin(&world.pool, world.now(), Actor::Staff { name })
        .await
        .unwrap()
}

async fn count(world: &World, of: &str) -> i64 {
    let sql = format!("select count(*) from {of}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

async fn told(world: &World, sql: &str) -> Vec<String> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()))
        .fetch_all(&world.pool)
        .await
        .unwrap()
}
