//! What a stage is.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegionId(pub i32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ZoneId(pub i32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StageId(pub i32);

/// A part of the country, such as Nairobi. Its name has at most 24 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    pub id: RegionId,
    pub name: String,
}

/// A part of a region, such as the CBD of Nairobi. Its name has at most 24 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    pub id: ZoneId,
    pub name: String,
}

/// A place where riders wait for passengers and keep a fund together. Its name has at most 20 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    pub id: StageId,
    pub code: StageCode,
    pub name: String,
    /// The names of the zone and the region it lies in.
    pub zone: String,
    pub region: String,
}

/// A stage about to be written down. The zone and the region are written with it when they are new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    pub code: StageCode,
    pub name: String,
    pub zone: String,
    pub region: String,
}

/// How near one stage is to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// It is the same.
    Here,
    SameZone,
    SameRegion,
}

/// Three to five digits, such as `101`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageCode(String);

/// The text is not three to five digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stage code is three to five digits")]
pub struct NotAStageCode;

impl StageCode {
    /// Reads what a person types for a code; spaces around and between the digits are forgiven.
    pub fn parse(typed: &str) -> Result<StageCode, NotAStageCode> {
        let digits: String = typed.chars().filter(|c| *c != ' ').take(6).collect();
        let is_code = (3..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if is_code {
            Ok(StageCode(digits))
        } else {
            Err(NotAStageCode)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StageCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
