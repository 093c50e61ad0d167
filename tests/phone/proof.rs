//! A cover that anyone may ask about on a page, and premiums as settlement hears of them.

use kwastage::insurance::cover::Term;
use kwastage::insurance::rating::Answers;
use kwastage::insurance::{self, Beneficiary, PolicyId, Quoting, Take};
use kwastage::members::{self, MemberId, Name, Who};
use kwastage::payments::{News, ObligationId, Purpose, Receipt};
use kwastage::primitives::{Money, Msisdn};
use kwastage::settlement;
use kwastage::work::{Actor, Work};
use reqwest::StatusCode;
use uuid::Uuid;

use crate::world::{Sessions, World};

const AMINA: &str = "254711000001";

/// A daily cover of Amina's that waits for its first premium.
async fn daily(world: &World) -> (MemberId, PolicyId) {
    let mut work = begin(world).await;
    let who = Who::Phone(Msisdn::parse(AMINA).unwrap());
    let amina = members::find(work.conn(), &who).await.unwrap().unwrap();
    let (shelf, answers) = (&world.app.shelf, Answers::new());
    let quoting =
        insurance::quote(&mut work, shelf, amina.id.0, "boda_day", Term::Day, answers).await;
    let Quoting::Quoted(quote) = quoting.unwrap() else {
        panic!("a question about a daily cover")
    };
    let asked = Take {
        member: amina.id.0,
        quote: quote.id,
        beneficiary: Beneficiary {
            name: Name::parse("Halima").unwrap(),
            msisdn: Msisdn::parse("0722000101").unwrap(),
        },
    };
    let policy = insurance::take(&mut work, shelf, asked).await.unwrap();
    work.commit().await.unwrap();
    (amina.id, policy.id)
}

async fn begin(world: &World) -> Work {
    Work::begin(&world.pool, world.now(), Actor::System)
        .await
        .unwrap()
}

async fn asked(world: &World, code: &str) -> (StatusCode, String) {
    let page = world.http.get(format!("{}/v/{code}", world.gateway));
    let page = page.send().await.unwrap();
    (page.status(), page.text().await.unwrap())
}

#[tokio::test]
async fn the_page_says_yes_or_no_and_nothing_else() {
    let world = World::new(Sessions::InProcess).await;
    let (_, policy) = daily(&world).await;
    let mut work = begin(&world).await;
    let amount = Money::from_shillings(30);
    let came =
        insurance::premium_came(&mut work, &world.app.shelf, Uuid::now_v7(), policy, amount).await;
    work.commit().await.unwrap();
    let came = came.unwrap();
    let issued = came.policy.stage.issued().unwrap();

    for named in [issued.code.as_str(), &issued.number.to_string()] {
        let (status, page) = asked(&world, named).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("YES / NDIYO") && page.contains("21/11/2026"));
        for secret in ["Amina", "Halima", "Boda", "Umoja", "711000001", "30"] {
            assert!(!page.contains(secret), "{secret}: {page}");
        }
        assert!(page.len() < 700, "{}", page.len());
    }
    // What is not covered and what nobody has ever heard of look the same.
    let (_, unknown) = asked(&world, "KSP-2026-99999").await;
    let (_, nonsense) = asked(&world, "%3Cscript%3E").await;
    assert!(unknown.contains("NO / HAPANA"));
    assert_eq!(unknown, nonsense);

    // Whoever tries one code after the other is asked to stop, and others are not.
    let mut status = StatusCode::OK;
    for _guess in 0..60 {
        status = asked(&world, "7K3M9XPA").await.0;
    }
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    world.close().await;
}

#[tokio::test]
async fn a_premium_that_m_pesa_takes_twice_covers_twice() {
    let world = World::new(Sessions::InProcess).await;
    let (member, policy) = daily(&world).await;
    let obligation = ObligationId(Uuid::now_v7());
    let purpose = Purpose::Premium {
        member: member.0,
        policy: policy.0,
    };
    let amount = Money::from_shillings(30);
    let paid = || News::Paid {
        obligation,
        purpose,
        amount,
        receipt: Receipt::parse("TKQ1ABCDE2"),
        provisional: false,
        late: false,
        from_suspense: false,
    };
    let paid_twice = || News::PaidTwice {
        obligation,
        purpose,
        amount,
        receipt: Receipt::parse("TKQ1ABCDE3"),
        from_suspense: false,
    };
    // Each of them told twice.
    for news in [paid(), paid(), paid_twice(), paid_twice()] {
        let mut work = begin(&world).await;
        settlement::settle(&world.app, &mut work, vec![news])
            .await
            .unwrap();
        work.commit().await.unwrap();
    }
    let mut conn = world.pool.acquire().await.unwrap();
    let held = insurance::held(&mut conn, member.0, policy).await.unwrap();
    let held = held.unwrap();
    assert_eq!(held.cover.periods().len(), 2);
    let until = held.covered_until(world.now()).unwrap();
    assert_eq!(until.to_rfc3339(), "2026-11-22T03:00:00+00:00");
    let told: i64 =
        sqlx::query_scalar("select count(*) from outbox where template = 'insurance.covered'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(told, 2);
    drop(conn);
    world.close().await;
}
