//! The tables `insurance_quote`, `policy`, `premium`, `premium_refund`, `cover_notice` and `cover_question`.

pub(super) mod asking;
pub(super) mod policies;
pub(super) mod premiums;
pub(super) mod quotes;
pub mod reading;
