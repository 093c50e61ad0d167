//! The role the product connects as can call the ledger's functions, read, and do nothing else.

use sqlx::{Connection, PgPool};

use crate::world::fill_fund;

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
