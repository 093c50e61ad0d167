//! Who has to say what before a member is let in, and how long things take.

use chrono::TimeDelta;

use crate::members::MemberId;
use crate::primitives::StaffName;

/// So long people may answer whether it is the member.
pub(super) const ANSWERS_WITHIN: TimeDelta = TimeDelta::hours(24);
/// So long the new PIN may be chosen once they have.
pub(super) const NEW_PIN_WITHIN: TimeDelta = TimeDelta::hours(48);
/// So often a day people are asked about one member.
pub(super) const RESETS_A_DAY: i64 = 3;
/// So long the new phone, or the second of the staff, may confirm a change of phone.
pub(super) const CONFIRMED_WITHIN: TimeDelta = TimeDelta::hours(24);
/// So long after a change the old phone is still listened to.
pub(super) const REGRET: TimeDelta = TimeDelta::days(7);
/// Tries to be taken for a member count so long.
pub(super) const TRIES_COUNT_FOR: TimeDelta = TimeDelta::hours(24);
pub(super) const TRIES_OF_A_PHONE: i64 = 5;
pub(super) const TRIES_ON_A_MEMBER: i64 = 10;

/// How a change of phone was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedFrom {
    /// From a number nobody knows, with member number, national id and PIN.
    NewPhone,
    /// From the member's phone, with the PIN.
    OldPhone,
    /// At the desk, by two of the staff.
    Staff,
}

impl AskedFrom {
    /// How long the old phone can stop it. Whoever has lost the phone cannot, so what was asked from afar waits a day.
    pub fn cools_for(self) -> TimeDelta {
        match self {
            AskedFrom::NewPhone => TimeDelta::hours(24),
            AskedFrom::OldPhone | AskedFrom::Staff => TimeDelta::hours(1),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            AskedFrom::NewPhone => "new_phone",
            AskedFrom::OldPhone => "old_phone",
            AskedFrom::Staff => "staff",
        }
    }

    pub fn parse(word: &str) -> Option<AskedFrom> {
        [AskedFrom::NewPhone, AskedFrom::OldPhone, AskedFrom::Staff]
            .into_iter()
            .find(|from| from.as_str() == word)
    }
}

/// Who says whether it is the member who has forgotten the PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    Official(MemberId),
    Staff(StaffName),
    /// The next of kin.
    Kin,
}

impl Voice {
    /// As the table writes it. The next of kin is one person, whoever that is by now.
    pub(super) fn written(&self) -> String {
        match self {
            Voice::Official(member) => format!("official:{member}"),
            Voice::Staff(name) => format!("staff:{}", name.as_str()),
            Voice::Kin => KIN.to_owned(),
        }
    }
}

const KIN: &str = "kin";

/// What the voices come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Granted,
    Refused,
    /// Somebody more has to answer.
    Waiting,
}

/// Two officials, or one and the next of kin; one no is enough to refuse. Staff count as officials. Takes the voices as
/// written, each person once, with what they say.
pub(super) fn verdict(voices: &[(String, bool)]) -> Verdict {
    if voices.iter().any(|(_, says_yes)| !says_yes) {
        return Verdict::Refused;
    }
    let kin = voices.iter().filter(|(who, _)| who == KIN).count();
    let officials = voices.len() - kin;
    match officials >= 1 && officials + kin.min(1) >= 2 {
        true => Verdict::Granted,
        false => Verdict::Waiting,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(voices: &[(&str, bool)]) -> Verdict {
        let voices: Vec<_> = voices
            .iter()
            .map(|(who, says_yes)| ((*who).to_owned(), *says_yes))
            .collect();
        verdict(&voices)
    }

    #[test]
    fn two_officials_or_one_and_the_next_of_kin() {
        let (njeri, grace, kin) = (("official:1", true), ("staff:grace", true), ("kin", true));
        assert_eq!(said(&[]), Verdict::Waiting);
        assert_eq!(said(&[njeri]), Verdict::Waiting);
        assert_eq!(said(&[kin]), Verdict::Waiting);
        assert_eq!(said(&[njeri, kin]), Verdict::Granted);
        assert_eq!(said(&[njeri, grace]), Verdict::Granted);
        assert_eq!(said(&[njeri, grace, ("kin", false)]), Verdict::Refused);
        assert_eq!(said(&[("official:1", false)]), Verdict::Refused);
    }

    #[test]
    fn how_it_was_asked_survives_being_written_and_read() {
        for from in [AskedFrom::NewPhone, AskedFrom::OldPhone, AskedFrom::Staff] {
            assert_eq!(AskedFrom::parse(from.as_str()), Some(from));
        }
        assert_eq!(AskedFrom::parse("fax"), None);
    }

    proptest! {
        /// However people answer, nobody is let in by one person, by the next of kin alone, or against a no.
        #[test]
        fn nobody_lets_anybody_in_alone(officials in prop::collection::vec(any::<bool>(), 0..4), kin in prop::option::of(any::<bool>())) {
            let mut voices: Vec<(String, bool)> = officials
                .iter()
                .enumerate()
                .map(|(place, says)| (format!("official:{place}"), *says))
                .collect();
            voices.extend(kin.map(|says| ("kin".to_owned(), says)));
            let granted = verdict(&voices) == Verdict::Granted;
            let all_say_yes = voices.iter().all(|(_, says)| *says);
            prop_assert_eq!(granted, all_say_yes && !officials.is_empty() && voices.len() >= 2);
        }
    }
}
