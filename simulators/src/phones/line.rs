//! Kenyan mobile numbers and the networks behind them.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A Kenyan mobile number, held as its twelve digits `2547…` or `2541…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Msisdn(String);

#[derive(Debug, thiserror::Error)]
#[error("not a Kenyan mobile number: write 254711000001, +254711000001 or 0711000001")]
pub struct NotAPhoneNumber;

impl Msisdn {
    pub fn parse(typed: &str) -> Result<Self, NotAPhoneNumber> {
        let digits = typed.trim().trim_start_matches('+');
        let national = digits
            .strip_prefix("254")
            .or(digits.strip_prefix('0'))
            .unwrap_or(digits);
        let mobile = national.len() == 9
            && national.starts_with(['7', '1'])
            && national.bytes().all(|byte| byte.is_ascii_digit());
        if mobile {
            Ok(Self(format!("254{national}")))
        } else {
            Err(NotAPhoneNumber)
        }
    }

    /// `254711000001`
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// `+254711000001`
    pub fn international(&self) -> String {
        format!("+{}", self.0)
    }

    /// The masked form of C2B v2: `2547 ***** 001`.
    pub(crate) fn masked(&self) -> String {
        format!("{} ***** {}", &self.0[..4], &self.0[9..])
    }

    /// SHA-256 over the digits in lower-case hex: how C2B v1 and hashed sending hide a number.
    pub(crate) fn hashed(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }

    /// The network that first sold numbers like this one; numbers can be carried to another.
    pub fn network(&self) -> Network {
        let prefix: u32 = self.0[3..6].parse().unwrap_or_default();
        match prefix {
            730..=739 | 750..=756 | 762 | 780..=789 | 100..=109 => Network::Airtel,
            763..=766 => Network::Equitel,
            770..=779 => Network::Telkom,
            _ => Network::Safaricom,
        }
    }
}

impl fmt::Display for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    Safaricom,
    Airtel,
    Telkom,
    Equitel,
}

impl Network {
    /// Country code and network code, with Africa's Talking's own additions.
    pub fn code(self) -> &'static str {
        match self {
            Network::Safaricom => "63902",
            Network::Airtel => "63903",
            Network::Telkom => "63907",
            Network::Equitel => "63999",
        }
    }

    pub fn carrier(self) -> &'static str {
        match self {
            Network::Safaricom => "Safaricom",
            Network::Airtel => "Airtel",
            Network::Telkom => "Telkom",
            Network::Equitel => "Equitel",
        }
    }

    /// Septets on one USSD screen. Airtel names 184, more than the standard's 182 can carry.
    pub fn screen_septets(self) -> usize {
        match self {
            Network::Airtel => 182,
            _ => 160,
        }
    }

    /// UTF-16 units on one USSD screen when a character needs them.
    pub fn screen_units(self) -> usize {
        70
    }

    /// Characters of one reply.
    pub fn reply_limit(self) -> usize {
        match self {
            Network::Airtel => 90,
            _ => 80,
        }
    }

    /// Seconds a customer may look at one screen.
    pub fn inactivity_seconds(self) -> u64 {
        match self {
            Network::Airtel => 60,
            _ => 30,
        }
    }
}
