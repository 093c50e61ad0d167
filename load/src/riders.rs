//! The riders of the load: members with a PIN, put straight into the tables.
//!
//! Joining them one by one through the product's deeds would take longer than what is measured. What a hop reads of
//! them is real: the row, the stage, the plan, and a verifier that the product's own desk has made.

use anyhow::Context;
use kwastage::config::Config;
use kwastage::members::{Key, KeyRing, MemberId, PinDesk, PinOwner, StrongPin};
use kwastage::primitives::{Msisdn, Secret};
use secrecy::ExposeSecret;
use sqlx::PgPool;
use uuid::Uuid;

use crate::journey::PIN;

/// Rows in one statement.
const BATCH: u32 = 1000;

/// The phone of the `place`-th rider.
pub fn msisdn(place: u32) -> u64 {
    254_790_000_000 + u64::from(place)
}

fn id(place: u32) -> MemberId {
    MemberId(Uuid::from_u128(u128::from(msisdn(place))))
}

/// A desk with the key that the gateway of the run has too: the default one.
pub fn desk(workers: usize) -> anyhow::Result<PinDesk> {
    let config = Config::read(None, [])?;
    let ring = KeyRing::of(Key::new(1, *config.keys.pin.expose_secret()));
    Ok(PinDesk::new(ring, workers, BATCH as usize))
}

/// Adds riders up to this many; those of an earlier run stay.
pub async fn seed(pool: &PgPool, riders: u32) -> anyhow::Result<()> {
    let known: i64 =
        sqlx::query_scalar("select count(*) from member where joining_key like 'load:%'")
            .fetch_one(pool)
            .await?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let desk = desk(cores)?;
    let mut from = u32::try_from(known)?;
    while from < riders {
        let to = (from + BATCH).min(riders);
        add(pool, &desk, from, to).await?;
        from = to;
    }
    sqlx::query("vacuum analyze").execute(pool).await?;
    Ok(())
}

async fn add(pool: &PgPool, desk: &PinDesk, from: u32, to: u32) -> anyhow::Result<()> {
    let making: Vec<_> = (from..to)
        .map(|place| tokio::spawn(verifier(desk.clone(), place)))
        .collect();
    let mut verifiers = Vec::with_capacity(making.len());
    for made in making {
        verifiers.push(made.await??);
    }
    let phones: Vec<String> = (from..to).map(|place| msisdn(place).to_string()).collect();
    let ids: Vec<Uuid> = (from..to).map(|place| id(place).0).collect();
    let places: Vec<i32> = (from..to).map(|place| place as i32).collect();
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index,
                             stage_id, status, joined_at, approved_at, fee_paid_at, fee_payment, number_year, number_serial)
         select id, 'load:' || place, phone, 'en', 'Rider', 'Number', decode(repeat('00', 40), 'hex'), sha256(phone::bytea),
                (select stage.id from stage order by stage.id offset place % (select count(*) from stage) limit 1),
                'active', now() - interval '60 days', now() - interval '59 days', now() - interval '59 days', id, 2025, place + 1
         from unnest($1::uuid[], $2::text[], $3::int[]) as rider (id, phone, place)",
    )
    .bind(&ids)
    .bind(&phones)
    .bind(&places)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "insert into member_pin (member_id, verifier, changed_at)
         select id, verifier, now() from unnest($1::uuid[], $2::text[]) as rider (id, verifier)",
    )
    .bind(&ids)
    .bind(&verifiers)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

async fn verifier(desk: PinDesk, place: u32) -> anyhow::Result<String> {
    let owner = PinOwner {
        msisdn: Msisdn::parse(&msisdn(place).to_string())?,
        national_id: None,
        birth_date: None,
    };
    // A rider whose number ends in the PIN may not have it by the product's rule; for the load it must do.
    let owner = match StrongPin::choose(Secret::new(PIN), &owner) {
        Ok(_) => owner,
        Err(_) => PinOwner {
            msisdn: Msisdn::parse("254700000000")?,
            ..owner
        },
    };
    let pin = StrongPin::choose(Secret::new(PIN), &owner).context("the load's PIN is weak")?;
    Ok(desk.make(id(place), pin).await?.as_str().to_owned())
}
