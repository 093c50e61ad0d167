//! A provider of text messages that takes everything at once, and remembers when.
//!
//! It speaks Africa's Talking's form for sending, as far as the gateway uses it, and sends no reports: those are driven on
//! their own. It costs as little as it can, because it shares the machine with what is measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use memchr::memmem;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

#[derive(Clone, Default)]
pub struct Provider(Arc<Taken>);

#[derive(Default)]
struct Taken {
    messages: AtomicU64,
    watched: Mutex<Watched>,
    came: Notify,
}

/// The alarm of one phone, as it reaches those who are alerted.
#[derive(Default)]
struct Watched {
    /// As alerts write it: `0790000123`. Empty: nobody is waited for.
    reporter: String,
    alerts: usize,
    wanted: usize,
    last_at: Option<Instant>,
}

impl Provider {
    /// Listens on a free port of the loopback; returns its address and the task to abort.
    pub async fn listen(&self) -> anyhow::Result<(String, JoinHandle<()>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .route("/version1/messaging", post(take))
            .with_state(self.clone());
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("load: the provider ended: {error}");
            }
        });
        Ok((url, serving))
    }

    /// Messages taken so far. Their ids are `load-1`, `load-2` and so on.
    pub fn messages(&self) -> u64 {
        self.0.messages.load(Ordering::Relaxed)
    }

    /// From now on alerts that name this phone are counted.
    pub fn watch(&self, reporter: &str, wanted: usize) {
        *self.watched() = Watched {
            reporter: reporter.to_owned(),
            alerts: 0,
            wanted,
            last_at: None,
        };
    }

    /// Waits until as many alerts as are wanted have come; says when the last one did.
    pub async fn alerted(&self) -> anyhow::Result<Instant> {
        loop {
            let came = self.0.came.notified();
            {
                let watched = self.watched();
                if watched.alerts >= watched.wanted {
                    return watched.last_at.context("nobody was to be alerted");
                }
            }
            came.await;
        }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Watched> {
        let watched = self.0.watched.lock();
        watched.unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, form: &[u8]) {
        if memmem::find(form, b"message=SOS").is_none() {
            return;
        }
        let mut watched = self.watched();
        let is_theirs = !watched.reporter.is_empty()
            && memmem::find(form, watched.reporter.as_bytes()).is_some();
        if is_theirs {
            watched.alerts += 1;
            watched.last_at = Some(Instant::now());
            if watched.alerts >= watched.wanted {
                self.0.came.notify_waiters();
            }
        }
    }
}

async fn take(State(provider): State<Provider>, form: Bytes) -> Response {
    provider.note(&form);
    let number = provider.0.messages.fetch_add(1, Ordering::Relaxed) + 1;
    let to = recipient(&form);
    let answer = format!(
        r#"{{"SMSMessageData":{{"Message":"Sent to 1/1","Recipients":[{{"statusCode":101,"number":"{to}","status":"Success","cost":"KES 0.8000","messageId":"load-{number}"}}]}}}}"#
    );
    let json = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::CREATED, json, answer).into_response()
}

/// The phone of the field `to`, with its plus sign.
fn recipient(form: &[u8]) -> String {
    let fields = form.split(|byte| *byte == b'&');
    let to = fields
        .filter_map(|field| field.strip_prefix(b"to="))
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(to).replace("%2B", "+")
}
