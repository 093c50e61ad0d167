//! How far a trial alarm has come along the chain, and which link broke. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use crate::messages::Fate;

/// The links of the chain, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// The case is written down.
    Raise,
    /// Its alert is in the outbox.
    Outbox,
    /// A provider has taken it.
    Provider,
    /// The provider says that the phone has it.
    Report,
    /// The test phone says yes.
    Answer,
}

/// How a trial stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This link is being waited for.
    Waiting(Link),
    Whole,
    Broken {
        link: Link,
        /// In words for the desk.
        said: String,
    },
}

/// What is known of a trial.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    pub began_at: DateTime<Utc>,
    /// Its messages, oldest first.
    pub messages: &'a [Fate],
    pub answered: bool,
    /// The test phone answers by itself.
    pub answer_wanted: bool,
}

impl Link {
    pub const ALL: [Link; 5] = [
        Link::Raise,
        Link::Outbox,
        Link::Provider,
        Link::Report,
        Link::Answer,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Link::Raise => "raise",
            Link::Outbox => "outbox",
            Link::Provider => "provider",
            Link::Report => "report",
            Link::Answer => "answer",
        }
    }

    pub fn parse(name: &str) -> Option<Link> {
        Link::ALL.into_iter().find(|link| link.as_str() == name)
    }
}

/// Judges a trial; `patience` is what each link may take.
pub fn verdict(trial: &Trial<'_>, patience: TimeDelta, now: DateTime<Utc>) -> Verdict {
    let seconds = patience.num_seconds();
    let broken = |link, said| Verdict::Broken { link, said };
    let waiting = |link, since: DateTime<Utc>, said: String| {
        if now < since + patience {
            Verdict::Waiting(link)
        } else {
            broken(link, said)
        }
    };
    if trial.answered {
        return Verdict::Whole;
    }
    let because = |fate: &Fate| match &fate.why {
        Some(why) => format!(": {why}"),
        None => String::new(),
    };
    let delivered = trial.messages.iter().find(|fate| fate.state == "delivered");
    if let Some(fate) = delivered {
        if !trial.answer_wanted {
            return Verdict::Whole;
        }
        let said = format!("the test phone has the alert and did not answer in {seconds} s");
        return waiting(Link::Answer, fate.changed_at, said);
    }
    let handed = |fate: &&Fate| matches!(fate.state.as_str(), "sent" | "unknown");
    if let Some(fate) = trial.messages.iter().find(handed) {
        let provider = fate.provider.as_deref().unwrap_or("a provider");
        let said = format!("handed to {provider}, no delivery report in {seconds} s");
        return waiting(Link::Report, fate.changed_at, said);
    }
    let Some(fate) = trial.messages.last() else {
        let said = "the alert is not in the outbox".to_owned();
        return broken(Link::Outbox, said);
    };
    match (fate.state.as_str(), &fate.provider) {
        ("failed", Some(provider)) => {
            let said = format!("{provider} could not deliver it{}", because(fate));
            broken(Link::Report, said)
        }
        ("failed" | "expired", _) => broken(
            Link::Provider,
            format!("no provider took it{}", because(fate)),
        ),
        _ => {
            let said = format!("no provider took it in {seconds} s{}", because(fate));
            waiting(Link::Provider, trial.began_at, said)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn fate(state: &str, provider: Option<&str>, changed: i64, why: Option<&str>) -> Fate {
        Fate {
            state: state.to_owned(),
            provider: provider.map(str::to_owned),
            changed_at: at(changed),
            why: why.map(str::to_owned),
        }
    }

    fn judged(messages: &[Fate], answered: bool, answer_wanted: bool, now: i64) -> String {
        let trial = Trial {
            began_at: at(0),
            messages,
            answered,
            answer_wanted,
        };
        match verdict(&trial, TimeDelta::seconds(60), at(now)) {
            Verdict::Waiting(link) => format!("waiting for {}", link.as_str()),
            Verdict::Whole => "whole".to_owned(),
            Verdict::Broken { link, said } => format!("{}: {said}", link.as_str()),
        }
    }

    #[test]
    fn the_broken_link_is_named() {
        let queued = [fate("queued", None, 0, None)];
        let refused = [fate("queued", None, 5, Some("our account is empty"))];
        let sent = [fate("sent", Some("africastalking"), 2, None)];
        let failed = [fate(
            "failed",
            Some("africastalking"),
            9,
            Some("AbsentSubscriber"),
        )];
        let never_sent = [fate("failed", None, 1, Some("not a number"))];
        let both = [
            fate("unknown", Some("africastalking"), 2, None),
            fate("delivered", Some("twilio"), 40, None),
        ];
        for (messages, answered, answer_wanted, now, wanted) in [
            (
                &[][..],
                false,
                false,
                1,
                "outbox: the alert is not in the outbox",
            ),
            (&queued, false, false, 59, "waiting for provider"),
            (
                &queued,
                false,
                false,
                60,
                "provider: no provider took it in 60 s",
            ),
            (
                &refused,
                false,
                false,
                60,
                "provider: no provider took it in 60 s: our account is empty",
            ),
            (
                &never_sent,
                false,
                false,
                2,
                "provider: no provider took it: not a number",
            ),
            (&sent, false, false, 61, "waiting for report"),
            (
                &sent,
                false,
                false,
                62,
                "report: handed to africastalking, no delivery report in 60 s",
            ),
            (
                &failed,
                false,
                false,
                10,
                "report: africastalking could not deliver it: AbsentSubscriber",
            ),
            (&both, false, false, 41, "whole"),
            (&both, false, true, 41, "waiting for answer"),
            (
                &both,
                false,
                true,
                100,
                "answer: the test phone has the alert and did not answer in 60 s",
            ),
            (&both, true, true, 100, "whole"),
            (&queued, true, true, 100, "whole"),
        ] {
            assert_eq!(judged(messages, answered, answer_wanted, now), wanted);
        }
    }
}
