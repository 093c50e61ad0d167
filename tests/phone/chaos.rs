//! Short stories of people in trouble while everything else is in trouble too: the line to Postgres cut, held, slowed or
//! robbed of its answers, sessions lost, the provider refusing or answering nothing, gateways replaced, drains cut off.
//!
//! `CHAOS=2000` tells how many, `SEED=` repeats one run. What was ordered of each story is printed when it ends badly.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use kwastage::app::App;
use kwastage::conversation::SessionId;
use kwastage::primitives::{Language, Msisdn};
use kwastage::spool::{Channel, Report, What};
use kwastage::{http, serve};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, LocalSet};
use tokio_util::sync::CancellationToken;

use crate::spool::texts;
use crate::wire::Call;
use crate::world::{Sessions, Trouble, World};

/// Most of a story is waiting.
const WORLDS: usize = 4;
const STORIES: usize = 20;
/// For what goes on by itself after the trouble is over.
const PATIENCE: Duration = Duration::from_secs(90);
const NJERI: &str = "254711000005";

/// What the provider does, in the simulators' own words.
const PROVIDER_TROUBLES: [&str; 6] = [
    "sms-down",
    "sms-busy",
    "sms-lost-answer",
    "sms-internal-server-error",
    "sms-could-not-route",
    "report-before-answer",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_was_told_that_help_is_coming_is_forgotten() {
    let seed: u64 =
        std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    let stories: usize = std::env::var("CHAOS").map_or(STORIES, |stories| stories.parse().unwrap());
    println!("SEED={seed} CHAOS={stories}");
    let began = Instant::now();
    let here = LocalSet::new();
    let mut worlds = JoinSet::new();
    for place in 0..WORLDS {
        let share = stories / WORLDS + usize::from(place < stories % WORLDS);
        let dice = StdRng::seed_from_u64(seed.wrapping_add(place as u64));
        worlds.spawn_local_on(live(place, share, dice), &here);
    }
    let mut sums: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (what, times) in here
        .run_until(worlds.join_all())
        .await
        .into_iter()
        .flatten()
    {
        *sums.entry(what).or_default() += times;
    }
    println!("{stories} stories in {:?}: {sums:?}", began.elapsed());
}

/// Lives through so many stories in one world.
async fn live(place: usize, stories: usize, mut dice: StdRng) -> BTreeMap<&'static str, usize> {
    let settings = [
        ("USSD__HOP_BUDGET_MS", "1200"),
        ("AFRICASTALKING__USERNAME", "sandbox"),
    ];
    let world = World::behind_a_line(Sessions::InProcess, &settings).await;
    let mut gateway = Gateway::open(&world).await;
    let mut sums = BTreeMap::new();
    for number in 0..stories {
        let mut story = Story::new(place, number);
        story.begin(&world, &mut gateway, &mut dice).await;
        story.end(&world, &gateway, &mut sums).await;
    }
    gateway.stop.cancel();
    world.close().await;
    sums
}

/// A gateway process as far as one can be had without a process: its own memory, its own file of the spool, and the
/// task that looks after it.
struct Gateway {
    app: App,
    url: String,
    stop: CancellationToken,
}

impl Gateway {
    async fn open(world: &World) -> Gateway {
        let app = App::assemble(
            world.app.config.clone(),
            world.clock.clone(),
            world.pool.clone(),
            world.app.redis.clone(),
            world.app.sessions.clone(),
        )
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(http::serve(
            listener,
            serve::router(app.clone()),
            stop.clone(),
        ));
        tokio::spawn(app.spool.clone().run(world.pool.clone(), stop.clone()));
        world.outside.set_gateway(&url);
        Gateway { app, url, stop }
    }

    /// Ends in the middle of what it does about the spool; another takes its place.
    async fn replaced(self, world: &World) -> Gateway {
        self.stop.cancel();
        Gateway::open(world).await
    }
}

/// What somebody was told.
struct Reporter {
    msisdn: String,
    /// They were told that help is being called.
    promised: bool,
    how: &'static str,
}

impl fmt::Display for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}, promised: {})",
            self.msisdn, self.how, self.promised
        )
    }
}

struct Story {
    place: usize,
    number: usize,
    reporters: Vec<Reporter>,
    /// Somebody who asked for something else.
    asker: String,
    ordered: Vec<String>,
}

impl Story {
    fn new(place: usize, number: usize) -> Story {
        Story {
            place,
            number,
            reporters: Vec::new(),
            asker: phone(place, number, 9),
            ordered: Vec::new(),
        }
    }

    async fn begin(&mut self, world: &World, gateway: &mut Gateway, dice: &mut StdRng) {
        self.order_of_the_provider(world, dice).await;
        let mut telling = JoinSet::new();
        for reporter in 0..dice.random_range(1..=3) {
            let msisdn = phone(self.place, self.number, reporter);
            let after = Duration::from_millis(dice.random_range(0..120));
            let how = *["dial", "direct", "twice", "forgotten", "sms", "call"]
                .choose(dice)
                .unwrap();
            let (world, app, url) = (world.clone(), gateway.app.clone(), gateway.url.clone());
            telling.spawn(async move {
                tokio::time::sleep(after).await;
                let promised = tell(&world, &app, &url, &msisdn, how).await;
                Reporter {
                    msisdn,
                    promised,
                    how,
                }
            });
        }
        let asker = world.outside.phone(&self.asker).unwrap();
        asker.text("22384", "HELP").unwrap();
        for _ in 0..dice.random_range(0..3) {
            let trouble = match dice.random_range(0..5) {
                0 => Trouble::Held,
                1 => Trouble::Mute,
                2 => Trouble::Slow(Duration::from_millis(dice.random_range(1..60))),
                _ => Trouble::Cut,
            };
            let (after, lasting) = (
                Duration::from_millis(dice.random_range(0..80)),
                Duration::from_millis(dice.random_range(20..400)),
            );
            self.ordered
                .push(format!("{trouble:?} after {after:?} for {lasting:?}"));
            tokio::time::sleep(after).await;
            world.postgres_is(trouble);
            tokio::time::sleep(lasting).await;
            world.postgres_is(Trouble::Cut);
            world.postgres_is(Trouble::None);
        }
        if dice.random_bool(0.3) {
            self.ordered.push("the gateway is replaced".to_owned());
            let old = std::mem::replace(gateway, Gateway::open(world).await);
            old.stop.cancel();
        }
        while let Some(reporter) = telling.join_next().await {
            self.reporters.push(reporter.unwrap());
        }
        if dice.random_bool(0.3) {
            self.ordered.push("the gateway is replaced late".to_owned());
            let old = std::mem::replace(gateway, Gateway::open(world).await);
            *gateway = old.replaced(world).await;
        }
    }

    async fn order_of_the_provider(&mut self, world: &World, dice: &mut StdRng) {
        if dice.random_bool(0.5) {
            return;
        }
        let what = *PROVIDER_TROUBLES.choose(dice).unwrap();
        let times = dice.random_range(1..4);
        self.ordered.push(format!("{what} {times} times"));
        let ordered = world
            .http
            .post(format!("{}/faults", world.outside.base_url))
            .json(&json!({"what": what, "times": times}))
            .send();
        assert!(ordered.await.unwrap().status().is_success());
    }

    /// The trouble is over: everything comes to its end, and is counted.
    async fn end(
        &self,
        world: &World,
        gateway: &Gateway,
        sums: &mut BTreeMap<&'static str, usize>,
    ) {
        world.postgres_is(Trouble::None);
        let began = Instant::now();
        let (mut rounds, mut last) = (0, Ok(()));
        while let Err(missing) = self.look(world, gateway).await {
            assert!(
                began.elapsed() < PATIENCE,
                "{missing} after {rounds} rounds, {last:?}\nstory {} of world {}: {:?}",
                self.number,
                self.place,
                self.ordered
            );
            // The provider's repeats, and our own next tries.
            world.advance(Duration::from_secs(21)).await;
            world.app.spool.take_over().await;
            world.app.spool.drain(&world.pool).await;
            // A worker whose connection broke tries again.
            last = world.try_jobs().await;
            rounds += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        *sums.entry("reports").or_default() += self.reporters.len();
        *sums.entry("promised").or_default() +=
            self.reporters.iter().filter(|told| told.promised).count();
        let spooled: i64 = sqlx::query_scalar("select count(*) from spooled_report")
            .fetch_one(&world.pool)
            .await
            .unwrap();
        sums.insert("of_them_spooled", spooled as usize);
    }

    async fn look(&self, world: &World, gateway: &Gateway) -> Result<(), String> {
        if gateway.app.spool.waiting() + world.app.spool.waiting() > 0 {
            return Err("reports are still in the spool".to_owned());
        }
        for reporter in &self.reporters {
            let cases: i64 = sqlx::query_scalar("select count(*) from emergency where msisdn = $1")
                .bind(&reporter.msisdn)
                .fetch_one(&world.pool)
                .await
                .map_err(|error| error.to_string())?;
            // Two would never become one.
            assert!(
                cases <= 1,
                "{reporter} has {cases} cases; {:?}",
                self.ordered
            );
            if cases == 0 && !reporter.promised {
                continue;
            }
            if cases == 0 {
                return Err(format!("{reporter} has no case"));
            }
            let national = format!("0{}", &reporter.msisdn[3..]);
            let alerts = texts(world, NJERI);
            if !alerts
                .iter()
                .any(|text| text.starts_with("SOS") && text.contains(&national))
            {
                return Err(format!("nobody was alerted for {reporter}"));
            }
        }
        let answers = texts(world, &self.asker);
        assert!(answers.len() <= 1, "{answers:?}; {:?}", self.ordered);
        let stuck: Vec<(String, String)> = sqlx::query_as(
            "select class, state from outbox where state not in ('delivered', 'failed', 'expired', 'unknown', 'sent')",
        )
        .fetch_all(&world.pool)
        .await
        .map_err(|error| error.to_string())?;
        if !stuck.is_empty() {
            return Err(format!("on their way: {stuck:?}"));
        }
        Ok(())
    }
}

/// A number nobody else in this run has.
fn phone(place: usize, number: usize, who: usize) -> String {
    format!("2547{place}{number:05}{who:02}")
}

/// Reports an emergency; true when the reporter was told that help is being called, or may take it for granted.
async fn tell(world: &World, app: &App, url: &str, msisdn: &str, how: &'static str) -> bool {
    let call = Call {
        gateway: url.to_owned(),
        ..Call::new(world, msisdn)
    };
    let promised = |answer: &str| answer.contains("Help is being called");
    match how {
        "dial" => {
            sends(&call, "").await;
            let seen = promised(&sends(&call, "9").await);
            sends(&call, "9*1").await;
            sends(&call, "9*1*near the bank").await;
            seen
        }
        "direct" => promised(&sends(&call, "9").await),
        "twice" => {
            let (one, other) = tokio::join!(sends(&call, "9"), sends(&call, "9"));
            promised(&one) || promised(&other)
        }
        "forgotten" => {
            let seen = promised(&sends(&call, "9").await);
            let session = SessionId::parse(&call.session).unwrap();
            app.sessions_at_hand.remove(&session);
            let phone = Msisdn::parse(msisdn).unwrap();
            let _ = world.app.sessions.forget(&session, &phone).await;
            seen | promised(&sends(&call, "9").await)
        }
        // It is repeated until it is taken.
        "sms" => {
            let phone = world.outside.phone(msisdn).unwrap();
            phone.text("22384", "SOS accident near the bank").is_some()
        }
        _ => {
            let report = Report {
                id: Report::id_of_hop(&call.session, 0),
                msisdn: Msisdn::parse(msisdn).unwrap(),
                language: Language::ENGLISH,
                at: world.now(),
                channel: Channel::Call,
                silent: false,
                what: What::Alarm { words: None },
            };
            app.spool.take_report(report).await.is_ok()
        }
    }
}

/// What the phone shows: nothing when the gateway has gone in between.
async fn sends(call: &Call, transcript: &str) -> String {
    let form = [
        ("sessionId", call.session.as_str()),
        ("phoneNumber", &format!("+{}", call.msisdn)),
        ("serviceCode", "*384*123#"),
        ("networkCode", "63902"),
        ("text", transcript),
    ];
    let asked = call.http.post(format!("{}/at/demo/ussd", call.gateway));
    match asked.form(&form).send().await {
        Ok(answer) => answer.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    }
}
