//! Money out on the phone.

use chrono::{DateTime, Days, Utc};

use super::Performer;
use super::wallet::active_caller;
use crate::fault::Fault;
use crate::menu::Outcome;
use crate::payouts::{self, Rules, Withdrawal, WithdrawalError};
use crate::primitives::{Money, NAIROBI, nairobi_date};
use crate::wallet::{self, SpendError};
use crate::work::Work;

/// What a withdrawal would cost, and whether anything stands in its way that may be told without a PIN.
pub(super) async fn weigh(hands: &Performer<'_>, amount: Money) -> Result<Outcome, Fault> {
    let member = hands.member()?.id.0;
    let (rules, now) = (&hands.app.payout_rules, hands.app.clock.now());
    if !Rules::is_payable(amount) {
        return Ok(Outcome::new("not_possible"));
    }
    let mut conn = hands.app.pool.acquire().await?;
    if wallet::is_frozen(&mut conn, member).await? {
        return Ok(Outcome::new("frozen"));
    }
    if let Some(until) = payouts::cools_until(&mut conn, rules, member, now).await? {
        return Ok(cooling(until, now));
    }
    let fee = rules.withdrawal_fee;
    Ok(Outcome::new("weighed")
        .value("fee", fee.as_decimal())
        .value("total", (amount + fee).as_decimal()))
}

/// Takes money out of the wallet, to the phone that asks.
pub(super) async fn withdraw(
    hands: &Performer<'_>,
    work: &mut Work,
    amount: Money,
    key: &str,
) -> Result<Outcome, Fault> {
    let Some(member) = active_caller(hands, work).await? else {
        return Ok(Outcome::new("not_active"));
    };
    let rules = &hands.app.payout_rules;
    let asked = Withdrawal {
        key: format!("withdraw {key}"),
        member: member.id.0,
        recipient: hands.turn.msisdn.clone(),
        language: member.language,
        amount,
        limits: hands.app.wallet_limits,
    };
    let asked = match payouts::withdraw(work, rules, asked).await {
        Ok(asked) => asked,
        Err(WithdrawalError::NotPayable) => return Ok(Outcome::new("not_possible")),
        Err(WithdrawalError::CoolingOff { until }) => return Ok(cooling(until, work.now)),
        Err(WithdrawalError::Wallet(SpendError::NotEnough { balance })) => {
            let total = amount + rules.withdrawal_fee;
            return Ok(Outcome::new("not_enough")
                .value("wallet", balance.as_decimal())
                .value("total", total.as_decimal()));
        }
        Err(WithdrawalError::Wallet(refused)) => return super::wallet::refusal(refused),
        Err(WithdrawalError::Fault(fault)) => return Err(fault),
    };
    let outcome = match (asked.needs_approval, asked.waits) {
        (true, _) => "to_be_approved",
        (false, true) => "slow",
        (false, false) => "on_its_way",
    };
    Ok(Outcome::new(outcome).value("wallet", asked.after.balance.as_decimal()))
}

/// Until when, as people say it in Nairobi.
fn cooling(until: DateTime<Utc>, now: DateTime<Utc>) -> Outcome {
    let (today, day) = (nairobi_date(now), nairobi_date(until));
    let time = until.with_timezone(&NAIROBI).format("%H:%M").to_string();
    if day == today {
        Outcome::new("cooling_today").value("until_time", time)
    } else if today.checked_add_days(Days::new(1)) == Some(day) {
        Outcome::new("cooling_tomorrow").value("until_time", time)
    } else {
        Outcome::new("cooling_longer").value("until_day", day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_cooling_off_is_said_in_nairobi_s_days() {
        // Twenty past nine in the evening in Nairobi.
        let now = "2026-11-20T18:20:00Z".parse().unwrap();
        for (until, wanted) in [
            ("2026-11-20T20:59:00Z", "cooling_today"),
            ("2026-11-20T21:00:00Z", "cooling_tomorrow"),
            ("2026-11-21T18:20:00Z", "cooling_tomorrow"),
            ("2026-11-21T21:00:00Z", "cooling_longer"),
        ] {
            assert_eq!(cooling(until.parse().unwrap(), now).name, wanted, "{until}");
        }
    }
}
