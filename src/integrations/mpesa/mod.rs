//! Safaricom's Daraja: prompts on the rider's phone (STK push), questions about them, paybill confirmations, and money out
//! (B2C) with the questions about that.
//!
//! Nothing here decides what a payment is worth. Pure functions read the bytes; the client carries them.

mod answers;
mod client;
mod payouts;
mod pulling;
mod settings;
mod wire;

pub use answers::{
    Heard, Token, TokenTrouble, push_answer, query_answer, register_answer, token_answer,
};
pub use client::{CallFailure, MpesaClient, Registered};
pub use payouts::{payment_answer, question_answer, read_payment_result, read_status_result};
pub use pulling::{PulledPage, pull_answer, registration_answer};
pub use settings::{MpesaSettings, PayoutSettings, TransactionType};
pub use wire::{password, read_paybill, read_prompt_result};
