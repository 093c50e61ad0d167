use std::collections::BTreeSet;

use super::*;

async fn approved(pool: &PgPool, n: u32, stage: &Stage, when: DateTime<Utc>) -> MemberId {
    let id = joined(pool, n, stage).await;
    let mut work = work(pool, when).await;
    approve(&mut work, &Who::Id(id), Fee::MayFollow)
        .await
        .unwrap();
    work.commit().await.unwrap();
    id
}

async fn number(pool: &PgPool) -> Vec<(MemberId, String)> {
    let mut work = work(pool, at("2027-01-02T06:00:00Z")).await;
    let numbered = number_pending(&mut work).await.unwrap();
    work.commit().await.unwrap();
    numbered
        .into_iter()
        .map(|(member, number)| (member, number.to_string()))
        .collect()
}

#[sqlx::test]
async fn numbers_come_after_the_approval_in_its_order_and_year(pool: PgPool) {
    let stage = kencom(&pool).await;
    joined(&pool, 9, &stage).await;
    let second = approved(&pool, 1, &stage, at("2026-12-31T20:59:59Z")).await;
    let first = approved(&pool, 2, &stage, at("2026-05-01T06:00:00Z")).await;
    let next_year = approved(&pool, 3, &stage, at("2026-12-31T21:00:00Z")).await;
    assert_eq!(
        number(&pool).await,
        [
            (first, "KTS-2026-0001".into()),
            (second, "KTS-2026-0002".into()),
            (next_year, "KTS-2027-0001".into())
        ]
    );
    assert!(number(&pool).await.is_empty());
    // Approved last year and numbered late: still a number of last year, and the next one.
    let late = approved(&pool, 4, &stage, at("2026-12-30T06:00:00Z")).await;
    assert_eq!(number(&pool).await, [(late, "KTS-2026-0003".into())]);

    let mut conn = pool.acquire().await.unwrap();
    let who = Who::Number(MemberNumber::parse("kts 2026 3").unwrap());
    assert_eq!(find(&mut conn, &who).await.unwrap().unwrap().id, late);
    assert_eq!(
        event_names(&pool, late).await,
        ["member.joined", "member.approved", "member.numbered"]
    );
}

#[sqlx::test]
async fn fifty_approvals_under_parallel_numbering_have_no_gap_and_no_twin(pool: PgPool) {
    let stage = kencom(&pool).await;
    for n in 0..50 {
        joined(&pool, n, &stage).await;
    }
    let approving = (0..50).map(|n| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut work = work(&pool, morning()).await;
            approve(&mut work, &Who::Phone(phone(n)), Fee::MayFollow)
                .await
                .unwrap();
            work.commit().await.unwrap();
        })
    });
    // Every third batch is thrown away: what was not committed leaves no hole.
    let numbering = (0..12).map(|round| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut work = work(&pool, morning()).await;
            number_pending(&mut work).await.unwrap();
            if round % 3 != 0 {
                work.commit().await.unwrap();
            }
        })
    });
    let tasks: Vec<_> = approving.chain(numbering).collect();
    for task in tasks {
        task.await.unwrap();
    }
    number(&pool).await;
    let serials = sqlx::query_scalar!(
        r#"select number_serial as "serial!" from member where number_year = 2026"#
    )
    .fetch_all(&pool)
    .await;
    let serials: BTreeSet<i32> = serials.unwrap().into_iter().collect();
    assert_eq!(serials, (1..=50).collect());
}

#[sqlx::test]
async fn whoever_numbers_second_waits_and_goes_on_from_there(pool: PgPool) {
    let stage = kencom(&pool).await;
    let first = approved(&pool, 1, &stage, at("2026-05-01T06:00:00Z")).await;
    let mut ahead = work(&pool, morning()).await;
    let numbered = number_pending(&mut ahead).await.unwrap();
    assert_eq!(numbered, [(first, MemberNumber::new(2026, 1).unwrap())]);

    let second = approved(&pool, 2, &stage, at("2026-05-02T06:00:00Z")).await;
    let someone_waits = async || {
        let waiting = sqlx::query_scalar!(
            r#"select exists (select from pg_locks join pg_stat_activity using (pid)
               where datname = current_database() and not granted) as "waiting!""#
        );
        waiting.fetch_one(&pool).await.unwrap()
    };
    let (behind, ()) = tokio::join!(number(&pool), async {
        while !someone_waits().await {
            tokio::task::yield_now().await;
        }
        ahead.commit().await.unwrap();
    });
    assert_eq!(behind, [(second, "KTS-2026-0002".into())]);
}

#[sqlx::test]
async fn a_row_in_other_hands_waits_for_the_next_batch_and_leaves_no_gap(pool: PgPool) {
    let stage = kencom(&pool).await;
    let held = approved(&pool, 1, &stage, at("2026-05-01T06:00:00Z")).await;
    let free = approved(&pool, 2, &stage, at("2026-05-02T06:00:00Z")).await;
    let mut busy = work(&pool, morning()).await;
    fee_paid(&mut busy, held, Uuid::from_u128(71))
        .await
        .unwrap();
    assert_eq!(number(&pool).await, [(free, "KTS-2026-0001".into())]);
    busy.commit().await.unwrap();
    assert_eq!(number(&pool).await, [(held, "KTS-2026-0002".into())]);
}

#[sqlx::test]
async fn a_number_once_given_is_kept(pool: PgPool) {
    let stage = kencom(&pool).await;
    let id = approved(&pool, 1, &stage, morning()).await;
    number(&pool).await;
    for attack in [
        "update member set number_serial = 7",
        "update member set number_year = null, number_serial = null",
        "update member set number_year = 2027",
    ] {
        assert!(
            sqlx::raw_sql(sqlx::AssertSqlSafe(attack))
                .execute(&pool)
                .await
                .is_err(),
            "{attack}"
        );
    }
    for table in ["consent", "next_of_kin", "member_pin"] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("delete from {table}")))
            .execute(&pool)
            .await
            .unwrap();
    }
    let error = sqlx::query!("delete from member where id = $1", id.0)
        .execute(&pool)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("given once"), "{error}");
    // Everything else about the member may change.
    sqlx::query!(
        "update member set number_serial = number_serial, language = 'en' where id = $1",
        id.0
    )
    .execute(&pool)
    .await
    .unwrap();
}
