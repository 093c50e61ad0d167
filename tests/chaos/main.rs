//! The product as processes, killed and cut off while people are in trouble: a gateway and a worker over a private Postgres
//! and Redis, with the simulators as the provider and the phones.
//!
//! `CHAOS=200` tells how many stories, `SEED=` repeats the orders of a run (not the machine's timing). All stories are
//! judged at the end, when everything has been put right: what a killed worker had in hand comes back with its lease.

mod house;
#[path = "../phone/world/line.rs"]
mod line;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use simulators::phones::Direction;
use tokio::task::JoinSet;
use tokio::time::sleep;

use house::House;
use line::Trouble;

const STORIES: usize = 5;
/// Leases end, breakers close, the provider repeats.
const PATIENCE: Duration = Duration::from_secs(150);
const NJERI: &str = "254711000005";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_nobody_who_was_told_that_help_is_coming_is_forgotten() {
    let seed: u64 =
        std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    let stories: usize = std::env::var("CHAOS").map_or(STORIES, |stories| stories.parse().unwrap());
    println!("SEED={seed} CHAOS={stories}");
    let mut dice = StdRng::seed_from_u64(seed);
    let began = Instant::now();
    let mut house = House::open().await;
    let mut lived = Vec::new();
    for number in 0..stories {
        lived.push(live(&mut house, number, &mut dice).await);
    }
    house.put_right().await;
    let calm = Instant::now();
    while let Err(missing) = judge(&house, &lived).await {
        assert!(
            calm.elapsed() < PATIENCE,
            "seed {seed}: {missing}\n{}",
            house.last_words()
        );
        // The provider repeats what was not taken.
        house.outside.advance(Duration::from_secs(21));
        sleep(Duration::from_secs(1)).await;
    }
    let reporters = lived.iter().flat_map(|story| &story.reporters);
    // Whoever is shown no promise knows that they have to call; most of these had no gateway to ask.
    let mut unpromised: BTreeMap<&str, usize> = BTreeMap::new();
    for reporter in reporters.clone().filter(|reporter| !reporter.is_promised()) {
        let shown = reporter.shown.lines().next().unwrap_or_default();
        *unpromised.entry(shown).or_default() += 1;
    }
    let askers = lived
        .iter()
        .map(|story| received(&house, &story.asker).len());
    let doubled: usize = askers.map(|answers| answers.saturating_sub(1)).sum();
    let mut orders: BTreeMap<&str, usize> = BTreeMap::new();
    for order in lived.iter().flat_map(|story| &story.orders) {
        *orders.entry(order).or_default() += 1;
    }
    println!(
        "{stories} stories in {:?}, the last {:?} of them calm: {} reports, {} through the spool, unpromised {unpromised:?}, \
         {doubled} answers doubled, {orders:?}",
        began.elapsed(),
        calm.elapsed(),
        reporters.count(),
        house.count("spooled_report").await,
    );
    // A worker that dies between handing over and writing so says it again: an answer may come twice, and is not lost.
    let hidden = |order: &str| order.starts_with("worker") || order.starts_with("Postgres");
    let hiding: usize = orders
        .iter()
        .filter(|(order, _)| hidden(order))
        .map(|(_, times)| times)
        .sum();
    assert!(doubled <= hiding, "{doubled} answers came twice");
    house.close().await;
}

/// What one story ordered, and what people were told in it.
struct Story {
    reporters: Vec<Reporter>,
    asker: String,
    orders: Vec<&'static str>,
}

struct Reporter {
    msisdn: String,
    how: &'static str,
    /// What the phone showed last; nothing when there was no gateway to ask.
    shown: String,
}

impl Reporter {
    /// They were told that help is being called; a text is repeated until it is taken.
    fn is_promised(&self) -> bool {
        self.how == "sms" || self.shown.contains("Help is being called")
    }
}

impl fmt::Display for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}: {:?})", self.msisdn, self.how, self.shown)
    }
}

async fn live(house: &mut House, number: usize, dice: &mut StdRng) -> Story {
    let asker = phone(number, 9);
    house
        .outside
        .phone(&asker)
        .unwrap()
        .text("22384", "HELP")
        .unwrap();
    let mut telling = JoinSet::new();
    for who in 0..dice.random_range(1..=4) {
        let msisdn = phone(number, who);
        let how = *["dial", "direct", "twice", "sms"].choose(dice).unwrap();
        let after = Duration::from_millis(dice.random_range(0..900));
        if how == "sms" {
            let reporter = house.outside.phone(&msisdn).unwrap();
            telling.spawn(async move {
                sleep(after).await;
                reporter.text("22384", "SOS near the bank").unwrap();
                Reporter {
                    msisdn,
                    how,
                    shown: String::new(),
                }
            });
            continue;
        }
        let line = Line::of(house, &msisdn);
        telling.spawn(async move {
            sleep(after).await;
            let shown = line.tell(how).await;
            Reporter { msisdn, how, shown }
        });
    }
    let mut orders = Vec::new();
    for _ in 0..dice.random_range(1..=3) {
        sleep(Duration::from_millis(dice.random_range(0..500))).await;
        orders.push(order(house, dice).await);
    }
    Story {
        reporters: telling.join_all().await,
        asker,
        orders,
    }
}

/// One piece of trouble, put right again but for what goes on by itself.
async fn order(house: &mut House, dice: &mut StdRng) -> &'static str {
    let a_while = Duration::from_millis(dice.random_range(100..1_500));
    match dice.random_range(0..10) {
        0 | 1 => {
            house.kill_gateway();
            sleep(a_while / 2).await;
            house.start_gateway().await;
            "gateway killed"
        }
        2 => {
            house.kill_worker();
            sleep(a_while / 2).await;
            house.start_worker();
            "worker killed"
        }
        3 => {
            house.crash_postgres().await;
            "Postgres crashed"
        }
        place @ 4..=6 => {
            let (trouble, name) = [
                (Trouble::Cut, "Postgres cut off"),
                (Trouble::Held, "Postgres hanging"),
                (Trouble::Mute, "Postgres' answers lost"),
            ][place - 4];
            house.postgres.is(trouble);
            sleep(a_while).await;
            // The gateway may die while it brings the spool in.
            let kills_it = dice.random_bool(0.3);
            house.postgres.is(Trouble::Cut);
            house.postgres.is(Trouble::Slow(Duration::from_millis(5)));
            if kills_it {
                sleep(a_while / 4).await;
                house.kill_gateway();
                house.start_gateway().await;
            }
            house.postgres.is(Trouble::None);
            name
        }
        7 => {
            house.redis(&["FLUSHALL"]).await;
            "Redis flushed"
        }
        8 => {
            house.redis(&["CLIENT", "PAUSE", "1000", "ALL"]).await;
            "Redis hanging"
        }
        _ => {
            let what = *["sms-down", "sms-busy", "sms-lost-answer", "sms-silent"]
                .choose(dice)
                .unwrap();
            house.provider(what, dice.random_range(1..4)).await;
            what
        }
    }
}

/// Every story against what has become of it.
async fn judge(house: &House, stories: &[Story]) -> Result<(), String> {
    if house.spooled_bytes() > 0 {
        return Err("reports are still in the spool".to_owned());
    }
    let alerts = received(house, NJERI);
    for story in stories {
        for reporter in &story.reporters {
            let cases = house.cases_of(&reporter.msisdn).await?;
            assert!(
                cases <= 1,
                "{reporter} has {cases} cases: {:?}",
                story.orders
            );
            if cases == 0 && reporter.is_promised() {
                return Err(format!("{reporter} has no case: {:?}", story.orders));
            }
            let national = format!("0{}", &reporter.msisdn[3..]);
            let alerted = alerts
                .iter()
                .any(|text| text.starts_with("SOS") && text.contains(&national));
            if cases == 1 && !alerted {
                return Err(format!(
                    "nobody was alerted for {reporter}: {:?}",
                    story.orders
                ));
            }
        }
    }
    let stuck = house.messages_on_their_way().await?;
    if stuck > 0 {
        return Err(format!("{stuck} messages are on their way"));
    }
    Ok(())
}

fn received(house: &House, msisdn: &str) -> Vec<String> {
    let texts = house.outside.phone(msisdn).unwrap().texts().into_iter();
    let received = texts.filter(|text| text.direction == Direction::Received);
    received.map(|text| text.text).collect()
}

/// A number nobody else in this run has.
fn phone(number: usize, who: usize) -> String {
    format!("25472{number:05}{who:02}")
}

/// One call of one phone.
struct Line {
    http: reqwest::Client,
    url: String,
    session: String,
    msisdn: String,
}

impl Line {
    fn of(house: &House, msisdn: &str) -> Line {
        Line {
            http: house.http.clone(),
            url: format!("{}/at/demo/ussd", house.gateway_url),
            session: format!("ATUid_{}", uuid::Uuid::new_v4().simple()),
            msisdn: msisdn.to_owned(),
        }
    }

    /// What the phone showed when the alarm had been raised.
    async fn tell(&self, how: &str) -> String {
        match how {
            "dial" => {
                self.sends("").await;
                let shown = self.sends("9").await;
                self.sends("9*1").await;
                self.sends("9*1*near the bank").await;
                shown
            }
            "twice" => {
                let (one, other) = tokio::join!(self.sends("9"), self.sends("9"));
                one + &other
            }
            _ => self.sends("9").await,
        }
    }

    /// What the phone shows: nothing when the gateway has gone.
    async fn sends(&self, transcript: &str) -> String {
        let form = [
            ("sessionId", self.session.as_str()),
            ("phoneNumber", &format!("+{}", self.msisdn)),
            ("serviceCode", "*384*123#"),
            ("networkCode", "63902"),
            ("text", transcript),
        ];
        match self.http.post(&self.url).form(&form).send().await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }
}
