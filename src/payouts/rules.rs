//! How long we wait, how often we ask, what a payout costs and who must agree to it.

use chrono::TimeDelta;

use super::model::Purpose;
use crate::primitives::Money;

/// Everything about payouts that could be otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What a member pays for a withdrawal, on top of the amount.
    pub withdrawal_fee: Money,
    /// Above these a second person has to agree.
    pub withdrawal_alone_up_to: Money,
    pub support_alone_up_to: Money,
    pub refund_alone_up_to: Money,
    /// After a change of PIN, phone or SIM no money leaves for so long.
    pub cooling_off: TimeDelta,
    /// M-PESA refuses the same amount to the same number within two minutes (code 17).
    pub between_equal: TimeDelta,
    /// An accepted payment without a result, or one without an answer, is in doubt after this.
    pub silent_after: TimeDelta,
    /// When to ask about a payment, counted from its handing over.
    pub questions: Vec<TimeDelta>,
    /// When to ask after something that only a question can settle.
    pub questions_after_doubt: Vec<TimeDelta>,
    /// When the rider hears that M-PESA is slow.
    pub tell_slow_after: TimeDelta,
    /// When a person has to find out.
    pub give_up_after: TimeDelta,
    /// When what could not be handed over is given back.
    pub waits_at_most: TimeDelta,
    pub pause_float: TimeDelta,
    pub pause_maintenance: TimeDelta,
    pub pause_quota: TimeDelta,
    pub pause_rate: TimeDelta,
    pub unreachable_again_after: TimeDelta,
}

/// The least M-PESA pays out, in shillings.
pub const SHILLINGS_MIN: i64 = 10;
/// The most we pay out in one go, in shillings: what the menus can hold, below M-PESA's 250,000.
pub const SHILLINGS_MAX: i64 = 150_000;

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            withdrawal_fee: Money::ZERO,
            withdrawal_alone_up_to: Money::from_shillings(20_000),
            support_alone_up_to: Money::from_shillings(2_000),
            refund_alone_up_to: Money::ZERO,
            cooling_off: TimeDelta::hours(24),
            between_equal: TimeDelta::seconds(125),
            silent_after: TimeDelta::minutes(2),
            questions: [2, 5, 15, 60, 180, 480, 1200]
                .map(TimeDelta::minutes)
                .to_vec(),
            questions_after_doubt: vec![TimeDelta::seconds(5), TimeDelta::minutes(2)],
            tell_slow_after: TimeDelta::minutes(5),
            give_up_after: TimeDelta::hours(24),
            waits_at_most: TimeDelta::hours(24),
            pause_float: TimeDelta::minutes(15),
            pause_maintenance: TimeDelta::minutes(2),
            pause_quota: TimeDelta::minutes(3),
            pause_rate: TimeDelta::seconds(3),
            unreachable_again_after: TimeDelta::seconds(30),
        }
    }
}

impl Rules {
    /// Whether a second person has to agree to so much.
    pub fn needs_approval(&self, purpose: &Purpose, amount: Money) -> bool {
        let alone = match purpose {
            Purpose::Withdrawal { .. } => self.withdrawal_alone_up_to,
            Purpose::Support { .. } => self.support_alone_up_to,
            Purpose::Refund { .. } => self.refund_alone_up_to,
        };
        amount > alone
    }

    /// Whether M-PESA can pay this: whole shillings within its bounds.
    pub fn is_payable(amount: Money) -> bool {
        amount.is_whole_shillings()
            && amount >= Money::from_shillings(SHILLINGS_MIN)
            && amount <= Money::from_shillings(SHILLINGS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_above_its_bound_a_purpose_needs_a_second_person() {
        let rules = Rules {
            withdrawal_alone_up_to: Money::from_shillings(20_000),
            refund_alone_up_to: Money::ZERO,
            ..Rules::default()
        };
        let withdrawal = Purpose::Withdrawal {
            member: Uuid::nil(),
        };
        let needs = |shillings| rules.needs_approval(&withdrawal, Money::from_shillings(shillings));
        assert_eq!([needs(20_000), needs(20_001)], [false, true]);
        let refund = Purpose::Refund {
            refunded: crate::payments::Receipt::parse("TKQ1ABCDE2").unwrap(),
        };
        assert!(rules.needs_approval(&refund, Money::from_shillings(10)));
    }

    #[test]
    fn amounts_that_mpesa_does_not_pay() {
        for (cents, payable) in [
            (0, false),
            (-1_000, false),
            (999, false),
            (1_000, true),
            (1_050, false),
            (15_000_000, true),
            (15_000_100, false),
        ] {
            assert_eq!(
                Rules::is_payable(Money::from_cents(cents)),
                payable,
                "{cents}"
            );
        }
    }
}
