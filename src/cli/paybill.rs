//! `kwastage paybill`: what is set up at Daraja once for our paybill.

use anyhow::Context;
use clap::Subcommand;

use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::integrations::mpesa::{MpesaClient, Registered};

#[derive(Debug, Subcommand)]
pub enum Paybill {
    /// Tells Daraja where to ask about and report payments to the paybill. Harmless when done before.
    Register,
}

pub async fn run(config: &Config, asked: Paybill) -> anyhow::Result<()> {
    match asked {
        Paybill::Register => println!("{}", register(config).await?),
    }
    Ok(())
}

/// Registers the paybill's addresses and says in a sentence what happened.
///
/// # Errors
/// Daraja does not answer, does not know our keys, or refuses the addresses.
pub(super) async fn register(config: &Config) -> anyhow::Result<String> {
    let mpesa = MpesaClient::new(app::mpesa_settings(config), Clock::System)?;
    let shortcode = &config.mpesa.shortcode;
    let registered = mpesa
        .register_c2b()
        .await
        .with_context(|| format!("registering the addresses of paybill {shortcode}"))?;
    Ok(match registered {
        Registered::Now => {
            let host = config.mpesa.callback_base.host_str().unwrap_or_default();
            format!("Daraja reports payments to paybill {shortcode} to {host} from now on.")
        }
        Registered::Before => format!(
            "Daraja has addresses for paybill {shortcode} already and keeps them. To change them, write to Safaricom's API support."
        ),
    })
}
