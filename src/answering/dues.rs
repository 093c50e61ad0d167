//! `RENEW`: M-PESA asks for the renewal. No amount is said here, since the phone is passed around; M-PESA's prompt says it.

use super::{Answer, Text, standing};
use crate::dues::{self, Due, PayDue, PayError};
use crate::fault::Fault;
use crate::messages::{Values, inbox};
use crate::work::Work;

pub(super) async fn renew(work: &mut Work, text: &Text<'_>) -> Result<Answer, Fault> {
    // What could not be answered any more is not done either.
    if inbox::has_had_enough(work, &text.from).await? {
        return Ok(about_money("renew.asked_later"));
    }
    let asked = PayDue {
        payer: text.from.clone(),
        due: Due::Renewal,
        shown: None,
        // The text's own id: answered twice, it is one request.
        key: format!("sms:{}", text.inbound.id),
    };
    let now = work.now;
    Ok(
        match dues::by_push(work, &text.app.payment_rules, asked, None).await {
            Ok(asked) if asked.requested.comes_at_once(now) => about_money("renew.asked"),
            Ok(_later) => about_money("renew.asked_later"),
            Err(PayError::NotDue { until }) => {
                Answer::say("renew", "renew.not_due", Values::new().date("until", until))
            }
            Err(PayError::AlreadyAsked { .. }) => about_money("pay.already_asked"),
            Err(PayError::JustAsked { .. }) => about_money("pay.just_asked"),
            Err(PayError::NotActive(Some(member))) => standing::not_active("renew", &member),
            Err(PayError::NotActive(None)) => standing::not_a_member("renew", text),
            Err(PayError::Fault(fault)) => return Err(fault),
            Err(
                refused @ (PayError::NotOpen | PayError::AnotherAmount { .. } | PayError::Spend(_)),
            ) => {
                return Err(Fault::broken(format!("a renewal by text: {refused}")));
            }
        },
    )
}

fn about_money(template: &'static str) -> Answer {
    Answer::about_money("renew", template, Values::new())
}
