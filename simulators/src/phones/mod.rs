//! People, the handsets they hold, and their M-PESA wallets.

pub mod alarms;
mod line;
pub mod screen;
mod wallet;

pub use line::{Msisdn, Network, NotAPhoneNumber};
pub use wallet::Wallet;
pub(crate) use wallet::{Declined, plain, shown};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::africastalking::ussd::{Sent, Session};
use crate::africastalking::voice::Call;
use crate::daraja::Prompt;
use crate::settings::Settings;

/// One handset and its owner.
pub struct Phone {
    pub msisdn: Msisdn,
    pub name: String,
    /// `en` or `sw`: what its owner reads. Nothing on the wire depends on it.
    pub language: String,
    pub network: Network,
    /// What the USSD window shows; empty when it is closed.
    pub screen: String,
    pub(crate) session: Option<Session>,
    /// The last USSD request, whether its session is over or not.
    pub(crate) sent: Option<Sent>,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) call: Option<Call>,
    pub texts: Vec<Text>,
    pub wallet: Wallet,
    read: u64,
    received: u64,
}

/// A message on the handset.
#[derive(Clone, Debug, Serialize)]
pub struct Text {
    /// Counts this phone's received messages from 1; messages the rider sent carry the id of the last one received.
    pub id: u64,
    pub direction: Direction,
    /// The other side: a sender id, a short code, `MPESA`.
    #[serde(rename = "with")]
    pub correspondent: String,
    pub text: String,
    pub at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Received,
    Sent,
}

impl Phone {
    pub(crate) fn new(msisdn: Msisdn, settings: &Settings) -> Self {
        let network = msisdn.network();
        Self {
            name: format!("Rider {}", &msisdn.digits()[9..]),
            language: "en".into(),
            network,
            screen: String::new(),
            session: None,
            sent: None,
            prompt: None,
            call: None,
            texts: Vec::new(),
            wallet: Wallet::new(settings.wallet_balance, network == Network::Safaricom),
            read: 0,
            received: 0,
            msisdn,
        }
    }

    /// Whether a USSD dialogue occupies the line.
    pub(crate) fn in_session(&self) -> bool {
        self.session.is_some()
    }

    pub(crate) fn receive(&mut self, from: &str, text: &str, at: DateTime<Utc>) {
        self.received += 1;
        self.keep(Direction::Received, from, text, at);
    }

    pub(crate) fn send(&mut self, to: &str, text: &str, at: DateTime<Utc>) {
        self.keep(Direction::Sent, to, text, at);
    }

    fn keep(&mut self, direction: Direction, correspondent: &str, text: &str, at: DateTime<Utc>) {
        let (correspondent, text) = (correspondent.to_owned(), text.to_owned());
        self.texts.push(Text {
            id: self.received,
            direction,
            correspondent,
            text,
            at,
        });
    }

    pub(crate) fn received_after(&self, after: u64) -> impl Iterator<Item = &Text> {
        self.texts
            .iter()
            .filter(move |text| text.direction == Direction::Received && text.id > after)
    }

    pub(crate) fn unread(&self) -> u64 {
        self.received - self.read
    }

    pub(crate) fn mark_read(&mut self) {
        self.read = self.received;
    }
}

/// The people of the demo, on duty and off.
pub(crate) fn demo_people(settings: &Settings) -> Vec<Phone> {
    let people = [
        ("254711000001", "Amina", "en"),
        ("254711000002", "Juma", "sw"),
        ("254711000003", "Wambui", "en"),
        ("254711000004", "Odhiambo", "sw"),
        ("254711000005", "Njeri", "en"),
        ("254711000009", "Baraka", "sw"),
        ("254711000113", "Samuel", "en"),
    ];
    let phone = |(number, name, language): (&str, &str, &str)| {
        let mut phone = Phone::new(Msisdn::parse(number).ok()?, settings);
        phone.name = name.to_owned();
        phone.language = language.to_owned();
        Some(phone)
    };
    people.into_iter().filter_map(phone).collect()
}
