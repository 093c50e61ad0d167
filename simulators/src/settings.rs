//! Who the outside believes we are, and how patient it is.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Everything the simulators are told at start. The default is the demo's world.
#[derive(Clone, Debug)]
pub struct Settings {
    pub bind: SocketAddr,
    /// Where Africa's Talking posts; changeable later with `Running::set_gateway`. Twilio and Daraja post to the URLs they are given.
    pub gateway_url: String,
    /// The secret path segment of our Africa's Talking webhooks.
    pub webhook_key: String,

    /// The USSD code that leads to us, as dialled.
    pub service_code: String,
    /// Where riders text to.
    pub short_code: String,
    /// Further sender ids registered for our account, beside the short code.
    pub sender_ids: Vec<String>,
    /// Our Africa's Talking number: it calls people, and people may ring it.
    pub voice_number: String,
    pub at_username: String,
    pub at_api_key: String,
    /// Money on the Africa's Talking account, in cents of a shilling.
    pub at_balance: i64,
    pub twilio_account_sid: String,
    /// Basic authentication's password, and the key of callback signatures.
    pub twilio_auth_token: String,
    /// What may be sent from through Twilio.
    pub twilio_senders: Vec<String>,
    /// Whether the four characters `CON ` count towards the screen. Not documented, so the strict reading is the default.
    pub prefix_counts: bool,

    pub organisation: String,
    pub paybill: String,
    pub b2c_shortcode: String,
    pub consumer_key: String,
    pub consumer_secret: String,
    pub passkey: String,
    /// The API operator of the paybill; `None` accepts any name.
    pub initiator_name: Option<String>,
    /// A new token makes the older one worthless (S1).
    pub token_invalidates: bool,
    /// How often a push to a busy subscriber is refused at once instead of accepted and lost later (S5), from 0 to 1.
    pub lock_refusal: f64,
    /// How often an STK query says "no answer yet" for no reason (S8), from 0 to 1.
    pub query_noise: f64,
    /// Whether payments ask our validation URL first, once URLs are registered.
    pub external_validation: bool,
    /// Whether C2B URLs can be registered only once, as in production.
    pub register_once: bool,
    /// Whether callback URLs must be https, as in production.
    pub https_only: bool,
    /// Requests per second before Daraja says "spike arrest"; `None` never does.
    pub spike_arrest: Option<u32>,
    /// The header in which callbacks carry their source address, as our own proxy would write it; `None` leaves it out.
    pub source_header: Option<String>,
    /// Cents on each new phone's M-PESA wallet.
    pub wallet_balance: i64,
    /// Cents on our utility account, out of which payouts leave.
    pub utility_balance: i64,

    /// Everything random comes from here.
    pub seed: u64,
    pub timings: Timings,
}

/// How long things take in the outside's own time.
#[derive(Clone, Debug)]
pub struct Timings {
    /// From an accepted push to the prompt on the screen.
    pub prompt_after: Duration,
    /// How long a prompt waits for a PIN.
    pub prompt_life: Duration,
    /// From a payment's outcome to its callback.
    pub callback_after: Duration,
    /// From a payment to its C2B confirmation.
    pub confirmation_after: Duration,
    /// How long M-PESA waits for our validation answer.
    pub validation_limit: Duration,
    /// From an accepted payout, status, balance or reversal request to its result.
    pub result_after: Duration,
    /// The delay that "late" troubles add to payments.
    pub late: Duration,
    /// From an accepted message to the handset.
    pub deliver_after: Duration,
    /// Between one delivery report and the next.
    pub report_after: Duration,
    /// Between two tries of an inbound message that was not answered with 200.
    pub inbound_repeat: Duration,
    /// From the end of a USSD session to its notice.
    pub notice_after: Duration,
    /// The delay that "late" troubles add to notices, reports and repeated hops.
    pub stray_after: Duration,
    /// How long Africa's Talking waits for our answer, in real time.
    pub answer_limit: Duration,
    /// How long a rider may look at one screen; `None` follows the network (30 s, Airtel 60 s).
    pub inactivity: Option<Duration>,
    pub session_limit: Duration,
    /// What a slow network adds to each hop.
    pub slow_network: Duration,
    /// From an accepted call to ringing.
    pub ring_after: Duration,
    pub ring_for: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8090)),
            gateway_url: "http://127.0.0.1:8080".into(),
            webhook_key: "demo".into(),
            service_code: "*384*123#".into(),
            short_code: "22384".into(),
            sender_ids: vec!["KWASTAGE".into()],
            voice_number: "+254711082000".into(),
            at_username: "sandbox".into(),
            at_api_key: "demo".into(),
            at_balance: 1_000_000,
            twilio_account_sid: "AC00000000000000000000000000000001".into(),
            twilio_auth_token: "demo".into(),
            twilio_senders: vec!["KWASTAGE".into()],
            prefix_counts: true,
            organisation: "KwaStage".into(),
            paybill: "600123".into(),
            b2c_shortcode: "600124".into(),
            consumer_key: "demo".into(),
            consumer_secret: "demo".into(),
            passkey: "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0".into(),
            initiator_name: None,
            token_invalidates: true,
            lock_refusal: 0.5,
            query_noise: 0.0,
            external_validation: true,
            register_once: false,
            https_only: false,
            spike_arrest: None,
            source_header: Some("X-Forwarded-For".into()),
            wallet_balance: 500_000,
            utility_balance: 10_000_000,
            seed: 1,
            timings: Timings::default(),
        }
    }
}

impl Default for Timings {
    fn default() -> Self {
        let ms = Duration::from_millis;
        let seconds = Duration::from_secs;
        Self {
            prompt_after: seconds(2),
            prompt_life: seconds(60),
            callback_after: seconds(2),
            confirmation_after: seconds(3),
            validation_limit: seconds(8),
            result_after: seconds(5),
            late: seconds(660),
            deliver_after: ms(400),
            report_after: ms(700),
            inbound_repeat: seconds(60),
            notice_after: ms(500),
            stray_after: seconds(5),
            answer_limit: seconds(10),
            inactivity: None,
            session_limit: seconds(180),
            slow_network: seconds(3),
            ring_after: seconds(1),
            ring_for: seconds(30),
        }
    }
}

impl Timings {
    /// For tests: whatever merely takes a moment takes milliseconds; whatever is a limit keeps its real length, since a
    /// test moves the clock past it.
    pub fn brisk() -> Self {
        let ms = Duration::from_millis;
        Self {
            prompt_after: ms(20),
            callback_after: ms(20),
            confirmation_after: ms(40),
            result_after: ms(20),
            deliver_after: ms(5),
            report_after: ms(10),
            notice_after: ms(10),
            slow_network: ms(50),
            ring_after: ms(10),
            ..Self::default()
        }
    }
}
