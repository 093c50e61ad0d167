//! What a fund pays for, and at most how much each time.

use chrono::NaiveDate;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::plans::of_stage;
use super::store::fund_rules as store;
use crate::events::Event;
use crate::fault::Fault;
use crate::primitives::{Money, nairobi_date};
use crate::work::Work;

/// Something a fund may pay for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FundEvent {
    Accident,
    Sickness,
    /// Of the rider.
    Death,
    /// In the rider's family.
    FamilyDeath,
    /// Of the bike.
    Theft,
}

impl FundEvent {
    pub const ALL: [FundEvent; 5] = [
        FundEvent::Accident,
        FundEvent::Sickness,
        FundEvent::Death,
        FundEvent::FamilyDeath,
        FundEvent::Theft,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            FundEvent::Accident => "accident",
            FundEvent::Sickness => "sickness",
            FundEvent::Death => "death",
            FundEvent::FamilyDeath => "family_death",
            FundEvent::Theft => "theft",
        }
    }

    pub fn parse(word: &str) -> Option<FundEvent> {
        FundEvent::ALL
            .into_iter()
            .find(|event| event.as_str() == word)
    }
}

/// What a fund pays when something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundRule {
    pub event: FundEvent,
    /// The most each time; nothing where this is not paid for.
    pub amount: Money,
    pub times_a_year: i16,
    pub from: NaiveDate,
}

/// Why a rule was not made.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    #[error("a rule holds from today on or later: what was promised before stays promised")]
    InThePast,
    #[error("another rule holds from that day")]
    Taken,
    #[error("a fund pays up to KES 1,000,000, one to twelve times a year")]
    Outside,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Makes a rule of a stage, or of every stage that has none of its own.
pub async fn set_rule(
    work: &mut Work,
    stage: Option<i32>,
    rule: FundRule,
) -> Result<(), RuleError> {
    if rule.from < nairobi_date(work.now) {
        return Err(RuleError::InThePast);
    }
    if !(0..=100_000_000).contains(&rule.amount.cents()) || !(1..=12).contains(&rule.times_a_year) {
        return Err(RuleError::Outside);
    }
    if !store::insert(work.conn(), stage, rule).await? {
        return Err(RuleError::Taken);
    }
    work.record(RuleSet {
        stage,
        event: rule.event,
        cents: rule.amount.cents(),
        from: rule.from,
    })
    .await?;
    Ok(())
}

/// What the fund of a stage pays for on a day, in the order of [`FundEvent::ALL`]; what it does not pay for is left out.
pub async fn rules_of(
    conn: &mut PgConnection,
    stage: i32,
    day: NaiveDate,
) -> Result<Vec<FundRule>, Fault> {
    let mut rules = store::in_force(conn, stage, day).await?;
    rules.retain(|rule| rule.amount.is_positive());
    rules.sort_by_key(|rule| rule.event);
    Ok(rules)
}

#[derive(Serialize)]
struct RuleSet {
    stage: Option<i32>,
    event: FundEvent,
    cents: i64,
    from: NaiveDate,
}

impl Event for RuleSet {
    const NAME: &'static str = "welfare.rule_set";
    fn subject(&self) -> Uuid {
        of_stage(self.stage.unwrap_or_default())
    }
}
