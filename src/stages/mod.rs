//! Where riders work: regions, their zones, and the stages in them, each with the short code painted on its shelter.
//!
//! Who serves a stage as an official or a coordinator is said by [`crate::members`], because it is said of a member.

mod model;
mod store;
#[cfg(test)]
mod tests;

pub use model::{
    Nearness, NotAStageCode, Opening, Region, RegionId, Stage, StageCode, StageId, Zone, ZoneId,
};
pub use store::{
    find, find_by_code, is_name_taken, list, near, of_ids, open, regions, stages_in, zones,
};
