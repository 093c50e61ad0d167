//! What somebody who answers emergencies asks for by menu.

use crate::emergencies::grammar::{MINUTES_MAX, Says};
use crate::menu::Asked;
use crate::primitives::Msisdn;

/// What is said about a case, or about one's duty.
pub(in crate::conversation) enum Coordinating {
    /// The case by its short number.
    Case {
        serial: i64,
        says: Says,
    },
    GoOnDuty,
    GoOffDuty {
        even_if_last: bool,
    },
    AskSwap(Msisdn),
}

/// None for what is asked by nobody here.
pub(super) fn read(asked: &Asked) -> Option<Coordinating> {
    let answer = |name: &str| asked.answer(name);
    let says = match asked.intent {
        "go_on_duty" => return Some(Coordinating::GoOnDuty),
        "go_off_duty" => return Some(off(false)),
        "go_off_anyway" => return Some(off(true)),
        "ask_swap" => {
            let to = Msisdn::parse(answer("swap_to")).ok()?;
            return Some(Coordinating::AskSwap(to));
        }
        "accept_case" => {
            let minutes: i32 = answer("minutes").parse().ok()?;
            Says::Accept {
                minutes: (1..=MINUTES_MAX).contains(&minutes).then_some(minutes),
            }
        }
        "arrive_case" => Says::Arrive,
        "more_people" => Says::More(answer("people").parse::<i32>().ok()?.clamp(1, 20)),
        "finish_case" => Says::Done(answer("ended_how").to_owned()),
        "decline_case" => Says::Decline,
        "hand_over_case" => Says::HandOver(Some(Msisdn::parse(answer("taker")).ok()?)),
        "note_case" => Says::Note(answer("note").to_owned()),
        "call_case_false" => Says::FalseAlarm(String::new()),
        _ => return None,
    };
    let serial = answer("case_no").parse().ok()?;
    Some(Coordinating::Case { serial, says })
}

fn off(even_if_last: bool) -> Coordinating {
    Coordinating::GoOffDuty { even_if_last }
}
