//! Something an officer does: a transaction that cannot be committed without a line in the book.

use crate::audit::{self, Act, Trail};
use crate::http::Problem;
use crate::work::Work;

/// Dropped without [`Deed::commit`], it leaves nothing.
pub(super) struct Deed {
    pub work: Work,
    trail: Trail,
}

impl Deed {
    pub fn new(work: Work, trail: Trail) -> Deed {
        Deed { work, trail }
    }

    /// Writes what was done into the book and makes all of it true at once.
    pub async fn commit(mut self, act: Act) -> Result<(), Problem> {
        audit::write(&mut self.work, &self.trail, act).await?;
        Ok(self.work.commit().await?)
    }

    /// Keeps what was counted although the deed was refused, such as a wrong password.
    pub async fn keep_refusal(self) -> Result<(), Problem> {
        Ok(self.work.commit().await?)
    }
}
