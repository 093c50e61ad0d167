//! The role the product connects as can call the ledger's functions, read, and do nothing else.

use kwastage::primitives::Msisdn;
use kwastage::receipts::{self, CheckCode, CodeKey, Issue, Purpose};
use kwastage::welfare::{self, ContributionReceived, Outcome, PaidFrom};
use kwastage::work::{Actor, Work};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgPool};
use uuid::Uuid;

use crate::world::{fill_fund, now, shillings};

const TABLES: [&str; 6] = [
    "account_kind",
    "account",
    "journal",
    "posting",
    "running_balance",
    "snapshot",
];

#[sqlx::test]
async fn the_product_writes_no_row_of_the_ledger(pool: PgPool) {
    fill_fund(&pool, 1, 500).await;
    let mut conn = pool.acquire().await.unwrap();
    sqlx::raw_sql("set role kwastage_app")
        .execute(&mut *conn)
        .await
        .unwrap();
    let mut attempts: Vec<String> = TABLES
        .iter()
        .flat_map(|table| {
            [
                format!("delete from ledger.{table}"),
                format!("truncate ledger.{table} cascade"),
            ]
        })
        .collect();
    attempts.extend(
        [
            "insert into ledger.account (kind, owner, tracking) values ('wallet', 'mine', 'R')",
            "insert into ledger.journal (kind, scope, key, cause, at) values ('attack', 'a', 'a', gen_random_uuid(), now())",
            "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents) values (1, 2, 1, 2, 'KES', 100)",
            "insert into ledger.posting select * from ledger.posting",
            "update ledger.snapshot set floor = null",
            "update ledger.running_balance set posted = 1",
            "update ledger.account_kind set floor = null",
            "select ledger.rewind()",
            "select ledger.accounts_for('{wallet}', '{mine}', 'KES')",
            "alter table ledger.posting disable trigger apply",
            "create table ledger.mine (id int)",
            "set session_replication_role = replica",
        ]
        .map(str::to_owned),
    );
    for sql in attempts {
        let mut doomed = conn.begin().await.unwrap();
        let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone()))
            .execute(&mut *doomed)
            .await
            .expect_err(&sql);
        assert_eq!(
            refused
                .as_database_error()
                .and_then(|refusal| refusal.code())
                .as_deref(),
            Some("42501"),
            "{sql}: {refused}"
        );
        doomed.rollback().await.unwrap();
    }
}

#[sqlx::test]
async fn the_product_posts_reads_rolls_and_verifies(pool: PgPool) {
    fill_fund(&pool, 1, 500).await;
    let mut conn = pool.acquire().await.unwrap();
    // A table of the caller's own that is named like the ledger's must not catch what the ledger writes.
    sqlx::raw_sql("set role kwastage_app; create temp table journal (id bigint); create temp table posting (id bigint)")
        .execute(&mut *conn)
        .await
        .unwrap();
    let fresh: bool = sqlx::query_scalar(
        r#"select fresh from ledger.post('contribution_received', 'test', 'k', gen_random_uuid(), now(), null,
           '{mpesa_paybill}', '{""}', '{fund}', '{2}', '{100}')"#,
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    assert!(fresh);
    let (held, rolled, drift): (i64, bool, i64) = sqlx::query_as(
        "select ledger.balance('fund', '2'), ledger.roll(id), (ledger.verify()).drift_cents from ledger.account where owner = '2'",
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    assert_eq!((held, rolled, drift), (100, true, 0));
}

#[sqlx::test]
async fn the_product_has_these_rights_and_no_more(pool: PgPool) {
    let callable: Vec<String> = sqlx::query_scalar(
        "select proname::text from pg_proc where pronamespace = 'ledger'::regnamespace
         and has_function_privilege('kwastage_app', oid, 'execute') order by 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(
        callable,
        ["balance", "balance_of", "post", "roll", "verify"]
    );

    let writable: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class where relnamespace = 'ledger'::regnamespace and relkind in ('r', 'S')
         and case relkind when 'r' then has_table_privilege('kwastage_app', oid, 'insert, update, delete, truncate, references, trigger')
                          else has_sequence_privilege('kwastage_app', oid, 'usage, update') end",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(writable, Vec::<String>::new());

    // What later migrations made is the product's to write, but for what is only ever added to.
    for (table, rights, granted) in [
        ("member", "select, insert, update", true),
        ("plan", "insert", true),
        ("receipt", "insert, update", true),
        ("receipt", "delete", false),
        ("contribution", "insert", true),
        ("contribution", "update, delete", false),
        ("fund_movement", "update, delete", false),
        ("event", "update, delete", false),
        ("job", "select, insert, update, delete", true),
    ] {
        for right in rights.split(", ") {
            let has: bool =
                sqlx::query_scalar("select has_table_privilege('kwastage_app', $1, $2)")
                    .bind(table)
                    .bind(right)
                    .fetch_one(&pool)
                    .await
                    .unwrap();
            assert_eq!(has, granted, "{right} on {table}");
        }
    }
}

/// Everything these rooms do, done with the product's own rights.
#[sqlx::test]
async fn the_product_does_its_deeds_in_its_own_role(
    options: PgPoolOptions,
    connect: PgConnectOptions,
) {
    let owner = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(connect.clone())
        .await
        .unwrap();
    let (member, payment) = (Uuid::now_v7(), Uuid::now_v7());
    let stage: i32 = sqlx::query_scalar(
        "with r as (insert into region (name) values ('Nairobi') returning id),
              z as (insert into zone (region_id, name) select id, 'CBD' from r returning id),
              s as (insert into stage (zone_id, code, name) select id, '101', 'Kencom' from z returning id)
         insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index, stage_id,
                             status, joined_at, approved_at, fee_paid_at, fee_payment)
         select $1, 'test:1', '254711000001', 'en', 'Amina', 'Hassan', sha512('x'), sha256('x'), id, 'active', now(), now(), now(), $1
         from s returning stage_id",
    )
    .bind(member)
    .fetch_one(&owner)
    .await
    .unwrap();
    owner.close().await;

    let in_role = options.after_connect(|conn, _| {
        Box::pin(async move {
            conn.execute("set role kwastage_app").await?;
            Ok(())
        })
    });
    let pool = in_role.connect_with(connect).await.unwrap();
    let mut work = Work::begin(&pool, now(), Actor::System).await.unwrap();
    let plan = welfare::Plan {
        period: welfare::Period::Week,
        amount: shillings(200),
        starts_on: "2026-11-02".parse().unwrap(),
    };
    welfare::adopt_plan(&mut work, stage, "rider", &plan)
        .await
        .unwrap();
    let provider_receipt = "TKQ1ABCDE2".to_owned();
    let received = ContributionReceived {
        member,
        stage,
        amount: shillings(200),
        payment,
        provider_receipt: provider_receipt.clone(),
        from: PaidFrom::Mpesa,
    };
    assert!(matches!(
        welfare::contribution_received(&mut work, received)
            .await
            .unwrap(),
        Outcome::Booked(_)
    ));
    let key = CodeKey::new(&[7; 16]).unwrap();
    let issue = Issue {
        payment,
        member: Some(member),
        amount: shillings(200),
        what: Purpose::Contribution,
        provider_receipt,
    };
    let code = receipts::issue(&mut work, &key, issue).await.unwrap().code;
    assert_eq!(receipts::number_pending(&mut work).await.unwrap(), 1);
    let asker = Msisdn::parse("0711000002").unwrap();
    let answer = receipts::ask(&mut work, &asker, &CheckCode::parse(code.as_str()).unwrap())
        .await
        .unwrap();
    assert!(matches!(answer, receipts::Answer::Genuine(_)));
    work.commit().await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    assert_eq!(
        welfare::fund_statement(&mut conn, stage, now())
            .await
            .unwrap()
            .balance,
        shillings(200)
    );
    assert!(
        welfare::standing_of(&mut conn, member, "2026-11-20".parse().unwrap())
            .await
            .unwrap()
            .is_some()
    );
    kwastage::ledger::roll_due(&pool).await.unwrap();
}
