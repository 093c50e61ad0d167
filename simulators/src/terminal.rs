//! A phone in a terminal.

use crate::phones::Msisdn;

/// Holds one phone until its owner leaves.
pub async fn hold(_msisdn: &Msisdn, _url: &str) -> anyhow::Result<()> {
    anyhow::bail!("this needs a terminal")
}
