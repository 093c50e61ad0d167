//! Paying a renewal, a fee or a fine on the phone.

use super::Performer;
use crate::conversation::intent::PayingDue;
use crate::dues::{self, PayDue, PayError};
use crate::fault::Fault;
use crate::menu::Outcome;
use crate::wallet::SpendError;
use crate::work::Work;

pub(super) async fn pay(
    hands: &Performer<'_>,
    work: &mut Work,
    paying: PayingDue,
    key: String,
) -> Result<Outcome, Fault> {
    let asked = PayDue {
        payer: hands.turn.msisdn.clone(),
        due: paying.due,
        shown: Some(paying.shown),
        key,
    };
    if paying.from_wallet {
        return match dues::from_wallet(work, hands.app.wallet_limits, &hands.app.receipt_key, asked)
            .await
        {
            Ok(after) => Ok(Outcome::new("paid").value("wallet", after.balance.as_decimal())),
            Err(refused) => refusal(refused),
        };
    }
    let session = Some(hands.turn.session.as_str().to_owned());
    let now = work.now;
    match dues::by_push(work, &hands.app.payment_rules, asked, session).await {
        Ok(asked) if asked.requested.comes_at_once(now) => Ok(Outcome::new("accepted")),
        Ok(_later) => Ok(Outcome::new("accepted_later")),
        Err(refused) => refusal(refused),
    }
}

fn refusal(refused: PayError) -> Result<Outcome, Fault> {
    Ok(match refused {
        PayError::NotActive(_) => Outcome::new("not_active"),
        PayError::NotDue { until } => Outcome::new("not_due").value("until", until),
        PayError::NotOpen => Outcome::new("not_open"),
        PayError::AnotherAmount { amount } => {
            Outcome::new("another_amount").value("due_amount", amount.as_decimal())
        }
        PayError::AlreadyAsked { amount } => {
            Outcome::new("already_asked").value("asked", amount.as_decimal())
        }
        PayError::JustAsked { amount } => {
            Outcome::new("just_asked").value("asked", amount.as_decimal())
        }
        PayError::Spend(SpendError::NotEnough { balance }) => {
            Outcome::new("not_enough").value("wallet", balance.as_decimal())
        }
        PayError::Spend(SpendError::OverLimit { left_today, once }) => Outcome::new("over_limit")
            .value("left_today", left_today.as_decimal())
            .value("once", once.as_decimal()),
        PayError::Spend(SpendError::Frozen) => Outcome::new("frozen"),
        PayError::Spend(SpendError::ToOneself) => {
            return Err(Fault::broken("dues were paid to a member"));
        }
        PayError::Spend(SpendError::Fault(fault)) | PayError::Fault(fault) => return Err(fault),
    })
}
