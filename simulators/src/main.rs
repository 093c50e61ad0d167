//! Runs the outside of KwaStage, or one phone of it in this terminal, or plays dialogues with it.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use simulators::dialogue::command::Play;
use simulators::phones::Msisdn;
use simulators::{Settings, Simulators, terminal};

#[derive(Parser)]
#[command(
    name = "simulators",
    about = "The outside of KwaStage: Africa's Talking, Daraja, and the phones"
)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Serve the providers, the phones, their control API and the page.
    Serve(Serve),
    /// Hold one phone in this terminal.
    Phone {
        /// Whose phone, such as 254711000001.
        msisdn: String,
        /// Where the simulators serve.
        #[arg(long, env = "SIMULATORS_URL", default_value = "http://127.0.0.1:8090")]
        url: String,
    },
    /// Play dialogue files and say which came out right.
    Play(Play),
}

#[derive(clap::Args)]
struct Serve {
    #[arg(long, env = "SIMULATORS_BIND", default_value = "127.0.0.1:8090")]
    bind: SocketAddr,
    /// Where the gateway listens.
    #[arg(
        long,
        env = "SIMULATORS_GATEWAY",
        default_value = "http://127.0.0.1:8080"
    )]
    gateway: String,
    /// The secret segment of the gateway's webhooks.
    #[arg(long, env = "SIMULATORS_KEY", default_value = "demo")]
    key: String,
    /// Makes every random choice repeatable. Without it each run differs, so that receipts and ids never repeat.
    #[arg(long, env = "SIMULATORS_SEED")]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().role {
        Role::Serve(asked) => serve(asked).await?,
        Role::Phone { msisdn, url } => terminal::hold(&Msisdn::parse(&msisdn)?, &url).await?,
        Role::Play(asked) => return asked.run().await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(asked: Serve) -> anyhow::Result<()> {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).init();
    let seed = asked.seed.unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |since| since.as_nanos() as u64)
    });
    let settings = Settings {
        bind: asked.bind,
        gateway_url: asked.gateway,
        webhook_key: asked.key,
        seed,
        ..Settings::default()
    };
    let running = Simulators::start(settings).await?;
    tracing::info!(seed, "The phones are at {}/", running.base_url);
    tokio::select! {
        served = running.wait() => served,
        () = asked_to_stop() => Ok(()),
    }
}

async fn asked_to_stop() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => _ = signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
