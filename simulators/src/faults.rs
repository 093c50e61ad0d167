//! The closed list of troubles that can be ordered, and when an order strikes.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::phones::Msisdn;
use crate::world::Dice;

macro_rules! faults {
    ($($variant:ident $name:literal $says:literal)+) => {
        /// One kind of trouble.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault { $($variant,)+ }

        impl Fault {
            /// Every trouble there is.
            pub const ALL: &[Fault] = &[$(Fault::$variant,)+];

            /// Its name in the control API.
            pub fn name(self) -> &'static str {
                match self { $(Fault::$variant => $name,)+ }
            }

            /// What happens, in a sentence.
            pub fn says(self) -> &'static str {
                match self { $(Fault::$variant => $says,)+ }
            }

            pub fn named(name: &str) -> Option<Fault> {
                match name { $($name => Some(Fault::$variant),)+ _ => None }
            }
        }
    };
}

faults! {
    // A phone
    PhoneOff "phone-off" "The phone is switched off: no screens, no prompts, messages wait, calls find nobody."

    // USSD
    DuplicateHop "duplicate-hop" "The same USSD request reaches the gateway twice at once; the rider sees the first answer."
    LateDuplicate "late-duplicate" "A USSD request is sent again some seconds after it was answered."
    OlderHop "older-hop" "After a hop was answered, the request of an earlier hop of the same session arrives again."
    SkippedHop "skipped-hop" "A hop never reaches the gateway; the rider types again and the next request carries both inputs."
    LostRequest "lost-request" "A USSD request never reaches the gateway and the rider sees a network error."
    LostAnswer "lost-answer" "The gateway's USSD answer is lost on the way back; the rider sees a network error."
    CutAfterCon "cut-after-con" "The session is dropped right after a screen that expected input."
    TwoSessions "two-sessions" "Dialling opens two sessions of the same number at the same time; the rider sees one of them."
    NoEndNotice "no-end-notice" "The end-of-session notice never comes."
    LateEndNotice "late-end-notice" "The end-of-session notice comes late."
    DoubleEndNotice "double-end-notice" "The end-of-session notice comes twice."
    EarlyEndNotice "early-end-notice" "The end-of-session notice comes before the gateway's last answer."
    DeepDialFormB "deep-dial-form-b" "Extra digits stay in the service code and the text starts empty."
    UnescapedBody "unescaped-body" "The request body leaves `*`, `#` and `+` unescaped."
    PermutedFields "permuted-fields" "The request's fields come in another order."
    MissingNetworkCode "missing-network-code" "The request carries no network code."
    MissingPlus "missing-plus" "The phone number comes without its plus."
    MissingText "missing-text" "The first request of a session carries no text field at all."
    SandboxNetwork "sandbox-network" "The network code is the sandbox's 99999."
    SlowNetwork "slow-network" "Every hop takes some seconds more on the way."

    // SMS
    SmsDown "sms-down" "Sending is answered with 502 and an HTML page; nothing is sent."
    SmsBusy "sms-busy" "Sending is answered with 429; nothing is sent."
    SmsSlow "sms-slow" "Sending is answered after some seconds."
    SmsLostAnswer "sms-lost-answer" "The message is sent, but the answer to the gateway is a 502 page."
    SmsSilent "sms-silent" "The message is sent, but no answer comes before any client gives up."
    SmsBadKey "sms-bad-key" "The API key is refused."
    SmsInvalidSender "sms-invalid-sender" "The sender id is refused: status 201, an error word, no rows."
    SmsMissingRow "sms-missing-row" "One recipient is missing from the answer and gets nothing."
    SmsBlacklist "sms-blacklist" "The subscriber has blocked our messages (406)."
    SmsNoBalance "sms-insufficient-balance" "Our account at Africa's Talking is empty (405)."
    SmsNoRoute "sms-could-not-route" "There is no route to the number (407)."
    SmsRejected "sms-rejected-by-gateway" "The operator's gateway rejects the message (502 in the row)."
    SmsServerError "sms-internal-server-error" "The row says 500: outcome unknown, and the message does arrive."
    SmsRiskHold "sms-risk-hold" "The row says 401: held back for review."
    SmsNeverArrives "sms-never-arrives" "The message is accepted, never reaches the phone, and is reported as Failed."
    ReportMissing "report-missing" "No delivery report comes; the message arrives."
    ReportLate "report-late" "Delivery reports come late."
    ReportDoubled "report-doubled" "Every delivery report comes twice."
    ReportOutOfOrder "report-out-of-order" "Delivery reports come in reverse order."
    ReportBeforeAnswer "report-before-answer" "A delivery report comes before the answer to the sending request."
    ReportUnknownStatus "report-unknown-status" "A delivery report carries a status nobody has heard of."
    InboundDoubled "inbound-doubled" "An inbound message is delivered twice although it was answered with 200."
    InboundOddDate "inbound-odd-date" "An inbound message carries its date with a space, and neither network code nor cost."

    // Twilio
    TwilioDown "twilio-down" "Twilio: sending is answered with a 502 page; nothing is sent."
    TwilioBusy "twilio-busy" "Twilio: 20429, too many requests; nothing is sent."
    TwilioSlow "twilio-slow" "Twilio: sending is answered after some seconds."
    TwilioLostAnswer "twilio-lost-answer" "Twilio: the message is sent, but the answer is a 502 page."
    TwilioSilent "twilio-silent" "Twilio: the message is sent, but no answer comes before any client gives up."
    TwilioBadKey "twilio-bad-key" "Twilio: 20003, the credentials are refused."
    TwilioOptedOut "twilio-opted-out" "Twilio: 21610, the recipient has opted out."
    TwilioCountry "twilio-country" "Twilio: 21408, the country is not enabled for our account."
    TwilioUnreachable "twilio-unreachable" "Twilio: accepted, never arrives, undelivered with 30003: the handset is not reached."
    TwilioUnknownHandset "twilio-unknown-handset" "Twilio: accepted, never arrives, undelivered with 30005: no such handset."
    TwilioFiltered "twilio-filtered" "Twilio: accepted, never arrives, undelivered with 30007: filtered."
    TwilioUnknownError "twilio-unknown-error" "Twilio: accepted, never arrives, undelivered with 30008: unknown."
    TwilioReportMissing "twilio-report-missing" "Twilio: no status callback comes; the message arrives."
    TwilioReportLate "twilio-report-late" "Twilio: status callbacks come late."
    TwilioReportDoubled "twilio-report-doubled" "Twilio: every status callback comes twice."
    TwilioReportOutOfOrder "twilio-report-out-of-order" "Twilio: `delivered` comes first and `sent` after it."
    TwilioReportBeforeAnswer "twilio-report-before-answer" "Twilio: a status callback comes before the answer to the sending request."
    TwilioReportForged "twilio-report-forged" "Twilio: before each status callback a forged `failed` comes, signed with another token."

    // Voice
    CallDown "call-down" "Placing a call is answered with 502 and an HTML page."
    CallNotDialled "call-not-dialled" "The call is not dialled: InvalidPhoneNumber."
    CallNoCredit "call-insufficient-credit" "The call is not dialled: InsufficientCredit."
    CallBusy "call-busy" "The phone is busy."
    CallAbsent "call-absent" "The phone cannot be found."
    CallRejected "call-rejected" "The person rejects the call."
    CallMailbox "call-mailbox" "A mailbox picks up, says nothing, and hangs up after twenty seconds."
    CallNoCallback "call-no-callback" "The call is queued and nothing is ever heard of it again."

    // OAuth
    OauthDown "oauth-down" "Tokens: 503 with an HTML page."
    OauthHtml "oauth-html" "Tokens: 200 with an HTML page."
    OauthRefused "oauth-refused" "Tokens: 400, invalid authentication."
    OauthEmpty "oauth-empty" "Tokens: 400 with an empty body."
    OauthNumber "oauth-number" "Tokens: the lifetime is a JSON number instead of a string."
    TokenExpired "token-expired" "A good token is refused: 404 with 404.001.03."
    TokenExpired401 "token-expired-401" "A good token is refused: 401 with 404.001.03."

    // Any Daraja call
    DarajaDown "daraja-down" "Every Daraja call: 503 with an HTML page, no effect."
    DarajaHtml "daraja-html" "Every Daraja call: 200 with an HTML page, no effect."
    DarajaSlow "daraja-slow" "Every Daraja call is answered some seconds later."
    SystemBusy "system-busy" "500.003.02: the system is busy."
    Maintenance "maintenance" "00.002.1001: under maintenance."
    SpikeArrest "spike-arrest" "500.003.02 with the spike arrest wording, HTTP 500."
    SpikeArrest429 "spike-arrest-429" "500.003.02 with the spike arrest wording, HTTP 429."
    Quota "quota" "500.003.03: quota violation."
    QuotaFault "quota-fault" "429 in the API gateway's own fault envelope."
    InternalError "internal-error" "500.003.1001: internal server error, no effect."

    // Pushes
    PushTimeout "push-timeout" "The prompt is on its way, but no answer comes before any client gives up."
    PushLostAnswer "push-lost-answer" "The prompt is on its way, but the answer is an empty 504."
    Push502 "push-502" "The push is answered with a 502 page and there is no prompt."
    Push502Prompted "push-502-prompted" "The push is answered with a 502 page and there is a prompt."
    PushUnclear "push-unclear" "500.001.1001 with an empty message, and there is a prompt."
    PushWithoutIds "push-without-ids" "Accepted with 200 but no ids in the answer; there is a prompt."
    PushRejected "push-rejected" "200 with ids and ResponseCode 1; there is no prompt."
    InvalidCallbackUrl "invalid-callback-url" "400.002.02: our callback URL is refused."
    WrongCredentials "wrong-credentials" "500.001.1001: the password is refused."
    SubscriberLocked "subscriber-locked" "500.001.1001: unable to lock the subscriber; there is no prompt."

    // What becomes of a prompt
    BusyLine "busy-line" "Accepted, no prompt, then 1001: the line is in another dialogue."
    Unreachable "unreachable" "Accepted, no prompt, then 1037: the phone cannot be reached."
    Silent "silent" "The prompt shows and nobody answers it: 1037 when its life is over, whatever is pressed."
    SilentCancel "silent-as-cancel" "A prompt whose life is over ends in 1032 instead of 1037."
    LowBalance "low-balance" "The payment ends in 1: not enough money."
    WrongPin "wrong-pin" "The payment ends in 2001: wrong PIN."
    PinLocked "pin-locked" "The payment ends in 8006: the PIN is locked."
    RuleLimited "rule-limited" "The payment ends in 17: rule limited."
    OverLimit "over-limit" "The payment ends in 4: the daily limit."
    Expired "expired" "The payment ends in 1019: expired."
    SmscTimeout "smsc-timeout" "The payment ends in 1036: the prompt's delivery was never acknowledged."
    PromptError "prompt-error" "The payment ends in 1025: the prompt could not be sent."
    NotPermitted "not-permitted" "The payment ends in 2028: not permitted by the product."
    OperatorUnknown "operator-unknown" "The payment ends in SFC_IC0003: the operator does not exist."
    UnknownCode "unknown-code" "The payment ends in a code nobody has seen before, and no money moves."

    // Callbacks of payments and payouts
    CallbackLost "callback-lost" "The callback is never sent."
    CallbackDuplicate "callback-duplicate" "The callback comes three times, twice at the same moment."
    CallbackLate "callback-late" "The callback comes eleven minutes late."
    CallbackBeforeAnswer "callback-before-answer" "The callback comes before the answer to the request that caused it."
    CallbackReordered "callback-reordered" "A 1037 callback comes first, and the paid one eleven minutes later."
    CallbackContradicted "callback-contradicted" "The paid callback comes first, and a 1037 one later."
    CallbackTextual "callback-textual" "Codes and phone come as text, items in another order, the amount without decimals."
    CallbackBare "callback-without-metadata" "The paid callback has no metadata."
    CallbackNoReceipt "callback-without-receipt" "The paid callback has no receipt, and the phone is masked."
    CallbackTruncated "callback-truncated" "The callback's body is cut in the middle."
    CallbackWrongEnvelope "callback-wrong-envelope" "The callback comes in the envelope of another product."
    CallbackForged "callback-forged" "A second, forged callback with foreign ids comes to the same URL, and the true one follows."
    CallbackStrangeSource "callback-strange-source" "The callback comes from an address that is not published."
    AmountDiffers "amount-differs" "The rider is charged, and told, a tenth of the amount."

    // Queries
    Query500 "query-500" "STK query: 500 with 500.001.1001, no answer."
    Query200Error "query-200-error" "STK query: the same error with HTTP 200."
    QueryPending "query-pending" "STK query: 4999, still under processing."
    QueryLies "query-lies" "STK query: 1032 for a payment that was made."
    QueryUnknownId "query-unknown-id" "STK query: 400, invalid CheckoutRequestID."
    QueryHtml "query-html" "STK query: 502 with an HTML page."

    // C2B
    C2bOnly "c2b-only" "The STK callback is lost; the C2B confirmation comes."
    C2bBeforeCallback "c2b-before-callback" "The C2B confirmation comes before the STK callback."
    C2bLost "c2b-lost" "The C2B confirmation is never sent."
    C2bDuplicate "c2b-duplicate" "The C2B confirmation comes twice."
    C2bLate "c2b-late" "The C2B confirmation comes eleven minutes late."
    ValidationSkipped "validation-skipped" "M-PESA pays without asking our validation URL."

    // Payouts and the asynchronous questions
    PayoutLostAnswer "payout-lost-answer" "The payout is accepted, but the answer is an empty 504."
    PayoutUnauthorised "payout-unauthorised" "403.002.1001: not authorised to initiate this transaction."
    PayoutFloatEmpty "payout-float-empty" "The payout ends in 1: our utility account is empty."
    PayoutRecipientUnknown "payout-recipient-unknown" "The payout ends in 2040: the recipient is not on M-PESA."
    PayoutWrongRecipient "payout-wrong-recipient" "The payout's result names another recipient."
    InitiatorRefused "initiator-refused" "The request ends in 2001: the initiator's credential is wrong."
    QueueTimeout "queue-timeout" "A queue timeout notice comes first and the true result eleven minutes later."
    ResultOddShape "result-odd-shape" "Result parameters come as one object, references as a list."
    StatusUndecided "status-undecided" "Transaction status says Authorized: not final."
    StatusUnanswered "status-unanswered" "Transaction status ends in 25: the question itself is refused."
    PullEmpty "pull-empty" "The pull query finds nothing."
}

/// An order for trouble.
#[derive(Clone, Debug)]
pub struct Order {
    pub what: Fault,
    /// Chance of striking at each occasion, from 0 to 1.
    pub how_often: f64,
    pub until: DateTime<Utc>,
    /// Strikes left, when they are counted.
    pub times: Option<u32>,
    pub only: Option<Msisdn>,
}

/// An order as the control API shows it.
#[derive(Serialize)]
pub struct OrderView {
    what: &'static str,
    how_often: f64,
    seconds_left: i64,
    times_left: Option<u32>,
    msisdn: Option<String>,
}

/// The orders in force.
#[derive(Default)]
pub struct Faults {
    orders: Vec<Order>,
}

impl Faults {
    pub fn order(&mut self, order: Order) {
        self.orders.push(order);
    }

    /// Ends all orders for one trouble, or for all of them.
    pub fn call_off(&mut self, what: Option<Fault>) {
        self.orders
            .retain(|order| what.is_some_and(|what| order.what != what));
    }

    /// Whether the trouble strikes this once. `whose` is the phone concerned, when there is one.
    pub fn strike(
        &mut self,
        what: Fault,
        whose: Option<&Msisdn>,
        now: DateTime<Utc>,
        dice: &mut Dice,
    ) -> bool {
        self.orders
            .retain(|order| order.until > now && order.times != Some(0));
        for order in self.orders.iter_mut().filter(|order| order.what == what) {
            let concerned = match (&order.only, whose) {
                (None, _) => true,
                (Some(only), Some(whose)) => only == whose,
                (Some(_), None) => false,
            };
            if concerned && dice.chance(order.how_often) {
                order.times = order.times.map(|left| left - 1);
                return true;
            }
        }
        false
    }

    pub fn views(&self, now: DateTime<Utc>) -> Vec<OrderView> {
        let live = self
            .orders
            .iter()
            .filter(|order| order.until > now && order.times != Some(0));
        live.map(|order| OrderView {
            what: order.what.name(),
            how_often: order.how_often,
            seconds_left: (order.until - now).num_seconds(),
            times_left: order.times,
            msisdn: order.only.as_ref().map(Msisdn::to_string),
        })
        .collect()
    }
}

/// When an order of the given length ends.
pub fn until(now: DateTime<Utc>, seconds: f64) -> DateTime<Utc> {
    let milliseconds = (seconds.clamp(0.0, 3.15e9) * 1000.0) as i64;
    now + TimeDelta::milliseconds(milliseconds)
}
