//! The book against whoever owns the database.

use chrono::Utc;
use serde_json::json;
use sqlx::PgPool;

use super::*;
use crate::work::{Actor as Doer, Work};

async fn written(pool: &PgPool, lines: usize) {
    let mut work = Work::begin(pool, Utc::now(), Doer::System).await.unwrap();
    for line in 0..lines {
        let act = Act::on("member.approve", "member", line)
            .before(&json!({"status": "pending"}))
            .unwrap()
            .after(&json!({"status": "active", "line": line}))
            .unwrap();
        let act = if line % 2 == 0 {
            act
        } else {
            act.why("asked to")
        };
        write(&mut work, &Trail::terminal("tester"), act)
            .await
            .unwrap();
    }
    work.commit().await.unwrap();
}

async fn sealed(pool: &PgPool) -> usize {
    let mut work = Work::begin(pool, Utc::now(), Doer::System).await.unwrap();
    let count = seal(&mut work).await.unwrap();
    work.commit().await.unwrap();
    count
}

async fn found(pool: &PgPool, noted: Option<Anchor>) -> Option<Wrong> {
    let mut conn = pool.acquire().await.unwrap();
    verify(&mut conn, noted).await.unwrap().wrong
}

/// As somebody who may do everything to the database.
async fn tampered(pool: &PgPool, how: &'static str) {
    let tables = ["audit_entry", "audit_seal", "audit_unsealed"];
    let off: String = tables
        .iter()
        .map(|table| format!("alter table {table} disable trigger all;"))
        .collect();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("{off} {how}")))
        .execute(pool)
        .await
        .unwrap();
}

#[sqlx::test]
async fn what_was_written_is_sealed_once_and_adds_up(pool: PgPool) {
    written(&pool, 5).await;
    let mut conn = pool.acquire().await.unwrap();
    let before = verify(&mut conn, None).await.unwrap();
    assert_eq!((before.sealed, before.waiting, before.wrong), (0, 5, None));
    assert_eq!(sealed(&pool).await, 5);
    assert_eq!(sealed(&pool).await, 0);
    let half = head(&mut conn).await.unwrap().unwrap();
    written(&pool, 3).await;
    assert_eq!(sealed(&pool).await, 3);
    let after = verify(&mut conn, Some(half)).await.unwrap();
    assert_eq!((after.sealed, after.waiting, after.wrong), (8, 0, None));
    assert_eq!(after.head, head(&mut conn).await.unwrap());
    assert_eq!(Anchor::parse(&half.to_string()), Some(half));
}

#[sqlx::test]
async fn a_line_cannot_be_changed_and_a_second_branch_not_be_grown(pool: PgPool) {
    written(&pool, 2).await;
    sealed(&pool).await;
    for statement in [
        "update audit_entry set why = 'other'",
        "delete from audit_entry",
        "truncate audit_entry cascade",
        "update audit_seal set sealed_at = now()",
        "delete from audit_seal",
        "insert into audit_seal select 3, 99, digest, sha256('x'), now() from audit_seal where place = 1",
        "insert into audit_seal select 4, 99, digest, sha256('x'), now() from audit_seal where place = 2",
    ] {
        let done = sqlx::raw_sql(statement).execute(&pool).await;
        assert!(done.is_err(), "{statement}");
    }
    assert_eq!(found(&pool, None).await, None);
}

#[sqlx::test]
async fn two_sealers_at_once_make_one_chain(pool: PgPool) {
    written(&pool, 40).await;
    let (one, other) = tokio::join!(sealed(&pool), sealed(&pool));
    assert_eq!(one + other, 40);
    assert_eq!(found(&pool, None).await, None);
}

#[sqlx::test]
async fn an_entry_that_was_rewritten_shows(pool: PgPool) {
    written(&pool, 6).await;
    sealed(&pool).await;
    tampered(
        &pool,
        "update audit_entry set after = '{\"status\": \"refused\"}' where id = 3",
    )
    .await;
    assert_eq!(found(&pool, None).await, Some(Wrong::EntryChanged(3)));
}

#[sqlx::test]
async fn an_entry_that_was_torn_out_shows(pool: PgPool) {
    written(&pool, 6).await;
    sealed(&pool).await;
    tampered(&pool, "delete from audit_entry where id = 4").await;
    assert_eq!(found(&pool, None).await, Some(Wrong::EntryChanged(4)));
}

#[sqlx::test]
async fn an_entry_that_was_torn_out_with_its_seal_shows(pool: PgPool) {
    written(&pool, 6).await;
    sealed(&pool).await;
    tampered(
        &pool,
        "delete from audit_seal where place = 4; delete from audit_entry where id = 4",
    )
    .await;
    assert_eq!(found(&pool, None).await, Some(Wrong::SealMissing(4)));
}

#[sqlx::test]
async fn an_entry_that_was_slipped_in_shows(pool: PgPool) {
    written(&pool, 6).await;
    sealed(&pool).await;
    tampered(
        &pool,
        "insert into audit_entry (at, actor_kind, actor_name, action, subject)
         values (now(), 'terminal', 'nobody', 'member.approve', 'member:7')",
    )
    .await;
    assert_eq!(found(&pool, None).await, Some(Wrong::NeverSealed(1)));
}

#[sqlx::test]
async fn entries_that_changed_places_show(pool: PgPool) {
    written(&pool, 6).await;
    sealed(&pool).await;
    tampered(
        &pool,
        "update audit_seal set entry_id = 1000 where place = 2; update audit_seal set entry_id = 2 where place = 3;
         update audit_seal set entry_id = 3 where place = 2",
    )
    .await;
    assert_eq!(found(&pool, None).await, Some(Wrong::EntryChanged(2)));
}

/// Whoever rewrites everything is found by what was noted elsewhere, and by nothing else.
#[sqlx::test]
async fn a_tail_that_was_cut_off_or_a_new_chain_is_not_what_was_noted(pool: PgPool) {
    written(&pool, 6).await;
    sealed(&pool).await;
    let noted = head(&mut pool.acquire().await.unwrap()).await.unwrap();
    tampered(
        &pool,
        "delete from audit_seal where place > 4; delete from audit_entry where id > 4",
    )
    .await;
    assert_eq!(found(&pool, None).await, None);
    assert_eq!(found(&pool, noted).await, Some(Wrong::NotAsNoted(6)));

    tampered(
        &pool,
        "delete from audit_seal; update audit_entry set actor_name = 'another';
         insert into audit_unsealed select id from audit_entry",
    )
    .await;
    sealed(&pool).await;
    written(&pool, 2).await;
    sealed(&pool).await;
    assert_eq!(found(&pool, noted).await, Some(Wrong::NotAsNoted(6)));
}
