//! What the welfare fund is told, and what it tells its members.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::primitives::{MaskedName, Money};

/// A settled payment that somebody meant for the welfare fund of a stage.
#[derive(Clone, Debug)]
pub struct ContributionReceived {
    pub member: Uuid,
    pub stage: i32,
    pub amount: Money,
    /// One payment counts once, whatever tells of it and however often.
    pub payment: Uuid,
    /// The provider's own receipt number, such as M-PESA's `TKQ1ABCDE2`.
    pub provider_receipt: String,
    pub from: PaidFrom,
}

/// Where a contribution's money was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaidFrom {
    Mpesa,
    /// The member's own wallet.
    Wallet,
}

/// Money that leaves a stage's fund for one of its members.
#[derive(Clone, Debug)]
pub struct SupportHeld {
    pub member: Uuid,
    pub stage: i32,
    pub amount: Money,
    /// Names the payout: the same again is the same movement.
    pub payout: Uuid,
}

/// What every member may see of the fund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundStatement {
    pub balance: Money,
    /// Since the first of this month, Nairobi time.
    pub month_in: Money,
    pub month_out: Money,
    /// The last five, newest first.
    pub last: Vec<Movement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    pub at: DateTime<Utc>,
    pub direction: Direction,
    pub amount: Money,
    /// Who paid, or whom it was for.
    pub person: MaskedName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// What a member has contributed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// None before the first contribution.
    pub first_at: Option<DateTime<Utc>>,
    pub contributed: Money,
}
