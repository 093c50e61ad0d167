//! `kwastage demo`: the product with its whole world on one machine, and nothing left behind.
//!
//! A private Postgres and Redis, a seeded world, the gateway with its worker in this process, and the simulators beside it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use secrecy::ExposeSecret;
use services::{DATABASE, Durability, Private, Service};
use sqlx::migrate::MigrateDatabase;
use sqlx::{PgPool, Postgres};
use tokio_util::sync::CancellationToken;

use super::{asked_to_stop, paybill, story};
use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::staff::{self, AccountName, PasswordDesk};
use crate::{schema, seed};

/// Everything the demo keeps, ignored by git.
const FOLDER: &str = ".kwastage/demo";
/// The story's own, so that it begins anew each time and a played-in demo world stays as it is.
const STORY_FOLDER: &str = ".kwastage/story";
/// The demo's configuration for other commands, to be read by a shell.
const VARIABLES: &str = "variables";
/// The gateway's three streams, in either folder.
const LOG: &str = "log";
/// What the demo's desk is opened with, for who starts it again.
const DESK: &str = "desk";
/// Alarms that Postgres could not take.
const SPOOL: &str = "spool";
const GATEWAY: &str = "127.0.0.1:8080";
const SIMULATORS: &str = "127.0.0.1:8090";
/// How long either may take to answer its first request.
const PATIENCE: Duration = Duration::from_secs(20);
/// Njeri, who would be called if anything about our records had to be asked.
const OFFICIAL: &str = "254711000005";

/// Runs the demo until somebody stops it; with `once`, plays the story and returns how it went.
///
/// `seed` fills an empty world and leaves a filled one alone. `serve` is the gateway and its worker until the token says stop.
///
/// # Errors
/// A package is missing, a port of the demo is taken, something did not come up, or a step of the story came out wrong.
pub async fn run<Seed, Serve, Serving>(once: bool, seed: Seed, serve: Serve) -> anyhow::Result<()>
where
    Seed: AsyncFnOnce(&PgPool, &Config) -> anyhow::Result<()>,
    Serve: FnOnce(Arc<Config>, CancellationToken) -> Serving,
    Serving: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    for address in [GATEWAY, SIMULATORS] {
        // Before anything is started: what listens there already would be taken for ours.
        TcpListener::bind(address)
            .with_context(|| format!("the demo needs {address}, and it is taken"))?;
    }
    let folder = Path::new(if once { STORY_FOLDER } else { FOLDER });
    let world = Private::start(folder, Durability::Real)?;
    if once {
        // The last story's lines would be searched again.
        let _ = std::fs::remove_dir_all(folder.join(LOG));
    }
    let settings = settings(&world, folder, once);
    let config = Arc::new(Config::read(None, settings.clone())?);
    write_variables(&folder.join(VARIABLES), &settings)?;
    let pool = prepared(&config, once).await?;
    seed(&pool, &config).await.context("seeding the world")?;
    let desk = if once {
        String::new()
    } else {
        desk(folder, &pool, &config).await?
    };

    let mut simulators = start_simulators(folder)?;
    let stop = CancellationToken::new();
    let mut gateway = tokio::spawn(serve(Arc::clone(&config), stop.clone()));
    let told = tokio::select! {
        ended = &mut gateway => ended.context("the gateway")?.and_then(|()| bail!("the gateway ended by itself")),
        told = shown(once, &pool, &config, &settings, &desk, &mut simulators) => told,
    };

    // The other way round than it came up: the gateway finishes what it has begun while all it stands on is there.
    stop.cancel();
    if !gateway.is_finished() {
        gateway.await.context("the gateway")??;
    }
    pool.close().await;
    drop(simulators);
    drop(world);
    told?;
    if once {
        story::find_no_secret_in(&folder.join(LOG))?;
    }
    Ok(())
}

/// The demo's configuration as the environment would give it. The variables of the person at the terminal stay out.
fn settings(world: &Private, folder: &Path, once: bool) -> Vec<(String, String)> {
    let log = folder.join(LOG).display().to_string();
    [
        ("KWASTAGE_HTTP__BIND", GATEWAY.to_owned()),
        ("KWASTAGE_DATABASE__URL", world.postgres_url(DATABASE)),
        ("KWASTAGE_REDIS__URL", world.redis_url()),
        ("KWASTAGE_LOG__FOLDER", log),
        // Whoever tries it out does not want to wait for minutes until the next rung hears of an alarm; the story is told
        // faster still.
        (
            "KWASTAGE_EMERGENCIES__WIDER_AFTER_S",
            if once { "10" } else { "30" }.to_owned(),
        ),
        ("KWASTAGE_EMERGENCIES__CALLS_AFTER_S", "60".to_owned()),
        ("KWASTAGE_EMERGENCIES__DESK_AFTER_S", "90".to_owned()),
        ("KWASTAGE_EMERGENCIES__AGAIN_EVERY_S", "30".to_owned()),
        ("KWASTAGE_EMERGENCIES__CALL_AGAIN_AFTER_S", "45".to_owned()),
        (
            "KWASTAGE_EMERGENCIES__DRILL_PHONE",
            "254711000099".to_owned(),
        ),
        (
            "KWASTAGE_EMERGENCIES__SPOOL",
            folder.join(SPOOL).display().to_string(),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Readable by whoever started the demo only: the addresses hold passwords.
fn write_variables(path: &Path, settings: &[(String, String)]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    settings
        .iter()
        .try_for_each(|(name, value)| writeln!(file, "export {name}='{value}'"))?;
    Ok(())
}

/// The lines that say how to sign in at the desk. The account is made once; its secrets stand in a file that nobody else can
/// read, since the database does not give them out.
async fn desk(folder: &Path, pool: &PgPool, config: &Config) -> anyhow::Result<String> {
    let path = folder.join(DESK);
    let name = AccountName::parse("demo")?;
    let known = staff::account_by_name(&mut *pool.acquire().await?, &name).await?;
    if let (Some(_), Ok(lines)) = (known, std::fs::read_to_string(&path)) {
        return Ok(lines);
    }
    let keys = app::staff_keys(config);
    let passwords = PasswordDesk::new(&keys);
    let now = Clock::System.now();
    let account = seed::desk_account(pool, &keys, &passwords, now).await?;
    let secret = account.authenticator.base32();
    let lines = format!(
        "  Sign in there as       {}, password {}\n  authenticator secret   {}; without an app, the digits of now:\n    target/debug/kwastage staff digits {}\n",
        account.name,
        account.password.expose(),
        secret.expose(),
        secret.expose(),
    );
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(lines.as_bytes())?;
    Ok(lines)
}

async fn prepared(config: &Config, anew: bool) -> anyhow::Result<PgPool> {
    let url = config.database.url.expose_secret();
    if anew {
        Postgres::drop_database(url).await?;
        Postgres::create_database(url).await?;
        let mut redis = redis::Client::open(config.redis.url.expose_secret())?
            .get_multiplexed_async_connection()
            .await?;
        redis::cmd("FLUSHALL").exec_async(&mut redis).await?;
    }
    schema::migrate(&mut schema::connect(url).await?)
        .await
        .context("migrating")?;
    Ok(PgPool::connect(url).await?)
}

/// The simulators were built beside this program.
fn start_simulators(folder: &Path) -> anyhow::Result<Service> {
    let program = std::env::current_exe()?.with_file_name("simulators");
    ensure!(
        program.is_file(),
        "there is no {}; build it with `cargo build --workspace`",
        program.display()
    );
    let log = File::create(folder.join("simulators.log"))?;
    let mut command = Command::new(program);
    command
        .arg("serve")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    // On the main thread, which outlives them.
    Service::spawn(command, services::Signal::TERM)
}

async fn shown(
    once: bool,
    pool: &PgPool,
    config: &Config,
    settings: &[(String, String)],
    desk: &str,
    simulators: &mut Service,
) -> anyhow::Result<()> {
    answers(&format!("http://{GATEWAY}/health"), simulators).await?;
    answers(&format!("http://{SIMULATORS}/"), simulators).await?;
    // From here on every payment is reported twice, by callback and as a payment to the paybill.
    println!("  {}", paybill::register(config).await?);
    println!("  {}", paybill::register_pull(config, OFFICIAL).await?);
    if once {
        story::play(&format!("http://{SIMULATORS}"), settings, async |last| {
            ledger_after(pool, last).await
        })
        .await?;
        return told_twice_and_credited_once(pool).await;
    }
    println!();
    println!("  The phones are at      http://{SIMULATORS}/");
    println!("  or in a terminal:      cargo run -p simulators -- phone 254711000001");
    println!("  Dial *384*123#. Amina (254711000001) and Juma (254711000002) have the PIN 4826;");
    println!("  254711000009 is nobody yet and may join. Who joins is approved at the desk:");
    println!("    . {FOLDER}/{VARIABLES} && target/debug/kwastage members approve 254711000009");
    println!("  The desk's API is at   http://{GATEWAY}/docs");
    print!("{desk}");
    println!("  Logs are in {FOLDER}/. Ctrl-C stops everything.");
    asked_to_stop().await?;
    println!("\n  Stopping.");
    Ok(())
}

async fn answers(url: &str, simulators: &mut Service) -> anyhow::Result<()> {
    let asked = async {
        while reqwest::get(url).await.is_err() {
            if let Some(end) = simulators.ended()? {
                bail!(
                    "the simulators ended at their start ({end}); see simulators.log in the demo's folder"
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .with_context(|| format!("{url} does not answer"))?
}

/// Waits until every payment of the story was also confirmed as a payment to the paybill, and counts the credits.
async fn told_twice_and_credited_once(pool: &PgPool) -> anyhow::Result<()> {
    let all_confirmed = async {
        // Not the checked macro: the demo is a spectator here too.
        let confirmed = "select count(*) = count(*) filter (where exists
                (select from evidence e where e.attempt_id = a.id and e.source = 'paybill' and e.applied_at is not null))
             from attempt a where a.state = 'paid' and a.submitted_at is not null";
        while !sqlx::query_scalar::<_, bool>(confirmed)
            .fetch_one(pool)
            .await?
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, all_confirmed)
        .await
        .context("the paybill's confirmation of a payment did not come")??;
    let (payments, credits, reports): (i64, i64, i64) = sqlx::query_as(
        "select count(*), coalesce(sum((select count(*) from inflow i where i.attempt_id = a.id)), 0)::bigint,
                coalesce(sum((select count(*) from evidence e where e.attempt_id = a.id and e.source in ('callback', 'paybill'))), 0)::bigint
         from attempt a where a.state = 'paid' and a.submitted_at is not null",
    )
    .fetch_one(pool)
    .await?;
    ensure!(
        payments > 0 && payments == credits,
        "{payments} payments brought {credits} credits"
    );
    ensure!(
        reports >= 2 * payments,
        "{payments} payments were reported {reports} times only"
    );
    println!("\n  M-PESA told of {payments} payments {reports} times; each was credited once.");
    Ok(())
}

/// What the ledger has written since that journal, one line a posting.
async fn ledger_after(pool: &PgPool, journal: i64) -> anyhow::Result<Vec<story::LedgerLine>> {
    // Not the checked macro: the story is a spectator and takes the rows as text.
    let rows: Vec<(i64, String, String, String, i64)> = sqlx::query_as(
        "select j.id, j.kind, concat_ws(' ', d.kind, left(d.owner, 8)), concat_ws(' ', c.kind, left(c.owner, 8)), p.cents
         from ledger.posting p
         join ledger.journal j on j.id = p.journal_id
         join ledger.account d on d.id = p.debit_id
         join ledger.account c on c.id = p.credit_id
         where j.id > $1 order by j.id, p.leg",
    )
    .bind(journal)
    .fetch_all(pool)
    .await
    .context("reading the ledger")?;
    Ok(rows
        .into_iter()
        .map(|(journal, kind, debit, credit, cents)| story::LedgerLine {
            journal,
            kind,
            debit,
            credit,
            cents,
        })
        .collect())
}
