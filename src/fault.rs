//! What went wrong on our side. Refusals are for the caller and live with each deed; a fault is for us.

/// A fault of ours or of something we stand on. It is logged once, at the edge, and never shown to a rider.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the session store: {0}")]
    Redis(#[from] redis::RedisError),
    #[error("json: {0}")]
    Json(#[from] serde_json::Error),
    /// A row, file or answer that cannot be true. Names the table and the id, never a person.
    #[error("{0}")]
    Broken(String),
}

impl Fault {
    /// Something of ours that makes no sense: a row, a stored value. Says where, never what a person typed.
    pub fn broken(what: impl Into<String>) -> Fault {
        Fault::Broken(what.into())
    }

    /// True when the same deed may succeed a moment later: a dependency is away or two transactions met.
    pub fn is_passing(&self) -> bool {
        match self {
            Fault::Redis(_) => true,
            Fault::Database(sqlx::Error::Database(refusal)) => {
                // Class 08 connection, 40 rollback, 53 resources, 57 operator intervention, 55P03 lock timeout.
                refusal.code().is_some_and(|code| {
                    ["08", "40", "53", "57", "55"]
                        .iter()
                        .any(|class| code.starts_with(class))
                })
            }
            Fault::Database(error) => {
                matches!(
                    error,
                    sqlx::Error::Io(_)
                        | sqlx::Error::PoolTimedOut
                        | sqlx::Error::PoolClosed
                        | sqlx::Error::WorkerCrashed
                )
            }
            Fault::Json(_) | Fault::Broken(_) => false,
        }
    }
}
