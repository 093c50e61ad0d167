//! Answering emergencies, and duty, on the phone.

use super::Performer;
use crate::conversation::intent::Coordinating;
use crate::emergencies::grammar::Says;
use crate::emergencies::{self, AnswerError, Duty, SwapAsked, Which};
use crate::fault::Fault;
use crate::menu::Outcome;
use crate::work::Work;

pub(super) async fn act(
    hands: &Performer<'_>,
    work: &mut Work,
    asked: Coordinating,
) -> Result<Outcome, Fault> {
    let phone = &hands.turn.msisdn;
    match asked {
        Coordinating::Case { serial, says } => case(hands, work, serial, says).await,
        Coordinating::GoOnDuty => {
            emergencies::go_on_duty(work, phone).await?;
            Ok(Outcome::new("on"))
        }
        Coordinating::GoOffDuty { even_if_last } => Ok(
            match emergencies::go_off_duty(work, phone, even_if_last).await? {
                Duty::Last { .. } if !even_if_last => Outcome::new("last"),
                _ => Outcome::new("off"),
            },
        ),
        Coordinating::AskSwap(to) => Ok(match emergencies::ask_swap(work, phone, &to).await? {
            SwapAsked::Asked { .. } => Outcome::new("asked"),
            SwapAsked::Refused(_) => Outcome::new("not_possible"),
        }),
    }
}

async fn case(
    hands: &Performer<'_>,
    work: &mut Work,
    serial: i64,
    says: Says,
) -> Result<Outcome, Fault> {
    let which = Which::Serial(serial);
    match emergencies::answer(work, &hands.turn.msisdn, which, says).await {
        Ok(_answered) => Ok(Outcome::new("done")),
        Err(AnswerError::Over(_)) => Ok(Outcome::new("over")),
        Err(AnswerError::Fault(fault)) => Err(fault),
        Err(_refused) => Ok(Outcome::new("not_possible")),
    }
}
