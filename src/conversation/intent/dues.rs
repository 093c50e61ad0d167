//! Paying a renewal, a fee or a fine.

use uuid::Uuid;

use crate::dues::Due;
use crate::invoices::InvoiceId;
use crate::menu::Asked;
use crate::primitives::Money;

pub(in crate::conversation) struct PayingDue {
    pub due: Due,
    /// As the screen said it.
    pub shown: Money,
    pub from_wallet: bool,
}

pub(super) fn read(asked: &Asked) -> Option<PayingDue> {
    let from_wallet = match asked.intent {
        "pay_due" => false,
        "pay_due_from_wallet" => true,
        _ => return None,
    };
    let due = match asked.answer("due") {
        "renewal" => Due::Renewal,
        invoice => Due::Invoice(InvoiceId(Uuid::parse_str(invoice).ok()?)),
    };
    Some(PayingDue {
        due,
        shown: Money::parse_typed(asked.answer("due_amount")).ok()?,
        from_wallet,
    })
}
