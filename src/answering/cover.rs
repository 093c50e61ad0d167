//! `COVER 7K3M9XPA`: is somebody covered? Anyone may ask, and learns yes or no, until when, and nothing else.

use super::{Answer, Text};
use crate::fault::Fault;
use crate::insurance::{self, Asker, Proof};
use crate::messages::Values;
use crate::primitives::nairobi_date;
use crate::work::Work;

pub(super) async fn check(work: &mut Work, text: &Text<'_>, typed: &str) -> Result<Answer, Fault> {
    let asker = Asker::Phone(text.from.clone());
    let (template, values) = match insurance::prove(work, &asker, typed).await? {
        Proof::Covered { until } => {
            let values = Values::new().date("until", nairobi_date(until));
            ("cover.yes", values)
        }
        Proof::NotCovered => ("cover.no", Values::new()),
        Proof::AskedTooOften => ("cover.too_many", Values::new()),
    };
    Ok(Answer::say("cover", template, values))
}
