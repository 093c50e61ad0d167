//! A request that must not be done twice: it comes with a key of its client's choice, and its answer is kept under it.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::deed::Deed;
use super::desk::Desk;
use super::refusals;
use super::store::{self, Claim};
use crate::http::Problem;

const HEADER: &str = "idempotency-key";
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=100;

/// The header `Idempotency-Key`: 8 to 100 visible characters.
pub(super) struct OnceKey(String);

/// A key that was claimed for the request that is being done.
pub(super) struct Once {
    owner: String,
    key: String,
}

impl<S: Send + Sync> FromRequestParts<S> for OnceKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<OnceKey, Problem> {
        let needed = || {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency_key_needed",
                "This must not be done twice: send `Idempotency-Key` with 8 to 100 characters of your own choice.",
            )
        };
        let header = parts.headers.get(HEADER).ok_or_else(needed)?;
        let key = header.to_str().map_err(|_| needed())?.trim();
        let fits = LENGTHS.contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            Ok(OnceKey(key.to_owned()))
        } else {
            Err(needed())
        }
    }
}

impl Once {
    /// Claims the key in the deed's own transaction. A twin waits here for the first one and then gets its answer, which is
    /// the `Err` of the inner result.
    ///
    /// # Errors
    /// The key was used for another request.
    pub async fn claim(
        desk: &Desk,
        deed: &mut Deed,
        OnceKey(key): OnceKey,
        route: &str,
        asked: &impl Serialize,
    ) -> Result<Result<Once, Value>, Problem> {
        let body = serde_json::to_vec(asked).map_err(crate::fault::Fault::from)?;
        let request = Sha256::new()
            .chain_update(route)
            .chain_update([0])
            .chain_update(body);
        let owner = desk.officer.id.to_string();
        let now = desk.now();
        match store::claim(
            deed.work.conn(),
            &owner,
            &key,
            &request.finalize().into(),
            now,
        )
        .await?
        {
            Claim::First => Ok(Ok(Once { owner, key })),
            Claim::Answered(answer) => Ok(Err(answer)),
            Claim::Other => Err(refusals::conflict(
                "idempotency_key_reused",
                "This key was used for another request.",
            )),
        }
    }

    /// Keeps the answer for whoever asks again.
    pub async fn answered(self, deed: &mut Deed, answer: &impl Serialize) -> Result<(), Problem> {
        let answer = serde_json::to_value(answer).map_err(crate::fault::Fault::from)?;
        store::answered(deed.work.conn(), &self.owner, &self.key, &answer).await?;
        Ok(())
    }
}
