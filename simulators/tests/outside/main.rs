//! The outside against the vendors' protocols: a tiny gateway on one side, people on the other.

mod c2b;
mod control;
mod payouts;
mod prompts;
mod sms;
mod stk;
mod support;
mod twilio;
mod ussd;
mod voice;
