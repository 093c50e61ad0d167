//! What money out costs, and who has to agree to it.

use chrono::TimeDelta;

use super::reading::Reader;
use crate::primitives::Money;

#[derive(Debug)]
pub struct Payouts {
    /// What a member pays for a withdrawal, on top of the amount; may be nothing.
    pub withdrawal_fee: Money,
    /// Above these a second person has to agree.
    pub withdrawal_alone_up_to: Money,
    pub support_alone_up_to: Money,
    pub refund_alone_up_to: Money,
    /// No money leaves for so long after a change of PIN, phone or SIM.
    pub cooling_off: TimeDelta,
}

pub(super) fn payouts(read: &mut Reader) -> Option<Payouts> {
    let withdrawal_fee = read.money("payouts.withdrawal_fee");
    let withdrawal_alone_up_to = read.money("payouts.withdrawal_alone_up_to");
    let support_alone_up_to = read.money("payouts.support_alone_up_to");
    let refund_alone_up_to = read.money("payouts.refund_alone_up_to");
    let cooling_off = read.number("payouts.cooling_off_hours", 0..=720);
    Some(Payouts {
        withdrawal_fee: withdrawal_fee?,
        withdrawal_alone_up_to: withdrawal_alone_up_to?,
        support_alone_up_to: support_alone_up_to?,
        refund_alone_up_to: refund_alone_up_to?,
        cooling_off: TimeDelta::hours(cooling_off?.into()),
    })
}
