//! A seeded database for each world: a copy of one that is seeded once for each build of the test.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use kwastage::schema;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio::sync::OnceCell;

use super::line::Line;

/// Dropped, with everybody thrown out of it, when this is.
pub struct Database {
    /// Empty once it is dropped.
    name: String,
}

static SEEDED: OnceCell<String> = OnceCell::const_new();
static COPIES: AtomicU32 = AtomicU32::new(0);

impl Database {
    pub async fn seeded() -> Database {
        let template = SEEDED.get_or_init(seeded).await;
        let copy = COPIES.fetch_add(1, Ordering::Relaxed);
        let name = format!("kwa_world_{}_{copy}", std::process::id());
        let mut server = server().await;
        run(&mut server, &dropping(&name)).await;
        run(
            &mut server,
            &format!("create database {name} template {template}"),
        )
        .await;
        Database { name }
    }

    pub fn pool(&self) -> PgPool {
        pool(&self.name)
    }

    /// As the product's own pool, over a line that can be troubled.
    pub fn pool_over(&self, line: &Line) -> PgPool {
        PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(1))
            .test_before_acquire(false)
            .connect_lazy_with(
                options()
                    .database(&self.name)
                    .host("127.0.0.1")
                    .port(line.port)
                    .options([
                        ("statement_timeout", "2000"),
                        ("lock_timeout", "500"),
                        ("idle_in_transaction_session_timeout", "5000"),
                    ]),
            )
    }

    pub async fn take_away(mut self) {
        let name = std::mem::take(&mut self.name);
        run(&mut server().await, &dropping(&name)).await;
    }
}

fn dropping(name: &str) -> String {
    format!("drop database if exists {name} with (force)")
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.name.is_empty() {
            return;
        }
        let drop_it = dropping(&self.name);
        // The test's own runtime may be going down with us.
        let dropping = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(async { run(&mut server().await, &drop_it).await });
        });
        let _ = dropping.join();
    }
}

/// The name of the seeded template. Another build of this test makes its own and takes the old one away.
async fn seeded() -> String {
    let program = std::env::current_exe().unwrap();
    let built = program.metadata().unwrap().modified().unwrap();
    let built = built.duration_since(UNIX_EPOCH).unwrap().as_millis();
    // Another checkout may use the same server.
    let mut checkout = DefaultHasher::new();
    env!("CARGO_MANIFEST_DIR").hash(&mut checkout);
    let family = format!("kwa_seeded_{:08x}_", checkout.finish() as u32);
    let name = format!("{family}{built}");
    let mut server = server().await;
    // Another process of the same build waits and finds it done.
    run(&mut server, "select pg_advisory_lock(20261120)").await;
    let there: Vec<String> =
        sqlx::query_scalar("select datname from pg_database where starts_with(datname, $1)")
            .bind(&family)
            .fetch_all(&mut server)
            .await
            .unwrap();
    for old in there.iter().filter(|old| **old != name) {
        run(&mut server, &dropping(old)).await;
    }
    if !there.contains(&name) {
        let begun = format!("{family}begun");
        run(&mut server, &format!("create database {begun}")).await;
        let pool = pool(&begun);
        schema::migrate(&mut pool.acquire().await.unwrap())
            .await
            .unwrap();
        super::seed(&pool).await;
        pool.close().await;
        run(
            &mut server,
            &format!("alter database {begun} rename to {name}"),
        )
        .await;
    }
    server.close().await.unwrap();
    name
}

fn pool(database: &str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(8)
        .acquire_timeout(Duration::from_secs(20))
        .test_before_acquire(false)
        .connect_lazy_with(options().database(database))
}

/// Where the server of the tests listens.
pub fn server_address() -> String {
    let options = options();
    format!("{}:{}", options.get_host(), options.get_port())
}

async fn server() -> PgConnection {
    options().database("postgres").connect().await.unwrap()
}

fn options() -> PgConnectOptions {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL names the Postgres of the tests");
    PgConnectOptions::from_str(&url).unwrap()
}

async fn run(server: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
        .execute(server)
        .await
        .unwrap();
}
