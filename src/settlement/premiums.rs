//! A premium came by M-PESA.

use uuid::Uuid;

use crate::app::App;
use crate::fault::Fault;
use crate::insurance::{self, PolicyId};
use crate::payments::{ObligationId, Receipt};
use crate::primitives::Money;
use crate::work::Work;

/// It pays for cover, or is the member's own money, and the member hears which.
pub(super) async fn came(
    app: &App,
    work: &mut Work,
    obligation: ObligationId,
    policy: Uuid,
    amount: Money,
    code: &str,
) -> Result<(), Fault> {
    let policy = PolicyId(policy);
    let came = insurance::premium_came(work, &app.shelf, obligation.0, policy, amount).await?;
    let once = obligation.to_string();
    insurance::tell_of_premium(work, &app.shelf, &came, amount, code, &once).await
}

/// The same premium once more: the cover lasts longer by it.
pub(super) async fn came_twice(
    app: &App,
    work: &mut Work,
    obligation: ObligationId,
    policy: Uuid,
    amount: Money,
    receipt: Option<&Receipt>,
) -> Result<(), Fault> {
    // No obligation of its own stands behind it, so its name is made of the receipt.
    let name = receipt.map_or("twice", Receipt::as_str);
    let payment = Uuid::new_v5(&obligation.0, name.as_bytes());
    let policy = PolicyId(policy);
    let came = insurance::premium_came(work, &app.shelf, payment, policy, amount).await?;
    let (shown, once) = (super::shown(receipt), payment.to_string());
    insurance::tell_of_premium(work, &app.shelf, &came, amount, &shown, &once).await
}
