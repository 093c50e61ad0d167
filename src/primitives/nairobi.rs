//! Days and dates as people in Kenya count them: East Africa Time, UTC+3, no daylight saving.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeZone, Utc};

/// East Africa Time.
pub const NAIROBI: FixedOffset = match FixedOffset::east_opt(3 * 3600) {
    Some(offset) => offset,
    None => panic!("three hours are a valid offset"),
};

/// The calendar day in Nairobi at this instant.
pub fn nairobi_date(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&NAIROBI).date_naive()
}

/// The instant at which this Nairobi day begins.
pub fn nairobi_day_start(day: NaiveDate) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    NAIROBI
        .from_local_datetime(&midnight)
        .single()
        .map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc))
}
