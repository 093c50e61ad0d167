//! `kwastage paybill`: what is set up at Daraja once for our paybill.

use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;

use super::members::{begin, parsed, trail};
use crate::app::{self, App};
use crate::audit::{self, Act};
use crate::clock::Clock;
use crate::config::Config;
use crate::contributing::Destination;
use crate::integrations::mpesa::{MpesaClient, Registered};
use crate::payments::{self, Receipt};
use crate::primitives::{Msisdn, nairobi_date};
use crate::settlement;

#[derive(Debug, Subcommand)]
pub enum Paybill {
    /// Tells Daraja where to ask about and report payments to the paybill. Harmless when done before.
    Register,
    /// Asks Daraja for leave to pull the paybill's transactions, which repairs lost confirmations. Harmless when done before.
    RegisterPull {
        /// A phone of ours that Safaricom may call about it.
        phone: String,
    },
    /// Lists the money that waits for its owner, the longest first, with what its payer typed.
    Suspense,
    /// Gives money out of suspense to a member, who gets the receipt by SMS.
    Allocate {
        /// M-PESA's receipt, such as TKQ1ABCDE2.
        receipt: String,
        /// Phone, member number or id.
        who: String,
        /// Into the member's wallet instead of the fund of their stage.
        #[arg(long)]
        wallet: bool,
    },
}

pub async fn run(config: Arc<Config>, asked: Paybill) -> anyhow::Result<()> {
    match asked {
        Paybill::Register => println!("{}", register(&config).await?),
        Paybill::RegisterPull { phone } => println!("{}", register_pull(&config, &phone).await?),
        Paybill::Suspense => list_suspense(&App::build(config, Clock::System).await?).await?,
        Paybill::Allocate {
            receipt,
            who,
            wallet,
        } => {
            let app = App::build(config, Clock::System).await?;
            let into = if wallet {
                Destination::Wallet
            } else {
                Destination::Fund
            };
            allocate(&app, &receipt, &who, into).await?;
        }
    }
    Ok(())
}

async fn list_suspense(app: &App) -> anyhow::Result<()> {
    let mut conn = app.pool.acquire().await?;
    for money in payments::in_suspense(&mut conn).await? {
        let flagged = match money.refund_flagged_at {
            Some(_) => "  owed back: nobody claimed it in time",
            None => "",
        };
        println!(
            "{}  KES {}  account {}  from {}  {}{flagged}",
            money.receipt,
            money.amount,
            money.account.as_deref().unwrap_or("-"),
            money.payer_hint.as_deref().unwrap_or("-"),
            nairobi_date(money.received_at)
        );
    }
    Ok(())
}

async fn allocate(app: &App, receipt: &str, who: &str, into: Destination) -> anyhow::Result<()> {
    let receipt = Receipt::parse(receipt).context("an M-PESA receipt, such as TKQ1ABCDE2")?;
    let mut work = begin(app).await?;
    let (member, amount) =
        settlement::allocate_by_hand(app, &mut work, &receipt, &parsed(who)?, into).await?;
    let act = Act::on("suspense.allocate", "receipt", &receipt).at(Some(member.stage));
    audit::write(&mut work, &trail(), act.after(&(member.id, amount))?).await?;
    work.commit().await?;
    println!("KES {amount} is {}'s.", member.first_name.as_str());
    Ok(())
}

/// Asks for leave to pull transactions and says in a sentence what happened.
///
/// # Errors
/// Daraja does not answer, does not know our keys, or refuses.
pub(super) async fn register_pull(config: &Config, phone: &str) -> anyhow::Result<String> {
    let mpesa = MpesaClient::new(app::mpesa_settings(config), Clock::System)?;
    let shortcode = &config.mpesa.shortcode;
    let phone = Msisdn::parse(phone).context("a phone number, such as 0711000005")?;
    let registered = mpesa
        .register_pull(&phone)
        .await
        .with_context(|| format!("registering paybill {shortcode} for pulling"))?;
    Ok(match registered {
        Registered::Now => {
            format!("The transactions of paybill {shortcode} can be pulled from now on.")
        }
        Registered::Before => {
            format!("The transactions of paybill {shortcode} could be pulled already.")
        }
    })
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
