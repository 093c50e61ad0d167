//! The floor: what a hop costs when nothing is done but what cannot be avoided.
//!
//! A bare axum handler with one Redis round trip per hop and nothing else. For the mixed journeys it also makes the
//! Postgres round trips that the same journeys cannot do without: one read for a dial, one for a balance, one small
//! transaction for a contribution; and on a third path the hashing that a PIN costs, on as many threads as the gateway
//! has for it. No menus, no sessions, no journal, no masking.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use kwastage::members::{MemberId, PinDesk};
use kwastage::primitives::Secret;
use redis::aio::ConnectionManager;
use sqlx::PgPool;
use uuid::Uuid;

use crate::journey::PIN;
use crate::riders;

#[derive(Clone)]
struct Floor {
    redis: ConnectionManager,
    pool: PgPool,
    pins: PinDesk,
}

/// Serves until it is ended. Finds Postgres and Redis as the gateway does.
pub async fn serve(bind: &str) -> anyhow::Result<()> {
    let url = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let redis = redis::Client::open(url("KWASTAGE_REDIS__URL")?)?;
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(20)
        .test_before_acquire(false)
        .connect(&url("KWASTAGE_DATABASE__URL")?)
        .await?;
    sqlx::query(
        "create table if not exists load_floor (id uuid primary key, amount bigint not null)",
    )
    .execute(&pool)
    .await?;
    let floor = Floor {
        redis: ConnectionManager::new(redis).await?,
        pool,
        pins: riders::desk(1)?,
    };
    let routes = Router::new()
        .route("/navigation", post(navigation))
        .route("/mixed", post(mixed))
        .route("/mixed-with-pin", post(mixed_with_pin))
        .with_state(Arc::new(floor));
    let listener = tokio::net::TcpListener::bind(bind).await?;
    axum::serve(listener, routes).await?;
    Ok(())
}

/// A hop of the generator's as far as the floor looks at it.
struct Hop<'b> {
    msisdn: &'b str,
    session: &'b str,
    typed: &'b str,
}

impl<'b> Hop<'b> {
    fn read(body: &'b str) -> Hop<'b> {
        let field = |name: &str| {
            let behind = body.split_once(name).map_or("", |(_, behind)| behind);
            behind.split('&').next().unwrap_or("")
        };
        Hop {
            msisdn: field("phoneNumber=%2B"),
            session: field("sessionId="),
            typed: field("text="),
        }
    }

    fn is_dial(&self) -> bool {
        self.typed.is_empty()
    }

    fn has_pin(&self) -> bool {
        self.typed.ends_with(PIN)
    }

    fn contributes(&self) -> bool {
        self.has_pin() && self.typed.starts_with("2%2A")
    }

    /// What the generator expects at this place, and about as long as the real screens are.
    fn screen(&self) -> &'static str {
        match self.typed {
            "" => {
                "CON Karibu Amina. Kencom stage\n1 My balances\n2 Contribute\n3 Where our money goes\n4 Check a receipt\n5 Settings\n6 Wallet\n9 EMERGENCY"
            }
            "1" => "CON Enter your KwaStage PIN to see your balances:\n0 Back\n00 Main menu",
            "2" => {
                "CON Kencom welfare fund. Choose, or type an amount:\n1 Clear what you owe: 1,800\n2 Another amount\n0 Back\n00 Main menu"
            }
            "2%2A200" => {
                "CON KES 200 from M-PESA to Kencom welfare fund. Enter your KwaStage PIN to agree:\n0 Back\n00 Main menu"
            }
            typed if typed.starts_with("1%2A") => {
                "CON Welfare: behind by KES 1,800 since 28 Sep\nWallet: KES 0\nKencom fund: KES 27,400\n1 Contribute\n0 Back\n00 Main menu"
            }
            typed if typed.starts_with("2%2A") => {
                "END Asante Amina. An M-PESA request for KES 200 comes in a few seconds: enter your M-PESA PIN. Do not dial now. The receipt comes by SMS."
            }
            typed if typed.ends_with('5') => {
                "CON Settings\nMember KTS-2026-0001\n1 Kiswahili / English\n2 Change my PIN\n3 Next of kin\n0 Back\n00 Main menu"
            }
            _ => {
                "CON Karibu Amina. Kencom stage\n1 My balances\n2 Contribute\n3 Where our money goes\n4 Check a receipt\n5 Settings\n6 Wallet\n9 EMERGENCY"
            }
        }
    }
}

async fn navigation(State(floor): State<Arc<Floor>>, body: String) -> String {
    let hop = Hop::read(&body);
    answer(&hop, floor.one_trip(&hop).await)
}

async fn mixed(State(floor): State<Arc<Floor>>, body: String) -> String {
    let hop = Hop::read(&body);
    answer(&hop, floor.work(&hop).await)
}

async fn mixed_with_pin(State(floor): State<Arc<Floor>>, body: String) -> String {
    let hop = Hop::read(&body);
    let checked = match hop.has_pin() {
        true => floor.check_pin().await,
        false => Ok(()),
    };
    answer(&hop, checked.and(floor.work(&hop).await))
}

fn answer(hop: &Hop<'_>, done: anyhow::Result<()>) -> String {
    match done {
        Ok(()) => hop.screen().to_owned(),
        Err(error) => format!("FAIL {error}"),
    }
}

impl Floor {
    async fn one_trip(&self, hop: &Hop<'_>) -> anyhow::Result<()> {
        // About what a session takes.
        let value = [b'x'; 500];
        let mut set = redis::cmd("SET");
        set.arg(hop.session).arg(&value[..]).arg("PX").arg(300_000);
        let () = set.query_async(&mut self.redis.clone()).await?;
        Ok(())
    }

    async fn work(&self, hop: &Hop<'_>) -> anyhow::Result<()> {
        self.one_trip(hop).await?;
        if hop.contributes() {
            self.write().await
        } else if hop.is_dial() || hop.has_pin() {
            self.read(hop).await
        } else {
            Ok(())
        }
    }

    async fn read(&self, hop: &Hop<'_>) -> anyhow::Result<()> {
        sqlx::query("select id, first_name, status, stage_id from member where msisdn = $1")
            .bind(hop.msisdn)
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

    async fn check_pin(&self) -> anyhow::Result<()> {
        // Without a verifier the desk hashes all the same.
        let nobody = MemberId(Uuid::nil());
        self.pins.verify(nobody, None, Secret::new(PIN)).await?;
        Ok(())
    }
}
