//! What a webhook has begun is ended, whoever stops waiting for the answer.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

/// Middleware: runs the handler in a task of its own, so that a client that hangs up does not stop it half way.
///
/// Providers give up after seconds, and what they came to tell they may tell only once. A panic goes on to whoever called.
pub async fn to_the_end(request: Request, next: Next) -> Response {
    let handling = next.run(request).instrument(tracing::Span::current());
    match tokio::spawn(handling).await {
        Ok(response) => response,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The process is stopping.
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use axum::body::Body;
    use axum::{Router, middleware, routing::post};
    use sqlx::{ConnectOptions, PgPool};
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Notify;
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    #[sqlx::test(migrations = false)]
    async fn a_client_that_hangs_up_leaves_the_deed_done_and_no_transaction_open(pool: PgPool) {
        sqlx::raw_sql("create table told (what text)")
            .execute(&pool)
            .await
            .unwrap();
        let (begun, hung_up, done) = (
            Arc::new(Notify::new()),
            Arc::new(Notify::new()),
            Arc::new(Notify::new()),
        );
        let deed = {
            let (pool, begun, hung_up, done) =
                (pool.clone(), begun.clone(), hung_up.clone(), done.clone());
            move || async move {
                let mut transaction = pool.begin().await.unwrap();
                sqlx::query("insert into told values ('once')")
                    .execute(&mut *transaction)
                    .await
                    .unwrap();
                begun.notify_one();
                hung_up.notified().await;
                transaction.commit().await.unwrap();
                done.notify_one();
            }
        };
        let (dropped, router) = watched(
            Router::new()
                .route("/told", post(deed))
                .route_layer(middleware::from_fn(to_the_end)),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(crate::http::serve(listener, router, stop.clone()));

        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"POST /told HTTP/1.1\r\nhost: here\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        begun.notified().await;
        drop(client);
        // The server has noticed and let the request go.
        dropped.notified().await;
        hung_up.notify_one();
        tokio::time::timeout(std::time::Duration::from_secs(10), done.notified())
            .await
            .expect("the deed goes on without its caller");

        let told: i64 = sqlx::query_scalar("select count(*) from told")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(told, 1);
        let mut onlooker = pool.connect_options().connect().await.unwrap();
        let left_open: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
        )
        .fetch_one(&mut onlooker)
        .await
        .unwrap();
        assert_eq!(left_open, 0);
        stop.cancel();
        server.await.unwrap().unwrap();
    }

    /// Tells when the server drops a request without having its answer.
    fn watched(router: Router) -> (Arc<Notify>, Router) {
        struct Tells(Arc<Notify>);
        impl Drop for Tells {
            fn drop(&mut self) {
                self.0.notify_one();
            }
        }
        let dropped = Arc::new(Notify::new());
        let router = router.layer(middleware::from_fn({
            let dropped = dropped.clone();
            move |request: Request, next: Next| {
                let tells = Tells(dropped.clone());
                async move {
                    let response = next.run(request).await;
                    drop(tells);
                    response
                }
            }
        }));
        (dropped, router)
    }

    #[tokio::test]
    async fn a_panic_is_caught_where_all_are() {
        let router = Router::new()
            .route(
                "/",
                post(|| async { panic!("a handler that panics") as StatusCode }),
            )
            .route_layer(middleware::from_fn(to_the_end))
            .layer(CatchPanicLayer::new());
        let answer = router
            .oneshot(Request::post("/").body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(answer.status(), 500);
    }
}
