//! Whether a push that ended without money is tried again without the rider asking, and when.

use chrono::{DateTime, TimeDelta, Utc};

use super::codes::{self, TextKey};
use super::evidence::ResultCode;
use super::model::AttemptState;
use super::rules::Rules;

/// What follows an attempt that provably took no money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt, after this wait; the rider is told so when the line was busy for the first time.
    Again { after: TimeDelta, tell_busy: bool },
    /// The end, in these words.
    Told(TextKey),
}

/// What stood in the way, when it was nothing the rider decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hitch {
    LineBusy,
    SystemBusy,
    TooFast,
    SendingFailed,
}

impl Hitch {
    fn of(state: &AttemptState) -> Option<Hitch> {
        match state {
            AttemptState::Refused { why } => match why.as_str() {
                "line_busy" => Some(Hitch::LineBusy),
                "system_busy" | "maintenance" => Some(Hitch::SystemBusy),
                "slow_down" => Some(Hitch::TooFast),
                _ => None,
            },
            AttemptState::Failed { code, .. } => match code.as_str() {
                "1001" => Some(Hitch::LineBusy),
                "26" | "1025" | "9999" => Some(Hitch::SendingFailed),
                _ => None,
            },
            _ => None,
        }
    }

    /// Seconds before the second, third, ... try.
    fn waits(self) -> &'static [i64] {
        match self {
            Hitch::LineBusy => &[60, 120],
            Hitch::SystemBusy => &[30, 60, 120],
            Hitch::TooFast => &[5, 30, 180],
            Hitch::SendingFailed => &[60],
        }
    }
}

/// Decides after an attempt has ended as `ended`; `earlier` are the obligation's attempts before it. A prompt
/// that comes when the rider has stopped expecting it would frighten: after the mandate there is no other try.
pub fn next(
    ended: &AttemptState,
    earlier: &[&AttemptState],
    asked_at: DateTime<Utc>,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Next {
    let Some(hitch) = Hitch::of(ended) else {
        return Next::Told(final_text(ended));
    };
    let tried = earlier
        .iter()
        .filter(|state| Hitch::of(state) == Some(hitch))
        .count();
    match hitch.waits().get(tried).copied().map(TimeDelta::seconds) {
        Some(after) if now + after <= asked_at + rules.mandate => Next::Again {
            after,
            tell_busy: hitch == Hitch::LineBusy && tried == 0,
        },
        _ => Next::Told(final_text(ended)),
    }
}

fn final_text(ended: &AttemptState) -> TextKey {
    match ended {
        AttemptState::Failed { code, .. } => {
            match codes::meaning(&ResultCode::new(code.as_str())).text {
                TextKey::Busy => TextKey::NoAnswer,
                text => text,
            }
        }
        AttemptState::Refused { why } if why == "bad_phone" => TextKey::BadPhone,
        AttemptState::Refused { why } if why == "line_busy" => TextKey::NoAnswer,
        _ => TextKey::System,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(why: &str) -> AttemptState {
        AttemptState::Refused {
            why: why.to_owned(),
        }
    }

    fn after(ended: &AttemptState, earlier: &[&AttemptState]) -> Next {
        let asked_at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let rules = Rules::for_shortcode("600123");
        next(
            ended,
            earlier,
            asked_at,
            &rules,
            asked_at + TimeDelta::seconds(30),
        )
    }

    #[test]
    fn a_busy_line_is_tried_twice_more_and_announced_once() {
        let busy = refused("line_busy");
        let busy_later = AttemptState::Failed {
            ids: None,
            code: "1001".into(),
        };
        let again = |seconds, tell_busy| Next::Again {
            after: TimeDelta::seconds(seconds),
            tell_busy,
        };
        assert_eq!(after(&busy, &[]), again(60, true));
        assert_eq!(after(&busy_later, &[&busy]), again(120, false));
        assert_eq!(
            after(&busy, &[&busy, &busy_later]),
            Next::Told(TextKey::NoAnswer)
        );
    }

    #[test]
    fn an_overloaded_provider_is_not_the_riders_business_until_the_end() {
        let busy = refused("system_busy");
        let again = |seconds| Next::Again {
            after: TimeDelta::seconds(seconds),
            tell_busy: false,
        };
        assert_eq!(after(&busy, &[]), again(30));
        assert_eq!(after(&busy, &[&busy]), again(60));
        assert_eq!(after(&busy, &[&busy, &busy]), again(120));
        assert_eq!(
            after(&busy, &[&busy, &busy, &busy]),
            Next::Told(TextKey::System)
        );
    }

    #[test]
    fn what_the_rider_decided_is_never_tried_again() {
        for (code, text) in [
            ("1032", TextKey::Cancelled),
            ("2001", TextKey::WrongPin),
            ("1037", TextKey::NoAnswer),
        ] {
            let ended = AttemptState::Failed {
                ids: None,
                code: code.into(),
            };
            assert_eq!(after(&ended, &[]), Next::Told(text), "{code}");
        }
        assert_eq!(
            after(&refused("bad_phone"), &[]),
            Next::Told(TextKey::BadPhone)
        );
    }

    #[test]
    fn nobody_is_prompted_after_they_stopped_expecting_it() {
        let asked_at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let rules = Rules::for_shortcode("600123");
        let late = asked_at + rules.mandate - TimeDelta::seconds(30);
        assert_eq!(
            next(&refused("line_busy"), &[], asked_at, &rules, late),
            Next::Told(TextKey::NoAnswer)
        );
    }
}
