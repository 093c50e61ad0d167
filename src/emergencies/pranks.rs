//! Phones whose alarms were often false. Their next alarm goes out like any other; those who are asked to come are told.

use chrono::TimeDelta;

use super::alerting::Recipient;
use super::model::Case;
use super::store::reports;
use super::telling::tell;
use crate::fault::Fault;
use crate::messages::Values;
use crate::primitives::Msisdn;
use crate::work::Work;

/// So many false alarms within [`REMEMBERED_FOR`] are told of.
const FALSE_ALARMS_TOLD: i64 = 3;
const REMEMBERED_FOR: TimeDelta = TimeDelta::days(30);

/// Whether so many alarms of this phone were false that it is worth saying.
pub(super) async fn has_pranked(work: &mut Work, reporter: &Msisdn) -> Result<bool, Fault> {
    Ok(false_alarms(work, reporter).await? >= FALSE_ALARMS_TOLD)
}

/// Tells those alerted how many alarms of this phone were false before; nothing when they were few. It may be true
/// this time, so it does not say that they should stay.
pub(super) async fn tell_of_false_alarms(
    work: &mut Work,
    case: &Case,
    recipients: &[Recipient],
) -> Result<(), Fault> {
    let before = false_alarms(work, &case.msisdn).await?;
    if before < FALSE_ALARMS_TOLD {
        return Ok(());
    }
    for to in recipients {
        let values = Values::new()
            .code("case", case.number.serial.to_string())
            .count("before", u32::try_from(before).unwrap_or(99).min(99));
        tell(
            work,
            &to.msisdn,
            to.language,
            "emergency.false_before",
            values,
            case.id,
            "false_before",
        )
        .await?;
    }
    Ok(())
}

async fn false_alarms(work: &mut Work, reporter: &Msisdn) -> Result<i64, Fault> {
    let since = work.now - REMEMBERED_FOR;
    reports::false_alarms(work.conn(), reporter, since).await
}
