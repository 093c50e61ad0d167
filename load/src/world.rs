//! Everything one run stands on, started for it and ended with it.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use kwastage::config::Config;
use kwastage::{app, schema, seed};
use services::{DATABASE, Durability, Private, Service, Signal};
use sqlx::{Connection, Executor, PgConnection, PgPool};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Plan, process, riders};

/// The database with the seeded riders. Each run works on a copy, so that no run finds another's payments open.
const SEEDED: &str = "seeded";
const RUN: &str = "load_run";
/// How long a server may take to answer its first request.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct World {
    private: Private,
    plan: Plan,
}

impl World {
    pub async fn start(plan: &Plan) -> anyhow::Result<World> {
        let private = Private::start(&plan.folder, Durability::Real)?;
        let world = World {
            private,
            plan: plan.clone(),
        };
        world.seed().await.context("seeding the riders")?;
        Ok(world)
    }

    async fn seed(&self) -> anyhow::Result<()> {
        let mut clerk = PgConnection::connect(&self.private.postgres_url(DATABASE)).await?;
        let exists: bool =
            sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
                .bind(SEEDED)
                .fetch_one(&mut clerk)
                .await?;
        if !exists {
            clerk.execute("create database seeded").await?;
        }
        let seeded = self.private.postgres_url(SEEDED);
        schema::migrate(&mut schema::connect(&seeded).await?).await?;
        let pool = PgPool::connect(&seeded).await?;
        let config = Config::read(None, [])?;
        let now = kwastage::clock::Clock::System.now();
        let people = seed::world(
            &pool,
            &app::member_keys(&config),
            &app::pin_desk(&config),
            now,
        )
        .await?;
        seed::money(&pool, &people, now).await?;
        riders::seed(&pool, self.plan.riders).await?;
        pool.close().await;
        clerk
            .execute("drop database if exists load_run with (force)")
            .await?;
        clerk
            .execute("create database load_run template seeded")
            .await?;
        let redis = redis::Client::open(self.private.redis_url())?;
        let mut redis = redis.get_multiplexed_async_connection().await?;
        redis::cmd("FLUSHALL").exec_async(&mut redis).await?;
        Ok(())
    }

    /// The gateway, on a free port, logging into the run's folder.
    pub async fn gateway(&self) -> anyhow::Result<Server> {
        let mut arguments = vec!["serve"];
        if self.plan.no_worker {
            arguments.push("--no-worker");
        }
        self.server("kwastage", &arguments, "KWASTAGE_HTTP__BIND", &[])
            .await
    }

    /// The same with settings of its own, such as `("SMS__SHORT_CODE", "22384")`.
    pub async fn gateway_with(&self, settings: &[(&str, String)]) -> anyhow::Result<Server> {
        self.server("kwastage", &["serve"], "KWASTAGE_HTTP__BIND", settings)
            .await
    }

    /// Connections to the run's database, beside the gateway's.
    pub async fn pool(&self) -> anyhow::Result<PgPool> {
        Ok(PgPool::connect(&self.private.postgres_url(RUN)).await?)
    }

    pub async fn floor(&self) -> anyhow::Result<Server> {
        self.server("load", &["floor"], "", &[]).await
    }

    async fn server(
        &self,
        program: &str,
        arguments: &[&str],
        bind: &str,
        settings: &[(&str, String)],
    ) -> anyhow::Result<Server> {
        let path = std::env::current_exe()?.with_file_name(program);
        ensure!(
            path.is_file(),
            "there is no {}; `make load` builds it",
            path.display()
        );
        let address = format!("127.0.0.1:{}", free_port()?);
        let log = File::create(self.plan.folder.join(format!("{program}.log")))?;
        let mut command = Command::new(path);
        command
            .args(arguments)
            .env("KWASTAGE_DATABASE__URL", self.private.postgres_url(RUN))
            .env("KWASTAGE_REDIS__URL", self.private.redis_url())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        for (name, value) in settings {
            command.env(format!("KWASTAGE_{name}"), value);
        }
        match bind {
            "" => command.arg(&address),
            variable => command.env(variable, &address),
        };
        let spawned = Instant::now();
        // On the thread that runs `main`, which outlives it.
        let service = Service::spawn(command, Signal::TERM)?;
        let mut server = Server {
            service,
            address,
            start: Duration::ZERO,
        };
        while !server.answers().await {
            ensure!(
                spawned.elapsed() < PATIENCE && server.service.ended()?.is_none(),
                "{program} did not come up; see {}",
                self.plan.folder.display()
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.start = spawned.elapsed();
        Ok(server)
    }

    pub fn postgres(&self) -> anyhow::Result<u32> {
        process::child_named("postgres")
    }

    pub fn redis(&self) -> anyhow::Result<u32> {
        process::child_named("redis-server")
    }
}

/// A server under load.
pub struct Server {
    service: Service,
    pub address: String,
    /// From its start as a process to its first answer.
    pub start: Duration,
}

impl Server {
    pub fn id(&self) -> u32 {
        self.service.id()
    }

    /// Whether anything HTTP comes back from `/health`.
    async fn answers(&self) -> bool {
        let asked = async {
            let mut stream = TcpStream::connect(&self.address).await?;
            stream
                .write_all(b"GET /health HTTP/1.1\r\nHost: load\r\nConnection: close\r\n\r\n")
                .await?;
            let mut answer = [0; 8];
            stream.read_exact(&mut answer).await?;
            Ok::<bool, std::io::Error>(answer == *b"HTTP/1.1")
        };
        asked.await.unwrap_or(false)
    }

    /// Asks it to stop, as an operator would, and waits until it has; says how long that took.
    pub async fn stop(self) -> anyhow::Result<Duration> {
        let asked = Instant::now();
        tokio::task::spawn_blocking(move || drop(self.service)).await?;
        Ok(asked.elapsed())
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
