//! What a reporter's own phone may show of their alarm.

use super::model::CaseNumber;
use super::store::cases;
use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::work::Work;

/// A phone's open alarm, as far as it may show on that phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAlarm {
    pub number: CaseNumber,
    /// The place was told.
    pub has_place: bool,
}

/// The open alarm this phone raised. None as well when nothing on the phone may show that there is one.
pub async fn own_alarm(work: &mut Work, msisdn: &Msisdn) -> Result<Option<OwnAlarm>, Fault> {
    let case = cases::lock_open_of(work.conn(), msisdn).await?;
    Ok(case.filter(|case| !case.silent).map(|case| OwnAlarm {
        number: case.number,
        has_place: case.place.is_some(),
    }))
}
