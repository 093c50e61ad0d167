//! Terms, their end, and what is said of it.

use kwastage::dues;
use kwastage::members::MemberId;
use kwastage::membership::{self, RenewError, Standing};
use sqlx::PgPool;

use crate::{NOON, World, instant};

/// Approved on 1 November 2026: the last day is 31 October 2027.
const A_MONTH_BEFORE: &str = "2027-10-01T06:00:00Z";
const LAPSED: &str = "2027-12-01T06:00:00Z";

async fn renewal_cents(world: &World, member: MemberId, now: &str) -> i64 {
    let mut work = world.begin(now).await;
    let invoice = membership::renewal_invoice(&mut work, member)
        .await
        .unwrap();
    work.commit().await.unwrap();
    invoice.amount.cents()
}

#[sqlx::test]
async fn a_membership_begins_with_the_approval(pool: PgPool) {
    let world = World::new(pool).await;
    let mut conn = world.pool.acquire().await.unwrap();
    for written_down in [false, true] {
        let amina = membership::of(&mut conn, world.amina, instant(NOON))
            .await
            .unwrap();
        let amina = amina.unwrap();
        assert_eq!(amina.started_on.to_string(), "2026-11-01");
        assert_eq!(amina.until.to_string(), "2027-10-31", "{written_down}");
        assert_eq!(
            amina.standing("2026-11-20".parse().unwrap()),
            Standing::Active
        );
        dues::tend_at(&world.pool, instant(NOON)).await.unwrap();
    }
    assert_eq!(world.count("select count(*) from membership").await, 4);
}

#[sqlx::test]
async fn each_reminder_is_said_once_whoever_looks_and_however_often(pool: PgPool) {
    let world = World::new(pool).await;
    dues::tend_at(&world.pool, instant(NOON)).await.unwrap();
    // A look that dies before its commit has said nothing.
    let mut cut = world.begin(A_MONTH_BEFORE).await;
    let looked = membership::look_at(&mut cut, world.amina).await.unwrap();
    assert!(looked.unwrap().reminder.is_some());
    drop(cut);
    let at = |now: &'static str| dues::tend_at(&world.pool, instant(now));
    let looks = tokio::join!(at(A_MONTH_BEFORE), at(A_MONTH_BEFORE), at(A_MONTH_BEFORE));
    looks.0.and(looks.1).and(looks.2).unwrap();
    assert_eq!(
        world.told("renewal.due").await.len(),
        4,
        "one for each member"
    );
    for now in [
        "2027-10-01T20:00:00Z",
        "2027-10-24T06:00:00Z",
        "2027-10-24T06:05:00Z",
        "2027-10-30T06:00:00Z",
        "2027-11-02T06:00:00Z",
    ] {
        at(now).await.unwrap();
    }
    assert_eq!(world.told("renewal.due").await.len(), 12);
    at(LAPSED).await.unwrap();
    at(LAPSED).await.unwrap();
    at("2028-12-01T06:00:00Z").await.unwrap();
    assert_eq!(world.told("renewal.lapsed").await.len(), 4);
    assert_eq!(world.told("renewal.due").await.len(), 12);
}

#[sqlx::test]
async fn of_reminders_that_were_missed_only_the_latest_is_said(pool: PgPool) {
    let world = World::new(pool).await;
    dues::tend_at(&world.pool, instant(NOON)).await.unwrap();
    dues::tend_at(&world.pool, instant("2027-10-28T06:00:00Z"))
        .await
        .unwrap();
    let said = "select count(*) from membership_reminder where what = 'week'";
    assert_eq!(world.count(said).await, 4);
    assert_eq!(
        world
            .count("select count(*) from membership_reminder")
            .await,
        4
    );
}

#[sqlx::test]
async fn there_is_one_renewal_invoice_and_it_says_todays_price(pool: PgPool) {
    let world = World::new(pool).await;
    let (one, other) = tokio::join!(
        renewal_cents(&world, world.amina, A_MONTH_BEFORE),
        renewal_cents(&world, world.amina, A_MONTH_BEFORE)
    );
    assert_eq!((one, other), (50_000, 50_000));
    assert_eq!(world.count("select count(*) from invoice").await, 1);
    assert_eq!(renewal_cents(&world, world.amina, LAPSED).await, 60_000);
    assert_eq!(
        world
            .count("select count(*) from invoice where state = 'open'")
            .await,
        1
    );
    assert_eq!(
        world
            .count("select count(*) from invoice where state = 'cancelled'")
            .await,
        1
    );
}

#[sqlx::test]
async fn who_was_not_approved_has_nothing_to_renew(pool: PgPool) {
    let world = World::new(pool).await;
    sqlx::query("update member set status = 'pending', approved_at = null where id = $1")
        .bind(world.juma.0)
        .execute(&world.pool)
        .await
        .unwrap();
    let mut work = world.begin(NOON).await;
    let refused = membership::renewal_invoice(&mut work, world.juma).await;
    assert!(matches!(refused, Err(RenewError::NoMembership)));
}

#[sqlx::test]
async fn what_was_paid_for_is_not_taken_back(pool: PgPool) {
    let world = World::new(pool).await;
    dues::tend_at(&world.pool, instant(NOON)).await.unwrap();
    for sql in [
        "update membership set until = until - 1",
        "update membership set started_on = started_on + 1",
    ] {
        assert_eq!(
            world.refused(sql).await,
            Some("membership_grows".to_owned())
        );
    }
    assert_eq!(
        world
            .refused("update membership set until = until + 1")
            .await,
        None
    );
}
