//! A ledger of many years: how long it takes to verify every posting of it, and what a page of a statement costs in it.

use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;
use kwastage::clock::Clock;
use kwastage::{ledger, wallet, welfare};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::Plan;
use crate::money::drawn;
use crate::world::World;

/// What one run measures.
#[derive(Clone, Debug, Args)]
pub struct Asked {
    /// How many postings the ledger holds.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    postings: u64,
    /// Members, each with a wallet.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    members: u32,
    /// Pages of statements that are read.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    pages: u32,
}

/// Postings in one transaction of the filling.
const PORTION: u64 = 250_000;

/// Measures everything and prints it as it comes; gives the number of errors.
pub async fn measure(plan: &Plan, asked: &Asked) -> anyhow::Result<u64> {
    let plan = Plan {
        riders: asked.members,
        ..plan.clone()
    };
    let world = World::start(&plan).await?;
    let pool = world.pool().await?;
    let began = Instant::now();
    fill(&pool, asked.postings).await?;
    println!(
        "{} postings of {} members, filled in {:.0} s",
        asked.postings,
        asked.members,
        began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    let report = ledger::verify_whole(&pool).await?;
    let verdict = if report.is_sound() {
        "sound"
    } else {
        "NOT SOUND"
    };
    println!(
        "verified in {:.1} s: {verdict}",
        began.elapsed().as_secs_f64()
    );

    let mut conn = pool.acquire().await?;
    println!("\na page of a statement      p50 ms   p99 ms   max ms");
    let members: Vec<Uuid> =
        sqlx::query_scalar("select id from member where joining_key like 'load:%'")
            .fetch_all(&mut *conn)
            .await?;
    let stages: Vec<i32> = sqlx::query_scalar("select id from stage")
        .fetch_all(&mut *conn)
        .await?;
    let mut wallets = Histogram::<u64>::new(3)?;
    let mut funds = Histogram::<u64>::new(3)?;
    for _ in 0..asked.pages {
        let began = Instant::now();
        wallet::lines(&mut conn, *drawn(&members)).await?;
        wallets.record(micros(began.elapsed()))?;
        let began = Instant::now();
        welfare::fund_statement(&mut conn, *drawn(&stages), Clock::System.now()).await?;
        funds.record(micros(began.elapsed()))?;
    }
    for (name, took) in [("of a wallet", wallets), ("of a fund", funds)] {
        let ms = |micros: u64| micros as f64 / 1e3;
        println!(
            "{name:<24} {:>8.2} {:>8.2} {:>8.2}",
            ms(took.value_at_quantile(0.5)),
            ms(took.value_at_quantile(0.99)),
            ms(took.max())
        );
    }
    Ok(u64::from(!report.is_sound()))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Writes the postings in bulk, past the triggers, and the balances that belong to them afterwards. What stands there in the end is
/// what the deeds would have left; `verify` is the judge of that.
async fn fill(pool: &PgPool, postings: u64) -> anyhow::Result<()> {
    let mut clerk = pool.acquire().await?.detach();
    run(&mut clerk, PLACES).await?;
    for from in (0..postings).step_by(PORTION as usize) {
        let to = (from + PORTION).min(postings) - 1;
        let portion = PORTION_SQL
            .replace("{from}", &from.to_string())
            .replace("{to}", &to.to_string())
            .replace("{all}", &postings.to_string());
        run(&mut clerk, &portion).await?;
    }
    run(&mut clerk, BALANCES).await?;
    run(&mut clerk, "reset session_replication_role").await?;
    sqlx::query("vacuum analyze").execute(&mut clerk).await?;
    sqlx::query("select ledger.roll(account_id) from ledger.snapshot")
        .execute(&mut clerk)
        .await?;
    Ok(())
}

async fn run(clerk: &mut PgConnection, sql: &str) -> anyhow::Result<()> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(clerk)
        .await?;
    Ok(())
}

/// Who has an account, each with a number.
const PLACES: &str = "
    select ledger.accounts_for(array_agg('wallet'::text), array_agg(id::text), 'KES') from member;
    select ledger.accounts_for(array_agg('fund'::text), array_agg(id::text), 'KES') from stage;
    select ledger.accounts_for(array['mpesa_paybill'], array[''], 'KES');
    set session_replication_role = replica;
    set synchronous_commit = off;
    create temporary table rider as
        select row_number() over (order by m.id) - 1 as place, m.id as member, a.id as account
        from member m join ledger.account a on a.kind = 'wallet' and a.owner = m.id::text;
    create temporary table fund as
        select row_number() over (order by s.id) - 1 as place, s.id as stage, a.id as account
        from stage s join ledger.account a on a.kind = 'fund' and a.owner = s.id::text;
    create index on rider (place);
    create index on fund (place);
    analyze rider, fund";

/// Of twenty postings twelve are contributions, five top-ups of a wallet and three transfers to the next one.
const PORTION_SQL: &str = "
    with drawn as (
        select i, i % 20 < 12 as contributes, i % 20 < 17 as comes_in,
               timestamptz '2026-01-01' + i * (interval '300 days' / {all}) as at,
               r.member, r.account, t.member as to_member, t.account as to_account, f.stage, f.account as fund
        from generate_series({from}, {to}) i
        join rider r on r.place = i / 20 % (select count(*) from rider)
        join rider t on t.place = (i / 20 + 1) % (select count(*) from rider)
        join fund f on f.place = i % (select count(*) from fund)
    ), journals as (
        insert into ledger.journal (kind, scope, key, cause, at)
        select case when contributes then 'contribution_received' when comes_in then 'wallet_topped_up' else 'wallet_sent' end,
               'filled', i::text, md5(i::text)::uuid, at
        from drawn returning id, key::bigint as i
    ), legs as (
        insert into ledger.posting (journal_id, leg, debit_id, credit_id, currency, cents)
        select j.id, 1, case when comes_in then (select id from ledger.account where kind = 'mpesa_paybill') else account end,
               case when contributes then fund when comes_in then account else to_account end, 'KES',
               case when comes_in then 20000 else 100 end
        from drawn join journals j using (i)
    ), book as (
        insert into fund_movement (stage_id, at, direction, cents, what, member_id, journal_id)
        select stage, at, 'in', 20000, 'contribution', member, j.id from drawn join journals j using (i) where contributes
    )
    insert into wallet_movement (member_id, at, direction, cents, what, other_id, journal_id)
    select member, at, case when comes_in then 'in' else 'out' end, case when comes_in then 20000 else 100 end,
           case when comes_in then 'top_up' else 'sent' end, case when comes_in then null else to_member end, j.id
    from drawn join journals j using (i) where not contributes
    union all
    select to_member, at, 'in', 100, 'received', member, j.id from drawn join journals j using (i) where not comes_in";

const BALANCES: &str = "
    with flow as (
        select account_id, sum(cents)::bigint as net
        from (select credit_id as account_id, cents from ledger.posting union all select debit_id, -cents from ledger.posting) sides
        group by account_id)
    update ledger.running_balance b set posted = flow.net from flow where flow.account_id = b.account_id;
    select ledger.rewind()";
