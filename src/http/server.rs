//! The listener: from the first request to the last one answered.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long requests in flight may take once we are asked to stop. The slowest hop has a shorter budget.
const FAREWELL: Duration = Duration::from_secs(5);

/// Answers requests until `stop`, then those in flight, and returns.
///
/// Handlers can ask for the connection's peer (`ConnectInfo<SocketAddr>`).
///
/// # Errors
/// The listener fails; an unanswered request after five seconds is logged and let go.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server =
        axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let patience = async {
        stop.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        ended = server => ended,
        () = patience => {
            tracing::warn!("Stopped with requests unanswered");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::sync::Arc;
    use tokio::sync::Notify;

    #[tokio::test]
    async fn a_request_in_flight_is_answered_after_the_stop_and_a_new_one_refused() {
        let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (arrived, go_on) = (arrived.clone(), go_on.clone());
            move || async move {
                arrived.notify_one();
                go_on.notified().await;
                "done"
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(
            listener,
            Router::new().route("/slow", get(slow)),
            stop.clone(),
        ));
        let request = tokio::spawn(reqwest::get(format!("http://{address}/slow")));
        arrived.notified().await;

        stop.cancel();
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        go_on.notify_one();
        assert_eq!(
            request.await.unwrap().unwrap().text().await.unwrap(),
            "done"
        );
        server.await.unwrap().unwrap();
    }
}
