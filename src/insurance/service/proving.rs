//! Is somebody covered? Anyone may ask, and is told yes or no, until when, and nothing else.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::fault::Fault;
use crate::insurance::number::{PolicyNumber, ProofCode};
use crate::insurance::store;
use crate::primitives::Msisdn;
use crate::work::Work;

/// Who asks, so that nobody tries one code after the other.
#[derive(Clone, Debug)]
pub enum Asker {
    Phone(Msisdn),
    Address(IpAddr),
}

/// What everybody may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Covered {
        until: DateTime<Utc>,
    },
    /// Nobody has this number or code, or it covers nobody now: which of these is not said.
    NotCovered,
    AskedTooOften,
}

/// How many questions one phone, or one address, may ask in a clock hour: a traffic policeman checks more than one rider, and a
/// hospital's computers share an address.
const BY_PHONE_MAX: i32 = 20;
const BY_ADDRESS_MAX: i32 = 60;

/// Answers somebody who has a policy's number or code.
pub async fn prove(work: &mut Work, asker: &Asker, typed: &str) -> Result<Proof, Fault> {
    let now = work.now;
    let asked = store::asking::count_question(work.conn(), &asker.key(), now).await?;
    if asked > asker.questions_max() {
        return Ok(Proof::AskedTooOften);
    }
    let number = PolicyNumber::parse(typed).ok();
    let code = ProofCode::parse(typed);
    if number.is_none() && code.is_none() {
        return Ok(Proof::NotCovered);
    }
    let found = store::policies::find_named(work.conn(), number, code.as_ref()).await?;
    let Some(policy) = found.filter(|policy| policy.stage.is_in_force()) else {
        return Ok(Proof::NotCovered);
    };
    let cover = store::premiums::cover_of(work.conn(), policy.id).await?;
    Ok(cover
        .covered_until(now)
        .map_or(Proof::NotCovered, |until| Proof::Covered { until }))
}

impl Asker {
    fn key(&self) -> String {
        match self {
            Asker::Phone(msisdn) => format!("phone {}", msisdn.digits()),
            Asker::Address(address) => format!("address {address}"),
        }
    }

    fn questions_max(&self) -> i32 {
        match self {
            Asker::Phone(_) => BY_PHONE_MAX,
            Asker::Address(_) => BY_ADDRESS_MAX,
        }
    }
}
