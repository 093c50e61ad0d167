//! Loans: a lender's money, lent to members on what they have contributed and on who vouches for them.
//!
//! A member asks on the phone; guarantors say yes to a part of it; staff approve, two people above a limit, and the money is
//! in the wallet with their yes. What falls due is told, what is missed is penalised once, and what is recovered beyond the
//! principal never passes it (*in duplum*). The lender is somebody else than the wallet: its money, its claims and its income
//! stand in accounts of their own, and nothing is lent from members' wallets or welfare funds.

mod ageing;
mod allocation;
mod applying;
mod daily;
mod deciding;
mod funding;
mod guarantee;
pub mod jobs;
mod limit;
mod model;
mod product;
mod reading;
mod repaying;
mod schedule;
mod store;
mod telling;
#[cfg(test)]
mod testing;
mod vouching;

pub use ageing::{Age, Bucket};
pub use allocation::{Book, Instalment, Missed, Part, Payoff, Split};
pub use applying::{Ask, AskError, Asked, DropError, Rules, ask, drop_request, limit_of, offers};
pub use daily::{due_for_a_look, look};
pub use deciding::{CaseFile, DecideError, approve, case_file, list, refuse, write_off};
pub use funding::{Funding, FundingError, fund, offer};
pub use limit::{Limit, LimitRules, Record, Why};
pub use model::{
    Agreed, Approval, Lent, Loan, LoanId, LoanNumber, Loss, NotAReason, NotNow, Reason, Stage,
    StageWord,
};
pub use product::{Component, NotAProduct, Offer, Product, ProductId, Quote, RepayOrder};
pub use reading::{Running, Standing, find, standing_of, statement_of};
pub use repaying::{RepayError, Repayment, repaid_by_mpesa, repay_from_wallet};
pub use schedule::{Method, Period, Planned, Terms};
pub use store::{Entry, Guarantee, GuaranteeState, Offered, Vouching, What};
pub use telling::{send_schedule, short_name};
pub use vouching::{
    AnswerError, Answered, GuarantorAsked, GuarantorError, Says, answer, ask_guarantor, asked_of,
    expire,
};
