//! A text that cries for help while nothing can be stored.

use chrono::{DateTime, Utc};

use crate::answering::understand::{Asked, understand};
use crate::messages::inbox::Arrived;
use crate::primitives::Language;
use crate::spool::{Channel, Report, What};

/// The alarm in this text, if it is one. It has the text's own id, as it will have when the text is stored and answered.
pub(super) fn report(arrived: &Arrived, now: DateTime<Utc>, language: Language) -> Option<Report> {
    let msisdn = arrived.from.clone()?;
    if !matches!(understand(&arrived.text).asked, Asked::Alarm(_)) {
        return None;
    }
    let behind_the_word = arrived.text.trim().split_once(char::is_whitespace);
    let words = behind_the_word.map(|(_word, told)| told.trim().to_owned());
    Some(Report {
        id: arrived.id(),
        msisdn,
        language,
        at: now,
        channel: Channel::Sms,
        silent: false,
        what: What::Alarm {
            words: words.filter(|told| !told.is_empty()),
        },
    })
}
