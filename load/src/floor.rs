//! The floor: what a hop costs when nothing is done but what cannot be avoided.
//!
//! A bare axum handler with one Redis round trip per hop; in the mixed run it also makes the Postgres round trips
//! that the same journey cannot do without: one read for a dial, one for a balance, one small transaction for a
//! contribution. No menus, no sessions, no journal, no masking, no PIN.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use redis::aio::ConnectionManager;
use sqlx::PgPool;
use uuid::Uuid;

#[derive(Clone)]
struct Floor {
    redis: ConnectionManager,
    pool: PgPool,
}

pub async fn serve(bind: &str, redis: &str, database: &str) -> anyhow::Result<()> {
    let redis = ConnectionManager::new(redis::Client::open(redis)?).await?;
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(16)
        .connect(database)
        .await?;
    sqlx::query(
        "create table if not exists load_floor (id uuid primary key, amount bigint not null)",
    )
    .execute(&pool)
    .await?;
    let routes = Router::new()
        .route("/navigation/ussd", post(navigation))
        .route("/mixed/ussd", post(mixed))
        .with_state(Floor { redis, pool });
    let listener = tokio::net::TcpListener::bind(bind).await?;
    axum::serve(listener, routes).await?;
    Ok(())
}

async fn navigation(State(mut floor): State<Floor>, body: String) -> String {
    answer(floor.one_trip(&body).await, "CON")
}

async fn mixed(State(mut floor): State<Floor>, body: String) -> String {
    let typed = body
        .split("text=")
        .nth(1)
        .and_then(|text| text.split('&').next())
        .unwrap_or("");
    let trip = floor.one_trip(&body).await;
    let worked = match typed.split("%2A").count() {
        1 if typed.is_empty() => floor.read(&body).await,
        2 if typed.starts_with('1') => floor.read(&body).await,
        3 => floor.write().await,
        _ => Ok(()),
    };
    answer(
        trip.and(worked),
        if typed.split("%2A").count() == 3 {
            "END"
        } else {
            "CON"
        },
    )
}

fn answer(done: anyhow::Result<()>, word: &str) -> String {
    match done {
        Ok(()) => format!(
            "{word} Karibu Amina. Steji ya Kencom\n1 My balances\n2 Contribute\n9 EMERGENCY"
        ),
        Err(error) => format!("FAIL {error}"),
    }
}

impl Floor {
    async fn one_trip(&mut self, body: &str) -> anyhow::Result<()> {
        let session = body
            .split("sessionId=")
            .nth(1)
            .and_then(|rest| rest.split('&').next())
            .unwrap_or("none");
        let value = [b'x'; 400];
        let () = redis::cmd("SET")
            .arg(session)
            .arg(&value[..])
            .arg("EX")
            .arg(300)
            .query_async(&mut self.redis)
            .await?;
        Ok(())
    }

    async fn read(&self, body: &str) -> anyhow::Result<()> {
        let msisdn = body
            .split("phoneNumber=%2B")
            .nth(1)
            .and_then(|rest| rest.split('&').next())
            .unwrap_or("");
        sqlx::query("select id, first_name, status, stage_id from member where msisdn = $1")
            .bind(msisdn)
            .fetch_optional(&self.pool)
            .await?;
        Ok(())
    }

    async fn write(&self) -> anyhow::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("insert into load_floor (id, amount) values ($1, 20000)")
            .bind(Uuid::now_v7())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}
