//! Whose money it is, and where it stands.

use uuid::Uuid;

/// An account, known by what it is for. Its row is found by kind and owner, and opened by the first posting that names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// What M-PESA holds for us under the paybill. It stands for the world outside, so it is negative by what came in.
    MpesaPaybill,
    /// The welfare fund of one stage, by the stage's id.
    Fund(i32),
    /// The welfare fund of everybody.
    GeneralFund,
    /// A member's own money, by the member's id. Never below zero.
    Wallet(Uuid),
    /// Premiums that are an insurer's, by the insurer's name. Below zero the insurer owes us.
    InsurerPremium(String),
    /// What we earned of an insurer's premiums, by the insurer's name.
    CommissionIncome(String),
    /// Registration and other fees earned.
    FeeIncome,
    /// Money that came and fits nothing yet.
    Suspense,
    /// Money that has left its account and not yet reached the other side.
    InFlight(Rail),
    /// What somebody was paid who had been given the money back already. It stands for the world outside.
    OwedBack,
    /// Where the money of a lender, by its id, comes from. It stands for the world outside.
    LenderBank(i32),
    /// A lender's money that may be lent.
    LoanFund(i32),
    /// A lender's claims, all together: negative by what is lent out.
    LoanBook(i32),
    /// The claim on one loan, by the loan's id: what of its principal is not paid back.
    LoanPrincipal(Uuid),
    /// What a lender has earned.
    LoanIncome(i32, Earning),
}

/// What a lender earns by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Earning {
    Interest,
    Fee,
    Penalty,
}

/// A way for money to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rail {
    Mpesa,
}

impl Account {
    /// The kind, as `ledger.account_kind` has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Account::MpesaPaybill => "mpesa_paybill",
            Account::Fund(_) => "fund",
            Account::GeneralFund => "general_fund",
            Account::Wallet(_) => "wallet",
            Account::InsurerPremium(_) => "insurer_premium",
            Account::CommissionIncome(_) => "commission_income",
            Account::FeeIncome => "fee_income",
            Account::Suspense => "suspense",
            Account::InFlight(_) => "in_flight",
            Account::OwedBack => "owed_back",
            Account::LenderBank(_) => "lender_bank",
            Account::LoanFund(_) => "loan_fund",
            Account::LoanBook(_) => "loan_book",
            Account::LoanPrincipal(_) => "loan_principal",
            Account::LoanIncome(..) => "loan_income",
        }
    }

    /// Who among the accounts of this kind; empty where there is only one.
    pub fn owner(&self) -> String {
        match self {
            Account::Fund(stage) => stage.to_string(),
            Account::Wallet(member) => member.to_string(),
            Account::InsurerPremium(insurer) | Account::CommissionIncome(insurer) => {
                insurer.clone()
            }
            Account::InFlight(Rail::Mpesa) => "mpesa".to_owned(),
            Account::LenderBank(lender) | Account::LoanFund(lender) | Account::LoanBook(lender) => {
                lender.to_string()
            }
            Account::LoanPrincipal(loan) => loan.to_string(),
            Account::LoanIncome(lender, earning) => format!("{lender}/{}", earning.as_str()),
            Account::MpesaPaybill
            | Account::GeneralFund
            | Account::FeeIncome
            | Account::Suspense
            | Account::OwedBack => String::new(),
        }
    }
}

impl Earning {
    fn as_str(self) -> &'static str {
        match self {
            Earning::Interest => "interest",
            Earning::Fee => "fee",
            Earning::Penalty => "penalty",
        }
    }
}
