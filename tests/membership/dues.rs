//! Paying invoices: once, to the cent, and never lost.

use kwastage::dues::{self, Due, PayDue, PayError};
use kwastage::invoices::{Invoice, InvoiceId, What};
use kwastage::ledger::{self, Account, Key};
use kwastage::members::{MemberId, Who};
use kwastage::membership;
use kwastage::payments::{ObligationId, Rules};
use kwastage::primitives::Money;
use kwastage::receipts::{CheckCode, CodeKey};
use kwastage::wallet::{self, Limits, Sent, Source, SpendError};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{NOON, World, instant, phone};

const LAPSED: &str = "2027-12-01T06:00:00Z";
/// A moment before and after midnight in Nairobi, at the end of the grace.
const LAST_MINUTE: &str = "2027-11-30T20:59:30Z";
const A_MINUTE_LATER: &str = "2027-11-30T21:00:30Z";

fn renewal(key: &str) -> PayDue {
    PayDue {
        payer: phone("254711000001"),
        due: Due::Renewal,
        shown: None,
        key: key.to_owned(),
    }
}

async fn top_up(world: &World, shillings: i64) {
    let mut work = world.begin(NOON).await;
    let payment = Uuid::now_v7();
    let (amount, key) = (
        Money::from_shillings(shillings),
        Key::of("payment", payment),
    );
    wallet::credit(
        &mut work,
        world.amina.0,
        payment,
        amount,
        Source::TopUp,
        key,
    )
    .await
    .unwrap();
    work.commit().await.unwrap();
}

async fn from_wallet(world: &World, asked: PayDue, now: &str) -> Result<Sent, PayError> {
    let most = Money::from_shillings(100_000);
    let limits = Limits {
        once: most,
        a_day: most,
        a_month: most,
    };
    let key = CodeKey::new(&[7; 32]).unwrap();
    let mut work = world.begin(now).await;
    let paid = dues::from_wallet(&mut work, limits, &key, asked).await;
    match paid.is_ok() {
        true => work.commit().await.unwrap(),
        false => drop(work),
    }
    paid
}

/// M-PESA is asked; the obligation, and the invoice it is for.
async fn pushed(world: &World, asked: PayDue, now: &str) -> (ObligationId, InvoiceId, Money) {
    let mut work = world.begin(now).await;
    let asked = dues::by_push(&mut work, &Rules::for_shortcode("600123"), asked, None)
        .await
        .unwrap();
    work.commit().await.unwrap();
    let obligation = asked.requested.obligation;
    let invoice: Uuid = sqlx::query_scalar("select invoice_id from obligation where id = $1")
        .bind(obligation.0)
        .fetch_one(&world.pool)
        .await
        .unwrap();
    (obligation, InvoiceId(invoice), asked.amount)
}

async fn received(
    world: &World,
    (obligation, invoice, amount): (ObligationId, InvoiceId, Money),
    now: &str,
) {
    let code = CheckCode::parse("7K3M").unwrap();
    let mut work = world.begin(now).await;
    dues::received(&mut work, obligation, invoice, amount, "TKQ1ABCDE2", &code)
        .await
        .unwrap();
    work.commit().await.unwrap();
}

async fn until(world: &World, now: &str) -> String {
    let mut conn = world.pool.acquire().await.unwrap();
    let membership = membership::of(&mut conn, world.amina, instant(now)).await;
    membership.unwrap().unwrap().until.to_string()
}

/// In shillings: the wallet, and what the association has earned.
async fn books(world: &World) -> (i64, i64) {
    let mut conn = world.pool.acquire().await.unwrap();
    let accounts = [Account::Wallet(world.amina.0), Account::FeeIncome];
    let [wallet, income] = ledger::balances(&mut conn, accounts).await.unwrap();
    let report = ledger::verify(&mut conn).await.unwrap();
    assert!(report.is_sound(), "{report:?}");
    (wallet.cents() / 100, income.cents() / 100)
}

async fn fined(world: &World, member: MemberId, shillings: i64) -> Invoice {
    let mut work = world.begin(NOON).await;
    let what = What::Fine {
        reason: "No helmet".to_owned(),
    };
    let amount = Money::from_shillings(shillings);
    let invoice = dues::fine(&mut work, &Who::Id(member), what, amount, 14, "grace")
        .await
        .unwrap();
    work.commit().await.unwrap();
    invoice
}

#[sqlx::test]
async fn a_renewal_from_the_wallet_is_one_movement_and_a_year(pool: PgPool) {
    let world = World::new(pool).await;
    top_up(&world, 700).await;
    let paid = from_wallet(&world, renewal("s:1"), NOON).await.unwrap();
    assert_eq!(paid.balance, Money::from_shillings(200));
    assert_eq!(until(&world, NOON).await, "2028-10-31");
    assert_eq!(books(&world).await, (200, 500));
    let further = from_wallet(&world, renewal("s:2"), NOON).await;
    assert!(matches!(further, Err(PayError::NotDue { .. })));
    assert_eq!(world.told("receipt.renewed").await.len(), 1);
}

#[sqlx::test]
async fn an_empty_wallet_and_another_price_change_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    dues::tend_at(&world.pool, instant(NOON)).await.unwrap();
    let poor = from_wallet(&world, renewal("s:1"), NOON).await;
    assert!(matches!(
        poor,
        Err(PayError::Spend(SpendError::NotEnough { .. }))
    ));
    top_up(&world, 700).await;
    let shown = Some(Money::from_shillings(500));
    let dearer = from_wallet(
        &world,
        PayDue {
            shown,
            ..renewal("s:2")
        },
        LAPSED,
    )
    .await;
    assert!(matches!(dearer, Err(PayError::AnotherAmount { amount }) if amount.cents() == 60_000));
    assert_eq!(until(&world, NOON).await, "2027-10-31");
    assert_eq!(books(&world).await, (700, 0));
}

#[sqlx::test]
async fn paid_from_the_wallet_and_by_a_late_prompt_the_second_is_the_members_own(pool: PgPool) {
    let world = World::new(pool).await;
    top_up(&world, 500).await;
    let push = pushed(&world, renewal("s:1"), NOON).await;
    from_wallet(&world, renewal("s:2"), NOON).await.unwrap();
    assert_eq!(books(&world).await, (0, 500));
    received(&world, push, NOON).await;
    received(&world, push, NOON).await;
    assert_eq!(books(&world).await, (500, 500), "credited, and once");
    assert_eq!(
        until(&world, NOON).await,
        "2028-10-31",
        "one year was bought"
    );
}

#[sqlx::test]
async fn wallet_and_prompt_at_the_same_moment_buy_one_year(pool: PgPool) {
    let world = World::new(pool).await;
    top_up(&world, 500).await;
    let push = pushed(&world, renewal("s:1"), NOON).await;
    let paying = async {
        // Whoever comes second finds the invoice paid, or the year bought already.
        let _ = from_wallet(&world, renewal("s:2"), NOON).await;
    };
    tokio::join!(paying, received(&world, push, NOON));
    let (wallet, income) = books(&world).await;
    assert_eq!((wallet, income), (500, 500), "nothing vanished");
    assert_eq!(until(&world, NOON).await, "2028-10-31");
}

#[sqlx::test]
async fn a_payment_that_crosses_the_lapse_wins(pool: PgPool) {
    let world = World::new(pool).await;
    dues::tend_at(&world.pool, instant(NOON)).await.unwrap();
    let push = pushed(&world, renewal("s:1"), LAST_MINUTE).await;
    assert_eq!(push.2, Money::from_shillings(500), "no late fee yet");
    // The lapse is noticed, and the invoice with the late fee takes the place of the one on the phone.
    dues::tend_at(&world.pool, instant(A_MINUTE_LATER))
        .await
        .unwrap();
    assert_eq!(world.told("renewal.lapsed").await.len(), 4);
    received(&world, push, A_MINUTE_LATER).await;
    assert_eq!(
        until(&world, A_MINUTE_LATER).await,
        "2028-10-31",
        "it goes on where it ended"
    );
    assert_eq!(books(&world).await, (0, 500));
    assert_eq!(
        world.count("select count(*) from invoice i join member m on m.id = i.member_id where m.first_name = 'Amina' and i.state = 'open'").await,
        0
    );
    assert_eq!(world.told("receipt.renewed").await.len(), 1);
}

#[sqlx::test]
async fn a_lapsed_member_returns_from_today(pool: PgPool) {
    let world = World::new(pool).await;
    dues::tend_at(&world.pool, instant(NOON)).await.unwrap();
    let push = pushed(&world, renewal("s:1"), LAPSED).await;
    assert_eq!(push.2, Money::from_shillings(600));
    received(&world, push, LAPSED).await;
    assert_eq!(until(&world, LAPSED).await, "2028-11-30");
    assert_eq!(world.told("receipt.returned").await.len(), 1);
    assert_eq!(
        world
            .count("select count(*) from membership_renewal where returned")
            .await,
        1
    );
}

#[sqlx::test]
async fn a_fine_is_paid_once_by_its_member_and_to_the_cent(pool: PgPool) {
    let world = World::new(pool).await;
    top_up(&world, 1_000).await;
    let (hers, his) = (
        fined(&world, world.amina, 250).await,
        fined(&world, world.juma, 100).await,
    );
    let pay = |id: InvoiceId, key: &str| PayDue {
        due: Due::Invoice(id),
        ..renewal(key)
    };
    let not_hers = from_wallet(&world, pay(his.id, "s:1"), NOON).await;
    assert!(matches!(not_hers, Err(PayError::NotOpen)));
    let (one, other) = tokio::join!(
        from_wallet(&world, pay(hers.id, "s:2"), NOON),
        from_wallet(&world, pay(hers.id, "s:3"), NOON)
    );
    assert!(one.is_ok() ^ other.is_ok(), "paid once");
    assert_eq!(books(&world).await, (750, 250));
    assert_eq!(
        until(&world, NOON).await,
        "2027-10-31",
        "a fine buys no year"
    );
    assert_eq!(
        world
            .refused(
                "insert into invoice_payment select i.id, i.cents - 100, gen_random_uuid(), 'mpesa', j.id, now()
                 from invoice i, ledger.journal j where i.state = 'open' and j.id not in (select journal_id from invoice_payment)"
            )
            .await,
        Some("paid_to_the_cent".to_owned())
    );
    assert_eq!(
        world
            .refused("update invoice set cents = cents + 100 where state = 'open'")
            .await,
        Some("invoice_is_kept".to_owned())
    );
    assert_eq!(
        world
            .refused("update invoice set state = 'open', closed_at = null where state = 'paid'")
            .await,
        Some("invoice_is_kept".to_owned())
    );
}

#[sqlx::test]
async fn a_cancelled_fine_is_not_paid_and_money_on_its_way_is_kept(pool: PgPool) {
    let world = World::new(pool).await;
    let fine = fined(&world, world.amina, 250).await;
    let asked = PayDue {
        due: Due::Invoice(fine.id),
        ..renewal("s:1")
    };
    let push = pushed(&world, asked, NOON).await;
    let mut work = world.begin(NOON).await;
    dues::cancel(&mut work, fine.id, "It was somebody else")
        .await
        .unwrap();
    assert!(dues::cancel(&mut work, fine.id, "Again").await.is_err());
    work.commit().await.unwrap();
    received(&world, push, NOON).await;
    assert_eq!(books(&world).await, (250, 0));
    assert_eq!(world.told("invoice.cancelled").await, ["254711000001"]);
}

#[sqlx::test]
async fn what_is_overdue_is_marked_and_said_once(pool: PgPool) {
    let world = World::new(pool).await;
    fined(&world, world.amina, 250).await;
    let at = |now: &'static str| dues::tend_at(&world.pool, instant(now));
    at("2026-12-04T20:59:00Z").await.unwrap();
    assert!(
        world.told("invoice.overdue").await.is_empty(),
        "due that day"
    );
    let (one, other) = tokio::join!(at("2026-12-04T21:01:00Z"), at("2026-12-04T21:01:00Z"));
    one.and(other).unwrap();
    at("2026-12-06T06:00:00Z").await.unwrap();
    assert_eq!(world.told("invoice.overdue").await, ["254711000001"]);
    assert_eq!(
        world
            .count("select count(*) from invoice where overdue_at is not null")
            .await,
        1
    );
}

#[sqlx::test]
async fn odd_fines_are_refused(pool: PgPool) {
    let world = World::new(pool).await;
    let mut work = world.begin(NOON).await;
    for (cents, reason) in [
        (0, "x"),
        (-100, "x"),
        (150, "x"),
        (5_000_100, "x"),
        (100, ""),
        (100, &"x".repeat(61)),
    ] {
        let what = What::Fine {
            reason: reason.to_owned(),
        };
        let who = Who::Id(world.amina);
        let refused =
            dues::fine(&mut work, &who, what, Money::from_cents(cents), 14, "grace").await;
        assert!(refused.is_err(), "{cents} {reason}");
    }
    let nobody = Who::Phone(phone("254711000099"));
    let what = What::Fee {
        reason: "A vest".to_owned(),
    };
    let amount = Money::from_shillings(100);
    assert!(
        dues::fine(&mut work, &nobody, what, amount, 14, "grace")
            .await
            .is_err()
    );
}
