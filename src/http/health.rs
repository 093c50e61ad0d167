//! How we are, for whoever decides where requests go and whom to wake.
//!
//! Alive and able are two questions. [`alive`] touches nothing: while the loop turns the answer is yes, and with Postgres
//! away we still take emergencies. The others ask one dependency each and answer 503 when it does not.

use std::future::Future;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use redis::aio::ConnectionLike;
use serde::Serialize;
use sqlx::PgPool;

/// A dependency that has not answered by then is down.
const PATIENCE: Duration = Duration::from_secs(1);
/// Due work that old means that nobody works.
const OLDEST_DUE_JOB: Duration = Duration::from_secs(60);

/// The answer of a health route.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    pub status: Status,
    /// Figures, or what is wrong in plain words.
    #[serde(skip_serializing_if = "serde_json::Value::is_null")]
    pub detail: serde_json::Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Up,
    /// Works, but somebody should look. Still 200.
    Degraded,
    Down,
}

/// What waits in the jobs table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Queue {
    pub due: u64,
    pub running: u64,
    pub given_up: u64,
    /// Seconds since the oldest due job was due.
    pub oldest_due_s: u64,
}

/// One provider as its adapter last saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Integration {
    pub name: &'static str,
    pub status: Status,
    /// The lanes whose messages go through another provider at present, because this one does not work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over_by: Vec<&'static str>,
}

/// `/health`: this process turns. Never touches a dependency.
pub async fn alive() -> Health {
    Health::up(serde_json::Value::Null)
}

/// `/health/db`: Postgres answers a query.
pub async fn database(pool: &PgPool) -> Health {
    // Not the checked macro: this asks for no table.
    asked("Postgres", sqlx::query("select 1").execute(pool)).await
}

/// `/health/redis`: Redis answers a ping. A single node's manager or a cluster's connection.
pub async fn redis(connection: &(impl ConnectionLike + Clone)) -> Health {
    let mut connection = connection.clone();
    asked("Redis", async move {
        redis::cmd("PING")
            .query_async::<String>(&mut connection)
            .await
    })
    .await
}

/// `/health/jobs`: due work is being done. Given-up jobs wait for a person and only degrade.
pub async fn jobs<E: std::fmt::Display>(queue: impl Future<Output = Result<Queue, E>>) -> Health {
    let queue = match tokio::time::timeout(PATIENCE, queue).await {
        Ok(Ok(queue)) => queue,
        Ok(Err(error)) => return Health::down("the jobs table", &error),
        Err(_) => return Health::down("the jobs table", &"no answer in time"),
    };
    let status = if queue.oldest_due_s > OLDEST_DUE_JOB.as_secs() {
        Status::Down
    } else if queue.given_up > 0 {
        Status::Degraded
    } else {
        Status::Up
    };
    Health {
        status,
        detail: serde_json::json!(queue),
    }
}

/// `/health/integrations`: the providers as last seen; asking costs them nothing. Down only when all of them are.
pub async fn integrations(seen: Vec<Integration>) -> Health {
    let down = seen
        .iter()
        .filter(|integration| integration.status == Status::Down)
        .count();
    let status = if down > 0 && down == seen.len() {
        Status::Down
    } else if seen
        .iter()
        .any(|integration| integration.status != Status::Up)
    {
        Status::Degraded
    } else {
        Status::Up
    };
    Health {
        status,
        detail: serde_json::json!(seen),
    }
}

async fn asked<T, E: std::fmt::Display>(
    whom: &str,
    question: impl Future<Output = Result<T, E>>,
) -> Health {
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(Ok(_)) => Health::up(serde_json::Value::Null),
        Ok(Err(error)) => Health::down(whom, &error),
        Err(_) => Health::down(whom, &"no answer in time"),
    }
}

impl Health {
    fn up(detail: serde_json::Value) -> Health {
        Health {
            status: Status::Up,
            detail,
        }
    }

    // The reason goes to the log only: these routes are open, and an error may name hosts and users.
    fn down(whom: &str, reason: &dyn std::fmt::Display) -> Health {
        tracing::warn!(error = %reason, "{whom} does not answer");
        Health {
            status: Status::Down,
            detail: serde_json::json!(format!("{whom} does not answer")),
        }
    }
}

impl IntoResponse for Health {
    fn into_response(self) -> Response {
        let status = if self.status == Status::Down {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        };
        (status, axum::Json(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    #[tokio::test]
    async fn jobs_are_down_when_nobody_works_and_degraded_when_some_wait_for_a_person() {
        let told = async |queue: Queue| jobs(async { Ok::<_, Fault>(queue) }).await.status;
        assert_eq!(
            told(Queue {
                due: 3,
                oldest_due_s: 2,
                ..Queue::default()
            })
            .await,
            Status::Up
        );
        assert_eq!(
            told(Queue {
                given_up: 1,
                ..Queue::default()
            })
            .await,
            Status::Degraded
        );
        assert_eq!(
            told(Queue {
                due: 1,
                oldest_due_s: 61,
                ..Queue::default()
            })
            .await,
            Status::Down
        );
        assert_eq!(
            jobs(async { Err(Fault::broken("x")) }).await.status,
            Status::Down
        );
    }

    #[tokio::test]
    async fn one_provider_away_degrades_and_all_away_is_down() {
        let seen = |statuses: &[Status]| {
            statuses
                .iter()
                .map(|status| Integration {
                    passed_over_by: Vec::new(),
                    name: "one",
                    status: *status,
                })
                .collect()
        };
        assert_eq!(
            integrations(seen(&[Status::Up, Status::Up])).await.status,
            Status::Up
        );
        assert_eq!(
            integrations(seen(&[Status::Up, Status::Down])).await.status,
            Status::Degraded
        );
        assert_eq!(
            integrations(seen(&[Status::Down, Status::Down]))
                .await
                .status,
            Status::Down
        );
        assert_eq!(integrations(seen(&[])).await.status, Status::Up);
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_a_503_that_names_no_host() {
        let pool = PgPool::connect_lazy("postgres://somebody:secret@127.0.0.1:1/none").unwrap();
        let response = database(&pool).await.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = axum::body::to_bytes(response.into_body(), 1000)
            .await
            .unwrap();
        assert_eq!(
            &body[..],
            br#"{"status":"down","detail":"Postgres does not answer"}"#
        );
    }

    #[tokio::test]
    async fn silence_is_down_after_a_second() {
        assert_eq!(
            asked("It", std::future::pending::<Result<(), Fault>>())
                .await
                .status,
            Status::Down
        );
    }
}
