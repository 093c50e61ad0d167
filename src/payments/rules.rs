//! The waits and limits of payments. All of them are settings; these defaults come from what is known about Daraja.

use chrono::TimeDelta;

use crate::primitives::Money;

/// Waits and limits. Durations are wall-clock time of the attempt, not of the process.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The paybill or till number that prompts and confirmations must name.
    pub shortcode: String,
    /// From the rider's request to the push, when nobody tells us that the session has ended.
    pub push_after_request: TimeDelta,
    /// From the end of the rider's session to the push: the handset needs a moment.
    pub push_after_session_end: TimeDelta,
    /// How often to look whether the session is over, and for how long at most.
    pub session_look_every: TimeDelta,
    pub session_wait_max: TimeDelta,
    /// Between two pushes to one number; Daraja asks for a minute.
    pub between_pushes: TimeDelta,
    /// Between two pushes of one amount to one number; sooner, M-PESA answers code 17.
    pub between_equal_pushes: TimeDelta,
    /// How long after agreeing a rider may still be surprised by a PIN prompt.
    pub mandate: TimeDelta,
    /// A push without an answer after this is lost.
    pub lost_after: TimeDelta,
    /// A prompt without a result after this is in doubt: it lives about a minute on the handset.
    pub silent_after: TimeDelta,
    /// How long a doubt may last before the rider is told that we check.
    pub tell_check_after: TimeDelta,
    /// When to ask about a prompt, counted from the push, with a fifth of jitter.
    pub questions: Vec<TimeDelta>,
    /// When to ask after a result that claims success, or that nobody can read, counted from its arrival.
    pub questions_after_claim: Vec<TimeDelta>,
    /// When to ask after a result that does not settle the matter, counted from its arrival.
    pub questions_after_doubt: Vec<TimeDelta>,
    /// Two equal readings this far apart close a result that does not settle the matter.
    pub closing_gap: TimeDelta,
    /// How long a success that contradicts an earlier failure waits for its confirmation.
    pub contradiction_hold: TimeDelta,
    /// How long a prompt in doubt keeps its payer from asking for another payment of the kind. A prompt lives a minute; whoever
    /// asks again after this knows from their own phone that they have not paid.
    pub doubt_blocks_for: TimeDelta,
    /// When a doubt becomes a person's.
    pub give_up_after: TimeDelta,
    /// A paybill confirmation alone proves payments up to this.
    pub paybill_alone_up_to: Money,
    /// How long pushes stop when the provider refuses our configuration, is in maintenance or has no quota left for us.
    pub pause_misconfigured: TimeDelta,
    pub pause_maintenance: TimeDelta,
    pub pause_quota: TimeDelta,
    pub pause_rate: TimeDelta,
}

impl Rules {
    /// The house's own times for one paybill or till.
    pub fn for_shortcode(shortcode: impl Into<String>) -> Rules {
        let seconds = |each: &[i64]| each.iter().copied().map(TimeDelta::seconds).collect();
        Rules {
            shortcode: shortcode.into(),
            push_after_request: TimeDelta::seconds(6),
            push_after_session_end: TimeDelta::seconds(3),
            session_look_every: TimeDelta::seconds(5),
            session_wait_max: TimeDelta::seconds(60),
            between_pushes: TimeDelta::seconds(60),
            between_equal_pushes: TimeDelta::seconds(120),
            mandate: TimeDelta::minutes(10),
            lost_after: TimeDelta::seconds(60),
            silent_after: TimeDelta::seconds(90),
            tell_check_after: TimeDelta::seconds(30),
            questions: seconds(&[45, 90, 180, 600, 1800, 7200, 43_200]),
            questions_after_claim: seconds(&[0, 5, 15]),
            questions_after_doubt: seconds(&[30, 120]),
            closing_gap: TimeDelta::seconds(90),
            contradiction_hold: TimeDelta::minutes(10),
            doubt_blocks_for: TimeDelta::minutes(10),
            give_up_after: TimeDelta::hours(24),
            paybill_alone_up_to: Money::from_shillings(150_000),
            pause_misconfigured: TimeDelta::minutes(10),
            pause_maintenance: TimeDelta::minutes(2),
            pause_quota: TimeDelta::minutes(3),
            pause_rate: TimeDelta::seconds(3),
        }
    }
}
