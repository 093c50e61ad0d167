//! Saying yes by a key in a call.

use super::answer::{AnswerError, Which, accept};
use super::model::Case;
use crate::fault::Fault;
use crate::primitives::Msisdn;
use crate::work::Work;

/// Whoever was called is on the case from now on, as if they had texted `1`. Pressed twice, it is said once.
pub(super) async fn by_call(work: &mut Work, case: &Case, msisdn: &Msisdn) -> Result<(), Fault> {
    match accept(work, msisdn, Which::Id(case.id), None).await {
        Ok(_) => Ok(()),
        Err(AnswerError::Fault(fault)) => Err(fault),
        Err(refused) => {
            tracing::warn!(emergency = %case.id.0, %refused, "A key in a call could not be taken as a yes");
            Ok(())
        }
    }
}
