//! Deeds against a real database. Rules without one are tested beside the rules.

mod approval;
mod joining;
mod numbering;
mod proving;
mod settings;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::primitives::{Language, Msisdn, Secret};
use crate::stages::{self, Opening, Stage, StageCode};
use crate::work::{Actor, Work};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn morning() -> DateTime<Utc> {
    at("2026-03-02T06:00:00Z")
}

fn keys() -> MemberKeys {
    MemberKeys {
        sealing: KeyRing::of(Key::new(1, [1; 32])),
        index: Key::new(1, [2; 32]),
    }
}

fn desk() -> PinDesk {
    PinDesk::new(KeyRing::of(Key::new(1, [3; 32])), 1, 100)
}

async fn work(pool: &PgPool, now: DateTime<Utc>) -> Work {
    Work::begin(pool, now, Actor::System).await.unwrap()
}

async fn kencom(pool: &PgPool) -> Stage {
    let mut work = work(pool, morning()).await;
    let opening = Opening {
        code: StageCode::parse("101").unwrap(),
        name: "Kencom".into(),
        zone: "CBD".into(),
        region: "Nairobi".into(),
    };
    let stage = stages::open(&mut work, &opening).await.unwrap();
    work.commit().await.unwrap();
    stage
}

fn phone(n: u32) -> Msisdn {
    Msisdn::parse(&format!("2547110{n:05}")).unwrap()
}

fn card(n: u32) -> NationalId {
    NationalId::parse(&format!("{}", 20_000_000 + n)).unwrap()
}

/// The `n`th rider asks to join, with a verifier that no PIN fits.
fn rider(n: u32, stage: &Stage) -> Join {
    let verifier = "$argon2id$v=19$m=4096,t=1,p=1,keyid=AQ$c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE";
    Join {
        id: MemberId(Uuid::from_u128(u128::from(n))),
        key: format!("ATUid_{n}:12"),
        msisdn: phone(n),
        language: Language::SWAHILI,
        first_name: Name::parse("Zawadi").unwrap(),
        last_name: Name::parse("Kiplagat").unwrap(),
        national_id: card(n),
        birth_date: None,
        stage: stage.id,
        kin: Kin {
            name: Name::parse("Baraka Kiplagat").unwrap(),
            relation: Relation::parse("kaka").unwrap(),
            msisdn: Msisdn::parse("0722333444").unwrap(),
        },
        pin_verifier: PinVerifier::parse(verifier).unwrap(),
        consent: Consent {
            version: "2026-01".into(),
            channel: "ussd".into(),
            session: format!("ATUid_{n}"),
        },
    }
}

/// The `n`th rider has joined.
async fn joined(pool: &PgPool, n: u32, stage: &Stage) -> MemberId {
    let mut work = work(pool, morning()).await;
    let joined = join(&mut work, &keys(), rider(n, stage)).await.unwrap();
    work.commit().await.unwrap();
    joined.id
}

/// The `n`th rider has joined with this PIN.
async fn joined_with_pin(
    pool: &PgPool,
    desk: &PinDesk,
    n: u32,
    stage: &Stage,
    digits: &str,
) -> MemberId {
    let asked = rider(n, stage);
    let owner = PinOwner {
        msisdn: asked.msisdn.clone(),
        national_id: Some(asked.national_id.clone()),
        birth_date: None,
    };
    let pin = StrongPin::choose(Secret::new(digits), &owner).unwrap();
    let pin_verifier = desk.make(asked.id, pin).await.unwrap();
    let mut work = work(pool, morning()).await;
    let joined = join(
        &mut work,
        &keys(),
        Join {
            pin_verifier,
            ..asked
        },
    )
    .await
    .unwrap();
    work.commit().await.unwrap();
    joined.id
}

async fn event_names(pool: &PgPool, subject: MemberId) -> Vec<String> {
    sqlx::query_scalar!(
        "select name from event where subject = $1 order by id",
        subject.0
    )
    .fetch_all(pool)
    .await
    .unwrap()
}
