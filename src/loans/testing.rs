//! A product for tests.

use super::product::{Offer, RepayOrder};
use super::schedule::{Method, Period};
use crate::primitives::Money;

/// 18 % flat a year, weekly.
pub(super) fn offer() -> Offer {
    Offer {
        code: "boda_weekly".into(),
        name_en: "Boda weekly".into(),
        name_sw: "Boda wiki".into(),
        method: Method::Flat,
        rate_bp: 1_800,
        period: Period::Week,
        terms: vec![4, 8, 12],
        least: Money::from_shillings(500),
        most: Money::from_shillings(20_000),
        fee: Money::from_shillings(50),
        fee_bp: 100,
        guarantors: 1,
        penalty: Money::ZERO,
        penalty_bp: 500,
        grace_days: 3,
        repay_order: RepayOrder::PENALTY_FIRST,
        two_above: Money::from_shillings(10_000),
    }
}
