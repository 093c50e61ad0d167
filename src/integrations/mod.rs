//! Calls outward, one folder per outsider: wire types in, our own outcomes out, unknown stays unknown.

pub mod africastalking;
mod exchange;
pub mod mpesa;
pub mod sms_file;
pub mod twilio;

use crate::messages::Handover;
use crate::primitives::{Carrier, Msisdn};

/// Whoever can be handed a text message.
#[derive(Clone, Debug)]
pub enum SmsClient {
    AfricasTalking(africastalking::Client),
    Twilio(twilio::Client),
    File(sms_file::Client),
}

impl SmsClient {
    pub fn carrier(&self) -> Carrier {
        match self {
            SmsClient::AfricasTalking(_) => Carrier::AfricasTalking,
            SmsClient::Twilio(_) => Carrier::Twilio,
            SmsClient::File(_) => Carrier::File,
        }
    }

    /// Hands one message to one phone over. Never fails: whatever cannot be read is an unknown outcome. A provider
    /// without a sender of its own ignores `under_our_name`.
    pub async fn send_sms(&self, to: &Msisdn, text: &str, under_our_name: bool) -> Handover {
        match self {
            SmsClient::AfricasTalking(client) => client.send_sms(to, text, under_our_name).await,
            SmsClient::Twilio(client) => client.send_sms(to, text).await,
            SmsClient::File(client) => client.send_sms(to, text).await,
        }
    }
}
