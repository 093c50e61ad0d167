//! What the desk's JSON API allows.

use std::num::NonZeroU32;

use super::Reader;

#[derive(Debug)]
pub struct Api {
    /// Requests an hour from one address that nobody has signed in for.
    pub anonymous_per_hour: NonZeroU32,
    /// Requests an hour of one account or key.
    pub signed_in_per_hour: NonZeroU32,
    /// Live feeds this process keeps open at once.
    pub feeds: usize,
}

pub(super) fn api(read: &mut Reader) -> Option<Api> {
    let anonymous_per_hour = read.number("api.anonymous_per_hour", 1..=1_000_000);
    let signed_in_per_hour = read.number("api.signed_in_per_hour", 1..=1_000_000);
    let feeds = read.number("api.feeds", 0..=1000);
    Some(Api {
        anonymous_per_hour: NonZeroU32::new(anonymous_per_hour?)?,
        signed_in_per_hour: NonZeroU32::new(signed_in_per_hour?)?,
        feeds: feeds? as usize,
    })
}
