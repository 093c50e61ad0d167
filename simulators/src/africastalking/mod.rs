//! Africa's Talking as its customers meet it: plain-text refusals, 201 for sends, webhooks without a signature.

mod account;
mod form;
pub mod sms;
pub mod ussd;
pub mod voice;

pub(crate) use sms::MessageBook;
pub(crate) use voice::CallBook;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::world::World;

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/version1/messaging", post(sms::send).get(sms::fetch))
        .route("/version1/messaging/bulk", post(sms::send))
        .route("/version1/user", get(account::user))
        .route("/version1/subscription", get(account::subscriptions))
        .route("/version1/subscription/create", post(account::subscribe))
        .route("/version1/subscription/delete", post(account::unsubscribe))
        .route(
            "/version1/subscription/safaricom",
            post(account::subscribe_safaricom),
        )
        .route("/auth-token/generate", post(account::token))
        .route("/call", post(voice::place))
        .route("/queueStatus", post(voice::queue_status))
        .route("/mediaUpload", post(voice::media_upload))
        .route("/callTransfer", post(voice::transfer))
}
