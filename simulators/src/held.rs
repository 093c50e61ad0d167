//! A phone in somebody's hands: everything a person can do with it. The control API holds phones for pages and terminals;
//! tests in the same process hold them directly.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::africastalking::ussd::{Shown, Unusable};
use crate::africastalking::voice::{CallView, NotRung};
use crate::africastalking::{sms, ussd, voice};
use crate::daraja::stk::{self, Answer};
use crate::daraja::{Code, Prompt};
use crate::phones::{Msisdn, Phone, Text, plain};
use crate::world::{State, World};

/// One phone, held.
pub struct Held {
    world: Arc<World>,
    msisdn: Msisdn,
}

impl Held {
    pub(crate) fn new(world: Arc<World>, msisdn: Msisdn) -> Self {
        Self { world, msisdn }
    }

    /// Dials a code. A session that was open is hung up first.
    pub async fn dial(&self, code: &str) -> Shown {
        ussd::dial(&self.world, &self.msisdn, code).await
    }

    /// Types a reply and sends it.
    pub async fn type_keys(&self, keys: &str) -> Result<Shown, Unusable> {
        ussd::type_keys(&self.world, &self.msisdn, keys).await
    }

    /// Has the network deliver the phone's last request once more.
    pub async fn again(&self) -> Result<Shown, Unusable> {
        ussd::again(&self.world, &self.msisdn).await
    }

    /// Ends a session or a call and clears the screen.
    pub fn hang_up(&self) -> Shown {
        voice::hang_up(&self.world, &self.msisdn);
        ussd::hang_up(&self.world, &self.msisdn);
        ussd::shown(&self.world, &self.msisdn)
    }

    /// Sends a message. Returns its id, or nothing when the number is nobody's.
    pub fn text(&self, to: &str, text: &str) -> Option<String> {
        sms::text(&self.world, &self.msisdn, to, text)
    }

    /// Blocks a sender: the operator tells Africa's Talking, which tells us and refuses our messages from then on.
    pub async fn opt_out(&self, sender_id: &str) {
        sms::opt_out(&self.world, &self.msisdn, sender_id).await;
    }

    /// The received messages behind a number, once there are any or the (real) time is over.
    pub async fn inbox(&self, after: u64, wait: Duration) -> Vec<Text> {
        let received = |state: &mut State| {
            let texts: Vec<Text> = self.phone(state).received_after(after).cloned().collect();
            (!texts.is_empty()).then_some(texts)
        };
        self.world
            .wait_for(wait, received)
            .await
            .unwrap_or_default()
    }

    /// Every message, received and sent, oldest first.
    pub fn texts(&self) -> Vec<Text> {
        self.phone(&mut self.world.state()).texts.clone()
    }

    /// Sets the count of unread messages to nothing.
    pub fn mark_read(&self) {
        self.phone(&mut self.world.state()).mark_read();
        self.world.tell(&self.msisdn, "sms");
    }

    /// The M-PESA prompt, once there is one or the (real) time is over.
    pub async fn prompt(&self, wait: Duration) -> Option<Prompt> {
        self.world
            .wait_for(wait, |state| self.phone(state).prompt.clone())
            .await
    }

    /// Answers the prompt. `None`: there is none. Otherwise the result code, if that decided it.
    pub async fn answer(&self, answer: Answer) -> Option<Option<Code>> {
        stk::respond(&self.world, &self.msisdn, answer).await
    }

    /// The call, once there is one or the (real) time is over.
    pub async fn call(&self, wait: Duration) -> Option<CallView> {
        let there = |state: &mut State| self.phone(state).call.is_some().then_some(());
        self.world.wait_for(wait, there).await;
        voice::view(&self.world, &self.msisdn)
    }

    /// Picks up if it rings, presses the keys, and returns what was said. Nothing when there is no call.
    pub async fn press(&self, keys: &str) -> Option<String> {
        voice::press(&self.world, &self.msisdn, keys).await
    }

    /// Rings our voice number. Returns false when the phone is already in a call.
    pub fn ring(&self) -> bool {
        self.ring_number(&self.world.settings.voice_number).is_ok()
    }

    /// Rings a number as it was dialled.
    pub fn ring_number(&self, number: &str) -> Result<(), NotRung> {
        voice::ring(&self.world, &self.msisdn, number)
    }

    /// Everything about the phone, as the control API shows it.
    pub fn seen(&self) -> Value {
        let call = voice::view(&self.world, &self.msisdn);
        let last_call = voice::last(&self.world, &self.msisdn);
        let mut state = self.world.state();
        let phone = self.phone(&mut state);
        json!({
            "msisdn": phone.msisdn.digits(), "name": phone.name, "language": phone.language, "network": phone.network,
            "open": phone.in_session(), "screen": phone.screen, "unread": phone.unread(), "prompt": phone.prompt, "call": call,
            "last_call": last_call, "balance": plain(phone.wallet.balance),
        })
    }

    fn phone<'state>(&self, state: &'state mut State) -> &'state mut Phone {
        state.phone(&self.msisdn, &self.world.settings)
    }
}
