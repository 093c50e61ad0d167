//! The end of a case: done, or never an emergency.

use super::super::model::Case;
use super::super::moves::Move;
use super::super::store::alerts;
use super::super::telling::{tell, tell_reporter};
use super::serving::serial;
use super::{AnswerError, Did, Speaker, record, shift};
use crate::fault::Fault;
use crate::messages::Values;
use crate::work::Work;

/// The longest outcome that is kept, in characters.
const OUTCOME_LENGTH_MAX: usize = 160;

/// Who was there says that it is over. Everybody who was alerted hears it, with their words; the reporter hears how to
/// contradict.
pub(super) async fn done(
    work: &mut Work,
    case: &mut Case,
    speaker: &Speaker,
    said: &str,
) -> Result<Did, AnswerError> {
    let outcome = outcome(said);
    shift(work, case, Move::Resolve, outcome.as_deref()).await?;
    record(work, case, speaker, "done", outcome.as_deref()).await?;
    let values = Values::new()
        .code("case", serial(case))
        .words("name", &speaker.name);
    match &outcome {
        Some(said) => {
            let values = values.clone().words("said", said);
            tell_everybody(work, case, speaker, "emergency.over_said", values).await?;
        }
        None => {
            tell_everybody(work, case, speaker, "emergency.over", values.clone()).await?;
        }
    }
    tell_reporter(work, case, "emergency.helped", values, "over").await?;
    Ok(Did::Ended)
}

/// There is no emergency. The reporter hears who says so, and how to raise it again.
pub(super) async fn false_alarm(
    work: &mut Work,
    case: &mut Case,
    speaker: &Speaker,
    said: &str,
) -> Result<Did, AnswerError> {
    let outcome = outcome(said);
    shift(work, case, Move::Cancel, outcome.as_deref()).await?;
    record(work, case, speaker, "false_alarm", outcome.as_deref()).await?;
    let values = Values::new()
        .code("case", serial(case))
        .words("name", &speaker.name);
    tell_everybody(work, case, speaker, "emergency.false", values.clone()).await?;
    tell_reporter(work, case, "emergency.called_false", values, "over").await?;
    Ok(Did::CalledFalse)
}

/// Those who could not come as well: they may have told others.
async fn tell_everybody(
    work: &mut Work,
    case: &Case,
    speaker: &Speaker,
    template: &'static str,
    values: Values,
) -> Result<(), Fault> {
    for to in alerts::of_case(work.conn(), case.id).await? {
        if to.msisdn == speaker.msisdn {
            continue;
        }
        let values = values.clone();
        tell(
            work,
            &to.msisdn,
            to.language,
            template,
            values,
            case.id,
            "over",
        )
        .await?;
    }
    Ok(())
}

fn outcome(said: &str) -> Option<String> {
    let said: String = said.trim().chars().take(OUTCOME_LENGTH_MAX).collect();
    (!said.is_empty()).then_some(said)
}
