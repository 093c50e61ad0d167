//! The tables `pin_reset`, `pin_reset_voice`, `phone_change` and `phone_claim_try`.

pub(super) mod phone;
pub(super) mod reset;

use crate::fault::Fault;
use crate::primitives::Msisdn;

fn msisdn(kept: &str, table: &str) -> Result<Msisdn, Fault> {
    Msisdn::parse(kept).map_err(|_| Fault::broken(format!("a phone of {table} is none")))
}
