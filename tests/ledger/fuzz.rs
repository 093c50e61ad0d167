//! Random postings from many connections against a model in memory, with replays, forgeries, rolls and checks beside them.
//!
//! `SEED=<number>` repeats a run's decisions, `FUZZ_SECONDS` makes it longer; the interleaving is Postgres's own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kwastage::fault::Fault;
use kwastage::ledger::{self, Account, JournalId, Key, PostError, Posting, Rail};
use kwastage::primitives::Money;
use kwastage::work::{Actor, Work};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::world::{balance, now, verify};

const WRITERS: u64 = 8;
const WALLETS: u128 = 20;

/// What the acknowledged postings add up to.
#[derive(Default)]
struct Model {
    balances: HashMap<Account, i64>,
    journals: u64,
    replays: u64,
    forgeries: u64,
    overdrafts: u64,
    serialised: u64,
}

type Leg = (Account, Account, i64);

#[sqlx::test]
async fn the_ledger_agrees_with_a_model(options: PgPoolOptions, connect: PgConnectOptions) {
    let pool = options
        .max_connections(WRITERS as u32 + 3)
        .connect_with(connect)
        .await
        .unwrap();
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(rand::random::<u64>);
    let seconds = std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(4);
    println!("SEED={seed}");

    let model = Arc::new(Mutex::new(Model::default()));
    let done = Arc::new(AtomicBool::new(false));
    let checker = tokio::spawn(roll_and_check(pool.clone(), done.clone()));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let ends = Instant::now() + Duration::from_secs(seconds);
        writers.spawn(write(
            pool.clone(),
            StdRng::seed_from_u64(seed ^ writer),
            writer,
            ends,
            model.clone(),
        ));
    }
    writers.join_all().await;
    done.store(true, Ordering::SeqCst);
    let checks = checker.await.unwrap();

    let model = std::mem::take(&mut *model.lock().unwrap());
    println!(
        "{} journals, {} replays, {} forgeries, {} overdrafts and {} serialisations refused, {checks} checks",
        model.journals, model.replays, model.forgeries, model.overdrafts, model.serialised
    );
    for (account, cents) in &model.balances {
        assert_eq!(
            balance(&pool, account.clone()).await,
            Money::from_cents(*cents),
            "{account:?}"
        );
    }
    let journals: i64 = sqlx::query_scalar("select count(*) from ledger.journal")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(journals as u64, model.journals);
    let report = verify(&pool).await;
    assert!(
        ledger::Report {
            unexplained_in_flight: 0,
            ..report.clone()
        }
        .is_sound(),
        "{report:?}"
    );
    for few in [
        model.journals,
        model.replays,
        model.forgeries,
        model.overdrafts,
        checks,
    ] {
        assert!(
            few > 0,
            "a run in which one of these never happened shows nothing"
        );
    }
}

async fn write(
    pool: PgPool,
    mut rng: StdRng,
    writer: u64,
    ends: Instant,
    model: Arc<Mutex<Model>>,
) {
    let mut past: Vec<(Vec<Leg>, JournalId)> = Vec::new();
    while Instant::now() < ends {
        let repeatable = rng.random_ratio(1, 4);
        let roll = rng.random_range(0..100);
        match past
            .len()
            .checked_sub(1)
            .map(|last| rng.random_range(0..=last))
        {
            Some(one) if roll < 15 => {
                let (legs, journal) = past[one].clone();
                let again = insist(&pool, &legs, writer, one, repeatable, &model)
                    .await
                    .unwrap();
                assert_eq!((again.journal, again.fresh), (journal, false));
                model.lock().unwrap().replays += 1;
            }
            Some(one) if roll < 18 => {
                let mut legs = past[one].0.clone();
                legs[0].2 += 1;
                let refused = insist(&pool, &legs, writer, one, repeatable, &model).await;
                assert!(matches!(refused, Err(PostError::KeyReused)), "{refused:?}");
                model.lock().unwrap().forgeries += 1;
            }
            _ => {
                let legs = invent(&mut rng);
                match insist(&pool, &legs, writer, past.len(), repeatable, &model).await {
                    Ok(posted) => {
                        assert!(posted.fresh);
                        let mut model = model.lock().unwrap();
                        model.journals += 1;
                        for (debit, credit, cents) in &legs {
                            *model.balances.entry(debit.clone()).or_default() -= cents;
                            *model.balances.entry(credit.clone()).or_default() += cents;
                        }
                        past.push((legs, posted.journal));
                    }
                    Err(PostError::Overdrawn) => model.lock().unwrap().overdrafts += 1,
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    }
}

/// Posts, again whenever two transactions met and Postgres asked one of them to start over. A deadlock is no such case: it fails.
async fn insist(
    pool: &PgPool,
    legs: &[Leg],
    writer: u64,
    number: usize,
    repeatable: bool,
    model: &Mutex<Model>,
) -> Result<ledger::Posted, PostError> {
    loop {
        let mut work = Work::begin(pool, now(), Actor::System).await?;
        if repeatable {
            sqlx::raw_sql("set transaction isolation level repeatable read")
                .execute(work.conn())
                .await
                .map_err(Fault::from)?;
        }
        match ledger::post(
            &mut work,
            posting(legs),
            Key::of("fuzz", format!("{writer} {number}")),
        )
        .await
        {
            Err(PostError::Fault(Fault::Database(sqlx::Error::Database(refusal))))
                if refusal.code().as_deref() == Some("40001") =>
            {
                model.lock().unwrap().serialised += 1;
            }
            Ok(posted) => {
                work.commit().await?;
                return Ok(posted);
            }
            Err(other) => return Err(other),
        }
    }
}

fn posting(legs: &[Leg]) -> Posting {
    let mut built: Option<Posting> = None;
    for (debit, credit, cents) in legs {
        let amount = Money::from_cents(*cents);
        let begun = match built {
            None => Posting::of("fuzz_movement", Uuid::nil(), amount),
            Some(posting) => posting.and(amount),
        };
        built = Some(begun.debit(debit.clone()).credit(credit.clone()).unwrap());
    }
    built.unwrap()
}

/// Transfers between wallets, contributions, payouts, top-ups, and journals of three and eight legs in any direction.
fn invent(rng: &mut StdRng) -> Vec<Leg> {
    let cents = rng.random_range(1..50_000);
    let wallet = |rng: &mut StdRng| Account::Wallet(Uuid::from_u128(rng.random_range(1..=WALLETS)));
    let fund = |rng: &mut StdRng| Account::Fund(rng.random_range(1..=2));
    match rng.random_range(0..100) {
        0..35 => vec![between(rng, cents)],
        35..62 => vec![(Account::MpesaPaybill, fund(rng), cents)],
        62..75 => vec![(fund(rng), Account::InFlight(Rail::Mpesa), cents)],
        75..83 => vec![(Account::MpesaPaybill, wallet(rng), cents)],
        83..93 => vec![
            between(rng, cents),
            (wallet(rng), fund(rng), 100),
            (fund(rng), wallet(rng), 50),
        ],
        _ => (0..8).map(|_| between(rng, cents / 8 + 1)).collect(),
    }
}

fn between(rng: &mut StdRng, cents: i64) -> Leg {
    let from = rng.random_range(1..=WALLETS);
    let to = (from + rng.random_range(0..WALLETS - 1)) % WALLETS + 1;
    (
        Account::Wallet(Uuid::from_u128(from)),
        Account::Wallet(Uuid::from_u128(to)),
        cents,
    )
}

/// Rolls every account over and over, and looks at the whole between two rolls.
async fn roll_and_check(pool: PgPool, done: Arc<AtomicBool>) -> u64 {
    let mut checks = 0;
    while !done.load(Ordering::SeqCst) {
        sqlx::query("select ledger.roll(account_id) from ledger.snapshot")
            .execute(&pool)
            .await
            .unwrap();
        let report = verify(&pool).await;
        assert!(
            ledger::Report {
                unexplained_in_flight: 0,
                ..report.clone()
            }
            .is_sound(),
            "{report:?}"
        );
        checks += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    checks
}
