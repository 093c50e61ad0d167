//! The processes of one run, and what can be done to them.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kwastage::app;
use kwastage::config::Config;
use kwastage::schema;
use serde_json::json;
use services::{DATABASE, Durability, Private, Signal, die_with_parent};
use simulators::{Running, Settings, Simulators, Timings};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::line::{Line, Trouble};

pub struct House {
    pub outside: Running,
    pub gateway_url: String,
    pub http: reqwest::Client,
    /// Between our processes and Postgres.
    pub postgres: Line,
    /// Our own way to it, past the line.
    pool: PgPool,
    redis: redis::Client,
    gateway: Option<Child>,
    worker: Option<Child>,
    variables: Vec<(String, String)>,
    folder: PathBuf,
    _private: Private,
}

impl House {
    pub async fn open() -> House {
        let name = format!("kwastage-chaos-{}", uuid::Uuid::new_v4().simple());
        let folder = std::env::temp_dir().join(name);
        let private = Private::start(&folder.join("services"), Durability::Fast).unwrap();
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .test_before_acquire(true)
            .connect_lazy(&private.postgres_url(DATABASE))
            .unwrap();
        seed(&pool).await;

        let outside = Simulators::start(Settings {
            bind: ([127, 0, 0, 1], 0).into(),
            timings: Timings::brisk(),
            ..Settings::default()
        })
        .await
        .unwrap();
        let gateway = free_address();
        let gateway_url = format!("http://{gateway}");
        outside.set_gateway(&gateway_url);

        let mut url = reqwest::Url::parse(&private.postgres_url(DATABASE)).unwrap();
        let server = format!("127.0.0.1:{}", url.port().unwrap());
        let postgres = Line::to(server).await;
        url.set_port(Some(postgres.port)).unwrap();
        let variables = [
            ("HTTP__BIND", gateway),
            ("DATABASE__URL", url.to_string()),
            ("DATABASE__MAX_CONNECTIONS", "8".to_owned()),
            // Two cores run all of it, and perhaps other tests beside it.
            ("USSD__HOP_BUDGET_MS", "6000".to_owned()),
            ("REDIS__URL", private.redis_url()),
            ("AFRICASTALKING__BASE_URL", outside.base_url.clone()),
            ("TWILIO__BASE_URL", outside.base_url.clone()),
            ("TWILIO__CALLBACK_BASE", gateway_url.clone()),
            ("MPESA__BASE_URL", outside.base_url.clone()),
            ("MPESA__CALLBACK_BASE", gateway_url.clone()),
            (
                "EMERGENCIES__SPOOL",
                folder.join("spool").display().to_string(),
            ),
        ]
        .map(|(name, value)| (format!("KWASTAGE_{name}"), value))
        .to_vec();
        let mut house = House {
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(10))
                .build()
                .unwrap(),
            redis: redis::Client::open(private.redis_url()).unwrap(),
            outside,
            gateway_url,
            postgres,
            pool,
            gateway: None,
            worker: None,
            variables,
            folder,
            _private: private,
        };
        house.start_worker();
        house.start_gateway().await;
        house
    }

    pub async fn start_gateway(&mut self) {
        self.gateway = Some(self.process(&["serve", "--no-worker"], "gateway.log"));
        let began = Instant::now();
        let health = format!("{}/health", self.gateway_url);
        while self.http.get(&health).send().await.is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "the gateway does not come up: {}",
                self.last_words()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn start_worker(&mut self) {
        self.worker = Some(self.process(&["worker"], "worker.log"));
    }

    pub fn kill_gateway(&mut self) {
        end(self.gateway.take());
    }

    pub fn kill_worker(&mut self) {
        end(self.worker.take());
    }

    fn process(&self, arguments: &[&str], log: &str) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(log))
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kwastage"));
        command
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        die_with_parent(&mut command, Signal::KILL);
        command.spawn().unwrap()
    }

    /// A server process dies by a signal: Postgres throws everybody out and recovers.
    pub async fn crash_postgres(&self) {
        let Ok(mut conn) = self.pool.acquire().await else {
            return;
        };
        let victim: Result<i32, sqlx::Error> = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut *conn)
            .await;
        if let Ok(victim) = victim {
            let killed = Command::new("kill")
                .args(["-9", &victim.to_string()])
                .status();
            assert!(killed.unwrap().success());
        }
    }

    pub async fn redis(&self, command: &[&str]) {
        let Ok(mut connection) = self.redis.get_multiplexed_async_connection().await else {
            return;
        };
        let mut asked = redis::cmd(command[0]);
        asked.arg(&command[1..]);
        let _: Result<String, _> = asked.query_async(&mut connection).await;
    }

    /// Trouble at the provider, so many times.
    pub async fn provider(&self, what: &str, times: u32) {
        let ordered = self
            .http
            .post(format!("{}/faults", self.outside.base_url))
            .json(&json!({"what": what, "times": times}))
            .send();
        assert!(ordered.await.unwrap().status().is_success());
    }

    /// Everything is up again and nothing is ordered any more.
    pub async fn put_right(&mut self) {
        self.postgres.is(Trouble::None);
        let _ = self
            .http
            .delete(format!("{}/faults", self.outside.base_url))
            .send()
            .await;
        if self.gateway.is_none() {
            self.start_gateway().await;
        }
        if self.worker.is_none() {
            self.start_worker();
        }
    }

    /// What stands in the spool's files, of the living and the dead.
    pub fn spooled_bytes(&self) -> u64 {
        let entries = fs::read_dir(self.folder.join("spool"))
            .into_iter()
            .flatten();
        let files = entries.filter_map(Result::ok).map(|entry| entry.path());
        files
            .filter(|path| path.extension().is_some_and(|ending| ending == "spool"))
            .map(|path| fs::metadata(path).map_or(0, |file| file.len()))
            .sum()
    }

    pub async fn cases_of(&self, msisdn: &str) -> Result<i64, String> {
        sqlx::query_scalar("select count(*) from emergency where msisdn = $1")
            .bind(msisdn)
            .fetch_one(&self.pool)
            .await
            .map_err(|error| error.to_string())
    }

    pub async fn messages_on_their_way(&self) -> Result<i64, String> {
        sqlx::query_scalar(
            "select count(*) from outbox where state in ('queued', 'sending') and class = 'emergency'",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(|error| error.to_string())
    }

    pub async fn count(&self, table: &str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}")))
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// The ends of the logs, for a run that went wrong.
    pub fn last_words(&self) -> String {
        let end_of = |log: &str| {
            let text = fs::read_to_string(self.folder.join(log)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(12).collect();
            format!("{log}:\n{}\n", lines.join("\n"))
        };
        end_of("gateway.log") + &end_of("worker.log")
    }

    pub async fn close(mut self) {
        self.kill_gateway();
        self.kill_worker();
        self.pool.close().await;
        let folder = self.folder.clone();
        drop(self);
        remove(&folder);
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.kill_gateway();
        self.kill_worker();
    }
}

fn end(process: Option<Child>) {
    if let Some(mut process) = process {
        let _ = process.kill();
        let _ = process.wait();
    }
}

fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

async fn seed(pool: &PgPool) {
    schema::migrate(&mut pool.acquire().await.unwrap())
        .await
        .unwrap();
    let config = Config::read(None, []).unwrap();
    let (keys, desk) = (app::member_keys(&config), app::pin_desk(&config));
    let now = kwastage::clock::Clock::System.now();
    kwastage::seed::world(pool, &keys, &desk, now)
        .await
        .unwrap();
}
