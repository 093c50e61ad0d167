//! For tests: a provider on a port of its own that answers as it is told, and a small world around it.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::TimeDelta;
use sqlx::PgPool;
use tokio::sync::Notify;

use super::{
    Breakers, Class, Globals, Message, MessageId, Outlets, Pace, QuietHours, Routes, Sender,
    Templates, Values, send,
};
use crate::clock::Clock;
use crate::integrations::{SmsClient, africastalking, twilio};
use crate::primitives::{Carrier, Language, Msisdn, Secret};
use crate::work::{Actor, Work};

/// What the provider answers to one call.
#[derive(Clone)]
pub(crate) enum Answer {
    Accepts,
    Says(u16, &'static str),
    /// Refuses the one recipient with this code and word.
    Refuses(u16, &'static str),
    Never,
    /// Accepts, but only after this.
    AcceptsAfter(Arc<Notify>),
}

#[derive(Clone, Default)]
pub(crate) struct Provider {
    calls: Arc<Mutex<Vec<BTreeMap<String, String>>>>,
    script: Arc<Mutex<VecDeque<Answer>>>,
    otherwise: Arc<Mutex<Option<Answer>>>,
    called: Arc<Notify>,
}

impl Provider {
    pub fn will(&self, answer: Answer) {
        self.script.lock().unwrap().push_back(answer);
    }

    /// What is answered when nothing else was said.
    pub fn will_always(&self, answer: Answer) {
        *self.otherwise.lock().unwrap() = Some(answer);
    }

    /// The forms that came, with the key under `apiKey`.
    pub fn calls(&self) -> Vec<BTreeMap<String, String>> {
        self.calls.lock().unwrap().clone()
    }

    pub async fn until_called(&self, times: usize) {
        while self.calls.lock().unwrap().len() < times {
            self.called.notified().await;
        }
    }

    fn note(&self, form: BTreeMap<String, String>) -> usize {
        let mut calls = self.calls.lock().unwrap();
        calls.push(form);
        self.called.notify_one();
        calls.len()
    }

    fn next_answer(&self) -> Option<Answer> {
        let answer = self.script.lock().unwrap().pop_front();
        answer.or_else(|| self.otherwise.lock().unwrap().clone())
    }

    async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/version1/messaging", post(answer))
            .route(
                "/2010-04-01/Accounts/{account}/Messages.json",
                post(answer_as_twilio),
            )
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }
}

async fn answer(State(provider): State<Provider>, headers: HeaderMap, body: Bytes) -> Response {
    let mut form: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    form.insert("apiKey".into(), header("apikey"));
    form.insert("Accept".into(), header("accept"));
    let to = form["to"].clone();
    let number = provider.note(form);
    let answer = provider.next_answer();
    let row = |code: u16, word: &str, id: &str, cost: &str| {
        let row = serde_json::json!({"cost": cost, "messageId": id, "number": to, "status": word, "statusCode": code});
        let body = serde_json::json!({"SMSMessageData": {"Message": "Sent", "Recipients": [row]}});
        let json = [(header::CONTENT_TYPE, "application/json")];
        (StatusCode::CREATED, json, body.to_string()).into_response()
    };
    let accepted = || row(102, "Success", &format!("ATXid_{number}"), "KES 0.8000");
    match answer {
        None | Some(Answer::Accepts) => accepted(),
        Some(Answer::Says(status, body)) => {
            (StatusCode::from_u16(status).unwrap(), body).into_response()
        }
        Some(Answer::Refuses(code, word)) => row(code, word, "None", "0"),
        Some(Answer::Never) => std::future::pending().await,
        Some(Answer::AcceptsAfter(event)) => {
            event.notified().await;
            accepted()
        }
    }
}

/// As [`answer`], in Twilio's words: what refuses does so under its error code.
async fn answer_as_twilio(State(provider): State<Provider>, body: Bytes) -> Response {
    let number = provider.note(form_urlencoded::parse(&body).into_owned().collect());
    let accepted = || {
        let body = serde_json::json!({"sid": format!("SM_{number}"), "status": "queued", "error_code": null});
        (StatusCode::CREATED, body.to_string()).into_response()
    };
    match provider.next_answer() {
        None | Some(Answer::Accepts) => accepted(),
        Some(Answer::Says(status, body)) => {
            (StatusCode::from_u16(status).unwrap(), body).into_response()
        }
        Some(Answer::Refuses(code, _)) => {
            let body = serde_json::json!({"code": code, "message": "x", "status": 400});
            (StatusCode::BAD_REQUEST, body.to_string()).into_response()
        }
        Some(Answer::Never) => std::future::pending().await,
        Some(Answer::AcceptsAfter(event)) => {
            event.notified().await;
            accepted()
        }
    }
}

pub(crate) struct World {
    pub pool: PgPool,
    pub clock: Clock,
    /// Africa's Talking, the first choice of every lane.
    pub provider: Provider,
    /// Twilio, the second choice where there is one.
    pub second: Provider,
    pub sender: Sender,
}

/// As a row tells it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub state: String,
    pub attempts: i32,
    pub why: Option<String>,
    pub provider_message_id: Option<String>,
}

impl World {
    /// 20 November 2026, nine in the morning in Nairobi; the provider accepts everything.
    pub async fn new(pool: PgPool) -> World {
        World::waiting(pool, Duration::from_secs(60)).await
    }

    /// With a client that waits no longer than this for an answer.
    pub async fn waiting(pool: PgPool, timeout: Duration) -> World {
        let provider = Provider::default();
        let url = provider.serve().await;
        World::at(pool, provider, url, None, timeout, 1000)
    }

    /// With two providers: whom the first does not serve the second does. An alert waits a moment only for an answer.
    pub async fn with_two(pool: PgPool) -> World {
        World::with_two_waiting(pool, Duration::from_secs(60)).await
    }

    /// As [`World::with_two`], with clients that wait no longer than this for an answer.
    pub async fn with_two_waiting(pool: PgPool, timeout: Duration) -> World {
        let (first, second) = (Provider::default(), Provider::default());
        let (url, second_url) = (first.serve().await, second.serve().await);
        World::at(pool, first, url, Some((second, second_url)), timeout, 1000)
    }

    /// With a provider that takes one segment a second.
    pub async fn throttled(pool: PgPool) -> World {
        let provider = Provider::default();
        let url = provider.serve().await;
        World::at(pool, provider, url, None, Duration::from_secs(60), 1)
    }

    /// With nobody behind the provider's address.
    pub async fn cut_off(pool: PgPool) -> World {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let timeout = Duration::from_secs(5);
        World::at(pool, Provider::default(), url, None, timeout, 1000)
    }

    fn at(
        pool: PgPool,
        provider: Provider,
        base_url: String,
        second: Option<(Provider, String)>,
        timeout: Duration,
        segments_per_second: u32,
    ) -> World {
        let clock = Clock::frozen_at("2026-11-20T06:00:00Z".parse().unwrap());
        let first = africastalking::Client::new(africastalking::Settings {
            base_url,
            username: "kwastage".into(),
            api_key: Secret::new("atsk_test"),
            sender: Some("KWASTAGE".into()),
            timeout,
        });
        let mut clients = vec![(
            SmsClient::AfricasTalking(first.unwrap()),
            segments_per_second,
        )];
        let mut answer_within = Pace::default().answer_within;
        let second = second.map(|(second, base_url)| {
            let client = twilio::Client::new(twilio::Settings {
                base_url,
                account_sid: "AC00000000000000000000000000000001".into(),
                auth_token: Secret::new("ks_twilio_token"),
                sender: "KWASTAGE".into(),
                status_callback: Secret::new("https://hooks.kwastage.example/t/7c1f/sms-status"),
                timeout,
            });
            clients.push((SmsClient::Twilio(client.unwrap()), segments_per_second));
            answer_within = Duration::from_millis(100);
            second
        });
        let globals = Globals {
            languages: vec![Language::ENGLISH, Language::SWAHILI],
            ussd: "*384*123#".into(),
            sms: "22384".into(),
        };
        let at = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("messages");
        let templates = Arc::new(Templates::load(&folder, globals).unwrap());
        let pace = Pace {
            answer_within,
            quiet: QuietHours::new(at(21), at(7)),
            ..Pace::default()
        };
        let routes = Routes::new(|_| vec![Carrier::AfricasTalking, Carrier::Twilio]);
        let outlets = Outlets::new(clients, routes, Arc::new(Breakers::default()), pace);
        World {
            sender: Sender::new(pool.clone(), clock.clone(), templates, outlets),
            pool,
            clock,
            provider,
            second: second.unwrap_or_default(),
        }
    }

    pub async fn work(&self) -> Work {
        Work::begin(&self.pool, self.clock.now(), Actor::System)
            .await
            .unwrap()
    }

    pub async fn say(&self, message: Message) -> MessageId {
        let mut work = self.work().await;
        let id = send(&mut work, message).await.unwrap();
        work.commit().await.unwrap();
        id
    }

    pub async fn drain(&self) -> usize {
        self.sender.drain_due().await.unwrap()
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub async fn row(&self, id: MessageId) -> Row {
        let columns = "select state, attempts, why, (select provider_message_id from send_attempt
                where message_id = id and provider_message_id is not null order by number desc limit 1)
            from outbox where id = $1";
        let row: (String, i32, Option<String>, Option<String>) = sqlx::query_as(columns)
            .bind(id.0)
            .fetch_one(&self.pool)
            .await
            .unwrap();
        let (state, attempts, why, provider_message_id) = row;
        Row {
            state,
            attempts,
            why,
            provider_message_id,
        }
    }

    pub async fn state(&self, id: MessageId) -> String {
        self.row(id).await.state
    }
}

/// A message to Amina.
pub(crate) fn to_amina(class: Class) -> Message {
    let amina = Msisdn::parse("254711000001").unwrap();
    Message::new(
        amina,
        Language::ENGLISH,
        class,
        "help.by_phone",
        Values::new(),
    )
}
