//! What a borrower or a guarantor asks for by menu.

use uuid::Uuid;

use crate::loans::{LoanId, ProductId, Says};
use crate::members::MemberId;
use crate::menu::Asked;
use crate::primitives::Money;

/// What is done about a loan.
pub(in crate::conversation) enum Lending {
    Apply(Wanted),
    AskGuarantor(MemberId),
    DropRequest,
    Vouch { loan: LoanId, says: Says },
    Repay(Money),
    RepayByMpesa(Money),
    SendSchedule,
}

/// A loan as somebody wants it.
#[derive(Clone, Copy, Debug)]
pub(in crate::conversation) struct Wanted {
    pub product: ProductId,
    pub principal: Money,
    pub instalments: u16,
}

impl Lending {
    /// Whether the member's PIN comes before it.
    pub fn needs_pin(&self) -> bool {
        match self {
            Lending::Apply(_) | Lending::Repay(_) | Lending::RepayByMpesa(_) => true,
            Lending::Vouch { says, .. } => matches!(says, Says::Yes(_)),
            Lending::AskGuarantor(_) | Lending::DropRequest | Lending::SendSchedule => false,
        }
    }
}

/// None for what is asked by nobody here.
pub(super) fn read(asked: &Asked) -> Option<Lending> {
    Some(match asked.intent {
        "apply_loan" => Lending::Apply(Wanted {
            product: product(asked)?,
            principal: amount(asked)?,
            instalments: asked.answer("loan_term").parse().ok()?,
        }),
        "ask_guarantor" => {
            let guarantor = Uuid::parse_str(asked.answer("recipient_id")).ok()?;
            Lending::AskGuarantor(MemberId(guarantor))
        }
        "drop_loan" => Lending::DropRequest,
        "answer_vouch" => Lending::Vouch {
            loan: loan(asked)?,
            says: Says::Yes(Some(amount(asked)?)),
        },
        "refuse_vouch" => Lending::Vouch {
            loan: loan(asked)?,
            says: Says::No,
        },
        "repay_loan" => Lending::Repay(amount(asked)?),
        "repay_loan_by_mpesa" => Lending::RepayByMpesa(amount(asked)?),
        "send_loan_schedule" => Lending::SendSchedule,
        _ => return None,
    })
}

/// The picked product and the typed amount of `check_loan_amount`.
pub(super) fn wanted(asked: &Asked) -> Option<(ProductId, Money)> {
    Some((product(asked)?, amount(asked)?))
}

fn product(asked: &Asked) -> Option<ProductId> {
    asked.answer("loan_product").parse().ok().map(ProductId)
}

fn amount(asked: &Asked) -> Option<Money> {
    Money::parse_typed(asked.answer("amount")).ok()
}

fn loan(asked: &Asked) -> Option<LoanId> {
    Uuid::parse_str(asked.answer("vouch_loan")).ok().map(LoanId)
}
