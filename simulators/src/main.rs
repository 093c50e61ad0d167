//! Runs the outside of KwaStage, or one phone of it in this terminal, or plays dialogues with it.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use simulators::dialogue::command::Play;
use simulators::phones::Msisdn;
use simulators::{Settings, Simulators, Timings, terminal};

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
    Serve(Box<Serve>),
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
    /// The USSD code that leads to the gateway.
    #[arg(long, env = "SIMULATORS_SERVICE_CODE", default_value = "*384*123#")]
    service_code: String,
    /// Where riders text to.
    #[arg(long, env = "SIMULATORS_SHORT_CODE", default_value = "22384")]
    short_code: String,
    #[arg(long, env = "SIMULATORS_AT_USERNAME", default_value = "sandbox")]
    at_username: String,
    #[arg(long, env = "SIMULATORS_AT_API_KEY", default_value = "demo")]
    at_api_key: String,
    #[arg(
        long,
        env = "SIMULATORS_TWILIO_ACCOUNT_SID",
        default_value = "AC00000000000000000000000000000001"
    )]
    twilio_account_sid: String,
    #[arg(long, env = "SIMULATORS_TWILIO_AUTH_TOKEN", default_value = "demo")]
    twilio_auth_token: String,
    #[arg(long, env = "SIMULATORS_PAYBILL", default_value = "600123")]
    paybill: String,
    #[arg(long, env = "SIMULATORS_B2C_SHORTCODE", default_value = "600124")]
    b2c_shortcode: String,
    #[arg(long, env = "SIMULATORS_CONSUMER_KEY", default_value = "demo")]
    consumer_key: String,
    #[arg(long, env = "SIMULATORS_CONSUMER_SECRET", default_value = "demo")]
    consumer_secret: String,
    /// The Lipa na M-Pesa passkey; without it, the one of the protocol's test vector.
    #[arg(long, env = "SIMULATORS_PASSKEY")]
    passkey: Option<String>,
    /// Seconds a rider may look at one screen; without it, as long as the network allows (30, Airtel 60).
    #[arg(long, env = "SIMULATORS_INACTIVITY")]
    inactivity: Option<u64>,
    /// Makes every random choice repeatable. Without it each run differs, so that receipts and ids never repeat.
    #[arg(long, env = "SIMULATORS_SEED")]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let played = match Arguments::parse().role {
        Role::Serve(asked) => serve(*asked).await.map(|()| ExitCode::SUCCESS),
        Role::Phone { msisdn, url } => hold(&msisdn, &url).await.map(|()| ExitCode::SUCCESS),
        Role::Play(asked) => asked.run().await,
    };
    played.unwrap_or_else(|error| {
        eprintln!("simulators: {error:#}");
        ExitCode::FAILURE
    })
}

async fn hold(msisdn: &str, url: &str) -> anyhow::Result<()> {
    terminal::hold(&Msisdn::parse(msisdn)?, url).await
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
    let usual = Settings::default();
    let inactivity = asked.inactivity.map(Duration::from_secs);
    let settings = Settings {
        bind: asked.bind,
        gateway_url: asked.gateway,
        webhook_key: asked.key,
        service_code: asked.service_code,
        short_code: asked.short_code,
        at_username: asked.at_username,
        at_api_key: asked.at_api_key,
        twilio_account_sid: asked.twilio_account_sid,
        twilio_auth_token: asked.twilio_auth_token,
        paybill: asked.paybill,
        b2c_shortcode: asked.b2c_shortcode,
        consumer_key: asked.consumer_key,
        consumer_secret: asked.consumer_secret,
        passkey: asked.passkey.unwrap_or_else(|| usual.passkey.clone()),
        seed,
        timings: Timings {
            inactivity,
            ..usual.timings.clone()
        },
        ..usual
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
