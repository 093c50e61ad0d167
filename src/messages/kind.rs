//! Kinds of messages that a phone may want or not. Pure.

/// What can be switched off. Receipts, answers to what somebody asked and emergencies are of no kind: they always come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// That something is due, or owed.
    Reminders,
    /// What a stage's fund has paid out.
    FundNews,
    /// What officials tell their stage, and members post to it.
    Notices,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Reminders, Kind::FundNews, Kind::Notices];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Reminders => "reminders",
            Kind::FundNews => "fund_news",
            Kind::Notices => "notices",
        }
    }

    pub fn parse(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind of what this template says; none of what always comes.
    pub fn of(template: &str) -> Option<Kind> {
        match template {
            "broadcast.notice" | "broadcast.post" => Some(Kind::Notices),
            "fund.paid_out" => Some(Kind::FundNews),
            _ if template.starts_with("reminder.") => Some(Kind::Reminders),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_answers_and_emergencies_are_of_no_kind() {
        for always in [
            "receipt.paid_up",
            "payment.cancelled",
            "wallet.sent",
            "schedule.asking",
            "schedule.stopped",
            "emergency.alert",
            "alarm.where",
            "fund.statement",
            "fund.forgiven",
            "broadcast.drafted",
        ] {
            assert_eq!(Kind::of(always), None, "{always}");
        }
        assert_eq!(Kind::of("reminder.behind"), Some(Kind::Reminders));
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
    }
}
