//! Every impossible thing, tried with raw SQL by the owner of the tables; and tried again with its guard removed, when it must
//! succeed, or the first refusal proved nothing.

use sqlx::{Connection, PgConnection, PgPool};

use crate::world::{fill_fund, verify};

struct Attack {
    what: &'static str,
    sql: &'static str,
    /// The constraint that has to refuse it, by name; or the column that may not be null.
    refused_by: &'static str,
    /// Takes the guard away.
    disarm: &'static str,
}

/// The ledger the attacks find: a member's wallet (owner `amina`) with 100.00, fund 1 with 500.00, of which 200.00 were reserved and
/// settled, and a wallet in dollars.
const WORLD: &str = "
    select ledger.post('top_up', 'world', '1', gen_random_uuid(), now(), null,
        '{mpesa_paybill}', '{\"\"}', '{wallet}', '{amina}', '{10000}');
    select ledger.post('reserved', 'world', '2', gen_random_uuid(), now(), null,
        '{fund}', '{1}', '{in_flight}', '{mpesa}', '{20000}');
    select ledger.post('settled', 'world', '3', gen_random_uuid(), now(),
        (select id from ledger.journal where key = '2' and scope = 'world'),
        '{in_flight}', '{mpesa}', '{mpesa_paybill}', '{\"\"}', '{20000}');
    insert into ledger.account (kind, owner, currency, tracking) values ('wallet', 'dollars', 'USD', 'R');
";

/// What the attacks use to find the ids of the world.
const NAMES: &str = "
    create temp table id as select
        (select id from ledger.account where owner = 'amina') as wallet,
        (select id from ledger.account where kind = 'fund' and owner = '1') as fund,
        (select id from ledger.account where kind = 'mpesa_paybill') as paybill,
        (select id from ledger.account where owner = 'dollars') as dollars,
        (select id from ledger.journal where scope = 'world' and key = '1') as top_up,
        (select id from ledger.journal where scope = 'world' and key = '2') as reserved,
        (select xid from ledger.journal where scope = 'world' and key = '1') as top_up_xid;
    create function pg_temp.new_journal(key text, resolves bigint default null) returns bigint language sql as $$
        insert into ledger.journal (kind, scope, key, cause, at, resolves)
        values ('attack', 'attack', key, gen_random_uuid(), now(), resolves) returning id
    $$;
";

const ATTACKS: &[Attack] = &[
    Attack {
        what: "a journal that credits without a debit",
        sql: "insert into ledger.posting (journal_id, leg, credit_id, currency, cents)
              select pg_temp.new_journal('a'), 1, wallet, 'KES', 100 from id",
        refused_by: "debit_id",
        disarm: "alter table ledger.posting alter debit_id drop not null",
    },
    Attack {
        what: "a journal that debits without a credit",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, currency, cents)
              select pg_temp.new_journal('a'), 1, paybill, 'KES', 100 from id",
        refused_by: "credit_id",
        disarm: "alter table ledger.posting alter credit_id drop not null",
    },
    Attack {
        what: "an amount of nothing",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
              select pg_temp.new_journal('a'), 1, paybill, fund, 'KES', 0 from id",
        refused_by: "positive_amount",
        disarm: "alter table ledger.posting drop constraint positive_amount",
    },
    Attack {
        what: "a negative amount, which is a theft from the credited",
        sql: "select ledger.post('attack', 'attack', 'a', gen_random_uuid(), now(), null,
              '{mpesa_paybill}', '{\"\"}', '{fund}', '{1}', '{-100}')",
        refused_by: "positive_amount",
        disarm: "alter table ledger.posting drop constraint positive_amount",
    },
    Attack {
        what: "an amount beyond all reason",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
              select pg_temp.new_journal('a'), 1, paybill, fund, 'KES', 100000000001 from id",
        refused_by: "positive_amount",
        disarm: "alter table ledger.posting drop constraint positive_amount",
    },
    Attack {
        what: "a wallet paying itself",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
              select pg_temp.new_journal('a'), 1, wallet, wallet, 'KES', 100 from id",
        refused_by: "two_accounts",
        disarm: "alter table ledger.posting drop constraint two_accounts",
    },
    Attack {
        what: "a negative wallet",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
              select pg_temp.new_journal('a'), 1, wallet, fund, 'KES', 10001 from id",
        refused_by: "no_overdraft",
        disarm: "alter table ledger.running_balance drop constraint no_overdraft",
    },
    Attack {
        what: "a negative wallet, by hand",
        sql: "update ledger.running_balance set posted = -1",
        refused_by: "no_overdraft",
        disarm: "alter table ledger.running_balance drop constraint no_overdraft",
    },
    Attack {
        what: "a negative fund",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
              select pg_temp.new_journal('a'), 1, fund, wallet, 'KES', 30001 from id",
        refused_by: "no_overdraft",
        disarm: "update ledger.snapshot set floor = null",
    },
    Attack {
        what: "a changed posting",
        sql: "update ledger.posting set cents = cents + 1",
        refused_by: "append_only",
        disarm: "drop trigger append_only on ledger.posting",
    },
    Attack {
        what: "a deleted posting",
        sql: "delete from ledger.posting",
        refused_by: "append_only",
        disarm: "drop trigger append_only on ledger.posting",
    },
    Attack {
        what: "truncated postings",
        sql: "truncate ledger.posting",
        refused_by: "append_only",
        disarm: "drop trigger append_only on ledger.posting",
    },
    Attack {
        what: "a changed journal",
        sql: "update ledger.journal set key = key || ' again'",
        refused_by: "append_only",
        disarm: "drop trigger append_only on ledger.journal",
    },
    Attack {
        what: "a changed account",
        sql: "update ledger.account set owner = 'somebody else' where owner = 'amina'",
        refused_by: "append_only",
        disarm: "drop trigger append_only on ledger.account",
    },
    Attack {
        what: "a balance made to disappear",
        sql: "delete from ledger.running_balance",
        refused_by: "append_only",
        disarm: "drop trigger append_only on ledger.running_balance",
    },
    Attack {
        what: "a snapshot made to disappear",
        sql: "delete from ledger.snapshot",
        refused_by: "append_only",
        disarm: "drop trigger append_only on ledger.snapshot",
    },
    Attack {
        what: "a second use of a key",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
              select pg_temp.new_journal(key), 1, paybill, fund, 'KES', 100 from id, (values ('a'), ('a')) twice (key)",
        refused_by: "one_journal_per_key",
        disarm: "alter table ledger.journal drop constraint one_journal_per_key",
    },
    Attack {
        what: "shillings that become dollars",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
              select pg_temp.new_journal('a'), 1, wallet, dollars, 'KES', 100 from id",
        refused_by: "credit_currency",
        disarm: "alter table ledger.posting drop constraint credit_currency",
    },
    Attack {
        what: "dollars that become shillings",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
              select pg_temp.new_journal('a'), 1, paybill, dollars, 'USD', 100 from id",
        refused_by: "debit_currency",
        disarm: "alter table ledger.posting drop constraint debit_currency",
    },
    Attack {
        what: "a leg added to a journal that is done",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
              select top_up, 2, paybill, wallet, 'KES', 100 from id",
        refused_by: "same_transaction",
        disarm: "alter table ledger.posting drop constraint same_transaction",
    },
    Attack {
        what: "a late leg that claims to have been there",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents, xid)
              select top_up, 2, paybill, wallet, 'KES', 100, top_up_xid from id",
        refused_by: "same_transaction",
        disarm: "alter table ledger.posting disable trigger apply",
    },
    Attack {
        what: "a second resolution",
        sql: "insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
              select pg_temp.new_journal('a', reserved), 1, paybill, fund, 'KES', 20000 from id",
        refused_by: "resolved_once",
        disarm: "alter table ledger.journal drop constraint resolved_once",
    },
    Attack {
        what: "a journal that resolves itself",
        sql: "with own as (insert into ledger.journal (id, kind, scope, key, cause, at, resolves) overriding system value
                           values (99999, 'attack', 'attack', 'a', gen_random_uuid(), now(), 99999) returning id)
              insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
              select own.id, 1, paybill, fund, 'KES', 100 from id, own",
        refused_by: "resolves_earlier",
        disarm: "alter table ledger.journal drop constraint resolves_earlier",
    },
    Attack {
        what: "a journal that moves nothing",
        sql: "select pg_temp.new_journal('a')",
        refused_by: "no_empty_journal",
        disarm: "drop trigger no_empty_journal on ledger.journal",
    },
    Attack {
        what: "a wallet that is summed, where no floor would be checked by its row",
        sql: "insert into ledger.account (kind, owner, tracking) values ('wallet', 'odd', 'S')",
        refused_by: "as_charted",
        disarm: "alter table ledger.account drop constraint as_charted",
    },
    Attack {
        what: "two balances for one account",
        sql: "insert into ledger.snapshot (account_id) select wallet from id",
        refused_by: "is_summed",
        disarm: "alter table ledger.snapshot drop constraint is_summed",
    },
    Attack {
        what: "a running balance for a fund",
        sql: "insert into ledger.running_balance (account_id) select fund from id",
        refused_by: "runs",
        disarm: "alter table ledger.running_balance drop constraint runs",
    },
];

#[sqlx::test]
async fn each_impossible_thing_is_refused_by_the_guard_that_is_there_for_it(pool: PgPool) {
    let mut conn = prepared(&pool).await;
    for attack in ATTACKS {
        let mut doomed = conn.begin().await.unwrap();
        let refused = strike(&mut doomed, attack).await.expect_err(attack.what);
        let refusal = refused
            .as_database_error()
            .unwrap_or_else(|| panic!("{}: {refused}", attack.what));
        let named = refusal
            .constraint()
            .map(str::to_owned)
            .unwrap_or_else(|| refusal.message().to_owned());
        assert!(
            named.contains(attack.refused_by),
            "{} was refused by {named}",
            attack.what
        );
        doomed.rollback().await.unwrap();
    }
    assert!(verify(&pool).await.is_sound());
}

#[sqlx::test]
async fn each_guard_has_teeth(pool: PgPool) {
    let mut conn = prepared(&pool).await;
    for attack in ATTACKS {
        let mut unguarded = conn.begin().await.unwrap();
        sqlx::raw_sql(attack.disarm)
            .execute(&mut *unguarded)
            .await
            .expect(attack.what);
        if let Err(refused) = strike(&mut unguarded, attack).await {
            panic!(
                "{} is refused without its guard as well: {refused}",
                attack.what
            );
        }
        unguarded.rollback().await.unwrap();
    }
    assert!(verify(&pool).await.is_sound());
}

/// A broken promise is noticed: each column of the report, with the ledger tampered with as only its owner could.
#[sqlx::test]
async fn verification_finds_what_was_tampered_with(pool: PgPool) {
    let mut conn = prepared(&pool).await;
    let disarmed = "alter table ledger.posting disable trigger user; alter table ledger.journal disable trigger user;
                    alter table ledger.posting alter debit_id drop not null;
                    alter table ledger.posting drop constraint same_transaction;
                    alter table ledger.running_balance drop constraint no_overdraft;";
    for (tampering, column) in [
        (
            "update ledger.running_balance set posted = posted + 7",
            "drift_cents",
        ),
        (
            "update ledger.snapshot set posted = posted + 7",
            "drifted_accounts",
        ),
        (
            "update ledger.snapshot set posted = posted + 7",
            "unbalanced_currencies",
        ),
        (
            "delete from ledger.posting where journal_id = (select top_up from id)",
            "empty_journals",
        ),
        (
            "update ledger.posting set xid = '1' where journal_id = (select top_up from id)",
            "stray_postings",
        ),
        (
            "delete from ledger.posting where journal_id = (select reserved from id)",
            "unexplained_in_flight",
        ),
        (
            "update ledger.posting set cents = 1 where credit_id = (select fund from id)",
            "below_floor",
        ),
        (
            "update ledger.snapshot set upto = '9999999999'",
            "foreign_watermarks",
        ),
    ] {
        let mut tampered = conn.begin().await.unwrap();
        sqlx::raw_sql(disarmed)
            .execute(&mut *tampered)
            .await
            .unwrap();
        sqlx::raw_sql(tampering)
            .execute(&mut *tampered)
            .await
            .expect(tampering);
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "select {column} from ledger.verify()"
        )))
        .fetch_one(&mut *tampered)
        .await
        .unwrap();
        assert!(found > 0, "{tampering} is not seen as {column}");
        tampered.rollback().await.unwrap();
    }
}

async fn prepared(pool: &PgPool) -> PgConnection {
    fill_fund(pool, 1, 500).await;
    let mut conn = pool.acquire().await.unwrap().detach();
    sqlx::raw_sql(WORLD).execute(&mut conn).await.unwrap();
    sqlx::raw_sql(NAMES).execute(&mut conn).await.unwrap();
    conn
}

/// The attack, up to what a commit would still refuse.
async fn strike(conn: &mut PgConnection, attack: &Attack) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(attack.sql).execute(&mut *conn).await?;
    sqlx::raw_sql("set constraints all immediate")
        .execute(conn)
        .await?;
    Ok(())
}
