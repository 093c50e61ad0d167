//! Receipts against a real Postgres: a code at once, a number a moment later, an answer for whoever asks.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use kwastage::primitives::{Money, Msisdn};
use kwastage::receipts::{
    self, Answer, CheckCode, CodeKey, Genuine, Issue, IssueError, Purpose, Receipt,
};
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use tokio::task::JoinSet;
use uuid::Uuid;

fn key() -> CodeKey {
    CodeKey::new(b"a key for the tests alone").unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn paid(amount: i64) -> Issue {
    Issue {
        payment: Uuid::now_v7(),
        member: None,
        amount: Money::from_shillings(amount),
        what: Purpose::Contribution,
        provider_receipt: "TKQ1ABCDE2".to_owned(),
    }
}

async fn begin(pool: &PgPool, now: DateTime<Utc>) -> Work {
    Work::begin(pool, now, Actor::System).await.unwrap()
}

async fn issue(pool: &PgPool, what: Issue, now: DateTime<Utc>) -> Result<Receipt, IssueError> {
    let mut work = begin(pool, now).await;
    let receipt = receipts::issue(&mut work, &key(), what).await?;
    work.commit().await?;
    Ok(receipt)
}

async fn number_pending(pool: &PgPool) -> u64 {
    let mut work = begin(pool, instant("2027-01-01T00:00:00Z")).await;
    let numbered = receipts::number_pending(&mut work).await.unwrap();
    work.commit().await.unwrap();
    numbered
}

async fn look_up(pool: &PgPool, code: &CheckCode) -> Option<Genuine> {
    receipts::look_up(&mut pool.acquire().await.unwrap(), code)
        .await
        .unwrap()
}

/// Many receipts without the trouble of deriving their codes.
async fn insert_unnumbered(pool: &PgPool, how_many: i32, at: &str) {
    sqlx::query(
        "insert into receipt (payment_id, code, cents, what, provider_receipt, issued_at)
         select gen_random_uuid(), upper(translate(to_hex(n + (select count(*) from receipt)), '01b', 'XYW')) || 'KKKK', 100,
                'contribution', 'R', $2
         from generate_series(1, $1) n",
    )
    .bind(how_many)
    .bind(instant(at))
    .execute(pool)
    .await
    .unwrap();
}

#[sqlx::test]
async fn a_payment_has_one_receipt(pool: PgPool) {
    let at = instant("2026-11-20T09:00:00Z");
    let payment = paid(200);
    let receipt = issue(&pool, payment.clone(), at).await.unwrap();
    assert_eq!((receipt.code.as_str().len(), receipt.issued_at), (4, at));
    assert_eq!(
        issue(&pool, payment.clone(), at + TimeDelta::days(1))
            .await
            .unwrap(),
        receipt
    );
    for other in [
        Issue {
            amount: Money::from_shillings(201),
            ..payment.clone()
        },
        Issue {
            what: Purpose::RegistrationFee,
            ..payment.clone()
        },
        Issue {
            provider_receipt: "TKQ1ABCDE3".to_owned(),
            ..payment.clone()
        },
    ] {
        assert!(matches!(
            issue(&pool, other, at).await,
            Err(IssueError::IssuedOtherwise)
        ));
    }
    assert_ne!(
        issue(&pool, paid(200), at).await.unwrap().code,
        receipt.code
    );
}

#[sqlx::test]
async fn two_who_issue_at_once_hand_out_one_receipt(pool: PgPool) {
    let at = instant("2026-11-20T09:00:00Z");
    let payment = paid(200);
    let mut issuers = JoinSet::new();
    for _ in 0..4 {
        let (pool, payment) = (pool.clone(), payment.clone());
        issuers.spawn(async move { issue(&pool, payment, at).await.unwrap().code });
    }
    let codes: HashSet<CheckCode> = issuers.join_all().await.into_iter().collect();
    assert_eq!(codes.len(), 1);
}

#[sqlx::test]
async fn a_code_that_is_taken_is_passed_over(pool: PgPool) {
    let at = instant("2026-11-20T09:00:00Z");
    let (first, second) = (paid(200), paid(300));
    // Somebody has the very code that this payment would get; its transaction is undone, so the payment is free again.
    let mut work = begin(&pool, at).await;
    let wanted = receipts::issue(&mut work, &key(), first.clone())
        .await
        .unwrap()
        .code;
    drop(work);
    sqlx::query("insert into receipt (payment_id, code, cents, what, provider_receipt, issued_at) values ($1, $2, 1, 'contribution', 'R', $3)")
        .bind(second.payment)
        .bind(wanted.as_str())
        .bind(at)
        .execute(&pool)
        .await
        .unwrap();
    let given = issue(&pool, first, at).await.unwrap().code;
    assert_ne!(given, wanted);
    assert_eq!(
        look_up(&pool, &wanted).await.unwrap().amount,
        Money::from_cents(1)
    );
    assert_eq!(
        look_up(&pool, &given).await.unwrap().amount,
        Money::from_shillings(200)
    );
}

#[sqlx::test]
async fn codes_are_longer_once_there_are_many_receipts(pool: PgPool) {
    sqlx::query("select setval(pg_get_serial_sequence('receipt', 'ordinal'), 30709)")
        .execute(&pool)
        .await
        .unwrap();
    let at = instant("2026-11-20T09:00:00Z");
    let mut lengths = Vec::new();
    for _ in 0..3 {
        lengths.push(issue(&pool, paid(1), at).await.unwrap().code.as_str().len());
    }
    assert_eq!(lengths, [4, 5, 5]);
}

#[sqlx::test]
async fn a_genuine_code_tells_what_was_paid_and_a_forged_one_nothing(pool: PgPool) {
    let amina = Uuid::now_v7();
    sqlx::query(
        "with r as (insert into region (name) values ('Nairobi') returning id),
              z as (insert into zone (region_id, name) select id, 'CBD' from r returning id),
              s as (insert into stage (zone_id, code, name) select id, '101', 'Kencom' from z returning id)
         insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index, stage_id,
                             status, joined_at, approved_at, fee_paid_at, fee_payment)
         select $1, 'test:1', '254711000001', 'en', 'Amina', 'Hassan', sha512('x'), sha256('x'), id, 'active', now(), now(), now(), $1
         from s",
    )
    .bind(amina)
    .execute(&pool)
    .await
    .unwrap();
    let at = instant("2026-11-20T09:00:00Z");
    let code = issue(
        &pool,
        Issue {
            member: Some(amina),
            ..paid(200)
        },
        at,
    )
    .await
    .unwrap()
    .code;
    let typed = CheckCode::parse(&format!(" {} ", code.as_str().to_lowercase())).unwrap();
    let told = look_up(&pool, &typed).await.unwrap();
    assert_eq!(
        (
            told.amount,
            told.what,
            told.at,
            told.payer.map(|payer| payer.to_string()),
            told.number
        ),
        (
            Money::from_shillings(200),
            Purpose::Contribution,
            at,
            Some("Ami***".to_owned()),
            None
        )
    );
    number_pending(&pool).await;
    assert_eq!(
        look_up(&pool, &code)
            .await
            .unwrap()
            .number
            .unwrap()
            .to_string(),
        "KWR-2026-000001"
    );
    let forged = ["2222", "3333"]
        .map(|code| CheckCode::parse(code).unwrap())
        .into_iter()
        .find(|forged| *forged != code)
        .unwrap();
    assert_eq!(look_up(&pool, &forged).await, None);
}

#[sqlx::test]
async fn a_phone_that_guesses_is_stopped_until_the_next_hour(pool: PgPool) {
    let code = issue(&pool, paid(200), instant("2026-11-20T09:00:00Z"))
        .await
        .unwrap()
        .code;
    let forged = ["2222", "3333"]
        .map(|code| CheckCode::parse(code).unwrap())
        .into_iter()
        .find(|forged| *forged != code)
        .unwrap();
    let guesser = Msisdn::parse("0711000009").unwrap();
    let ask = async |asker: &Msisdn, code: &CheckCode, at: &str| {
        let mut work = begin(&pool, instant(at)).await;
        let answer = receipts::ask(&mut work, asker, code).await.unwrap();
        work.commit().await.unwrap();
        answer
    };
    for _ in 0..10 {
        assert_eq!(
            ask(&guesser, &forged, "2026-11-20T09:59:00Z").await,
            Answer::Unknown
        );
    }
    assert_eq!(
        ask(&guesser, &code, "2026-11-20T09:59:59Z").await,
        Answer::AskedTooOften
    );
    let another = Msisdn::parse("0711000001").unwrap();
    assert!(matches!(
        ask(&another, &code, "2026-11-20T09:59:59Z").await,
        Answer::Genuine(_)
    ));
    assert!(matches!(
        ask(&guesser, &code, "2026-11-20T10:00:00Z").await,
        Answer::Genuine(_)
    ));
}

#[sqlx::test]
async fn numbers_have_no_gap_in_any_year(pool: PgPool) {
    // The last second of 2026 and the first of 2027, in Nairobi.
    for at in [
        "2026-12-31T20:59:59Z",
        "2026-12-31T21:00:00Z",
        "2026-12-30T09:00:00Z",
    ] {
        insert_unnumbered(&pool, 3, at).await;
    }
    assert_eq!(number_pending(&pool).await, 9);
    assert_eq!(number_pending(&pool).await, 0);
    // Issued in the old year and committed in the new: it follows in the old year's series.
    insert_unnumbered(&pool, 1, "2026-12-31T20:59:59Z").await;
    insert_unnumbered(&pool, 1, "2027-01-02T09:00:00Z").await;
    assert_eq!(number_pending(&pool).await, 2);
    let numbers: Vec<(i32, Vec<i32>)> = sqlx::query_as(
        "select number_year, array_agg(number_serial order by issued_at, ordinal) from receipt group by number_year order by number_year",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(
        numbers,
        [(2026, vec![1, 2, 3, 4, 5, 6, 7]), (2027, vec![1, 2, 3, 4])]
    );
}

#[sqlx::test]
async fn workers_that_number_at_once_share_the_work_oldest_first(pool: PgPool) {
    insert_unnumbered(&pool, 2_300, "2026-11-20T10:00:00Z").await;
    insert_unnumbered(&pool, 2_200, "2026-11-20T09:00:00Z").await;
    let mut workers = JoinSet::new();
    for _ in 0..3 {
        let pool = pool.clone();
        workers.spawn(async move { number_pending(&pool).await });
    }
    let mut shares = workers.join_all().await;
    shares.sort_unstable();
    assert_eq!(shares, [500, 2_000, 2_000]);
    let out_of_order: i64 = sqlx::query_scalar(
        "select count(*) from (select number_serial, row_number() over (order by issued_at, ordinal) as place from receipt) given
         where number_serial is distinct from place",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(out_of_order, 0);
}

/// What a faulty worker, or somebody with a console, may not do; and may, once the guard is taken away.
#[sqlx::test]
async fn the_table_refuses_gaps_doubles_and_second_thoughts(pool: PgPool) {
    insert_unnumbered(&pool, 2, "2026-11-20T09:00:00Z").await;
    number_pending(&pool).await;
    insert_unnumbered(&pool, 1, "2026-11-20T10:00:00Z").await;
    let no_more_trigger = "drop trigger number_once on receipt";
    for (attack, refused_by, disarm) in [
        (
            "update receipt set number_serial = 4 where number_serial is null",
            "no_gap",
            "alter table receipt drop constraint no_gap",
        ),
        (
            "update receipt set number_serial = 2 where number_serial is null",
            "no_double",
            "alter table receipt drop constraint no_gap, drop constraint no_double",
        ),
        (
            "update receipt set number_serial = null where number_serial = 2",
            "append_only",
            no_more_trigger,
        ),
        (
            "update receipt set cents = 999 where number_serial is null",
            "append_only",
            no_more_trigger,
        ),
        (
            "update receipt set code = '7K3M9' where number_serial is null",
            "append_only",
            no_more_trigger,
        ),
        (
            "delete from receipt where number_serial = 2",
            "append_only",
            "drop trigger append_only on receipt",
        ),
        (
            "delete from receipt where number_serial is null",
            "append_only",
            "drop trigger append_only on receipt",
        ),
    ] {
        let mut guarded = pool.begin().await.unwrap();
        let refused = sqlx::raw_sql(attack)
            .execute(&mut *guarded)
            .await
            .expect_err(attack);
        assert_eq!(
            refused
                .as_database_error()
                .and_then(|refusal| refusal.constraint()),
            Some(refused_by),
            "{attack}"
        );
        guarded.rollback().await.unwrap();

        let mut unguarded = pool.begin().await.unwrap();
        sqlx::raw_sql(disarm)
            .execute(&mut *unguarded)
            .await
            .unwrap();
        sqlx::raw_sql(attack)
            .execute(&mut *unguarded)
            .await
            .expect(attack);
        unguarded.rollback().await.unwrap();
    }
}
