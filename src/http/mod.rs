//! What every HTTP edge shares: who may knock, who is knocking, how a refusal looks, and how we are.

pub mod health;
pub mod peer;
mod problem;
mod request;
mod server;
mod to_the_end;
mod webhook_key;

pub use problem::{FieldProblem, Problem};
pub use request::{RequestId, identify};
pub use server::serve;
pub use to_the_end::to_the_end;
pub use webhook_key::{WebhookKeys, require_webhook_key};
