//! The control API that pages, terminals and tests share.

use serde_json::{Value, json};

use crate::support::{AMINA, World};

#[tokio::test]
async fn people_are_known_and_any_kenyan_number_has_a_phone() {
    let world = World::start().await;
    let people = world.get("/phones").await;
    let amina = json!({"msisdn": "254711000001", "name": "Amina", "language": "en", "network": "safaricom"});
    assert!(people.as_array().unwrap().contains(&amina), "{people}");
    let phone = world.get("/phones/0733123456").await;
    assert_eq!(
        (phone["msisdn"].as_str(), phone["network"].as_str()),
        (Some("254733123456"), Some("airtel"))
    );
    assert_eq!(
        (&phone["prompt"], &phone["call"], &phone["open"]),
        (&Value::Null, &Value::Null, &json!(false))
    );
    let url = format!("{}/phones/12345", world.outside.base_url);
    assert_eq!(
        world.raw().get(url).send().await.unwrap().status().as_u16(),
        400
    );
}

#[tokio::test]
async fn messages_are_counted_threaded_and_read() {
    let world = World::start().await;
    world
        .post(
            &format!("/phones/{AMINA}/sms"),
            json!({"to": "22384", "text": "BAL"}),
        )
        .await;
    let form = [
        ("username", "sandbox"),
        ("to", "+254711000001"),
        ("message", "KES 200"),
        ("from", "22384"),
    ];
    let url = format!("{}/version1/messaging", world.outside.base_url);
    world
        .raw()
        .post(url)
        .header("apiKey", "demo")
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(world.text(AMINA, 1).await["id"], 1);
    let threads = world.get(&format!("/phones/{AMINA}/threads")).await;
    let texts: Vec<_> = threads[0]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| (text["direction"].clone(), text["text"].clone()))
        .collect();
    assert_eq!(
        texts,
        [
            (json!("sent"), json!("BAL")),
            (json!("received"), json!("KES 200"))
        ]
    );
    assert_eq!(world.get(&format!("/phones/{AMINA}")).await["unread"], 1);
    world
        .try_post(&format!("/phones/{AMINA}/read"), json!({}))
        .await;
    assert_eq!(world.get(&format!("/phones/{AMINA}")).await["unread"], 0);
    let (status, _) = world
        .try_post(
            &format!("/phones/{AMINA}/sms"),
            json!({"to": "99999", "text": "x"}),
        )
        .await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn faults_are_a_closed_list_and_can_be_narrowed_and_called_off() {
    let world = World::start().await;
    let known = world.get("/faults").await["known"]
        .as_array()
        .unwrap()
        .clone();
    assert!(
        known
            .iter()
            .all(|fault| fault["says"].as_str().unwrap().ends_with('.'))
    );
    let mut names: Vec<&str> = known
        .iter()
        .map(|fault| fault["what"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), known.len());
    assert_eq!(
        world
            .try_post("/faults", json!({"what": "bad-weather"}))
            .await
            .0,
        400
    );
    assert_eq!(
        world
            .try_post("/faults", json!({"what": "lost-answer", "how_often": 2}))
            .await
            .0,
        400
    );

    world
        .post(
            "/faults",
            json!({"what": "lost-request", "msisdn": "0711000002"}),
        )
        .await;
    assert_eq!(world.dial(AMINA, "*384*123#").await["open"], true);
    assert_eq!(world.dial("254711000002", "*384*123#").await["open"], false);
    world.advance(61);
    assert_eq!(
        world.get("/faults").await["active"],
        json!([]),
        "an order ends by itself after a minute"
    );

    world.fault("lost-request").await;
    let url = format!("{}/faults?what=lost-request", world.outside.base_url);
    world.raw().delete(url).send().await.unwrap();
    assert_eq!(world.dial("254711000002", "*384*123#").await["open"], true);
}

#[tokio::test]
async fn how_often_is_a_chance() {
    let world = World::start().await;
    world
        .post(
            "/faults",
            json!({"what": "lost-request", "how_often": 0.5, "how_long": 100_000}),
        )
        .await;
    let mut lost = 0;
    for _ in 0..60 {
        lost += u32::from(world.dial(AMINA, "*384*123#").await["open"] == false);
    }
    assert!((10..=50).contains(&lost), "{lost} of 60");
}

#[tokio::test]
async fn a_reset_forgets_everything_but_the_gateway() {
    let world = World::start().await;
    world.dial(AMINA, "*384*123#").await;
    world.fault("lost-request").await;
    world
        .put(&format!("/sim/wallets/{AMINA}"), json!({"balance": 1}))
        .await;
    world
        .post(
            "/sim/c2b",
            json!({"msisdn": AMINA, "amount": 1, "account": "x"}),
        )
        .await;
    let first = world.seen("/ussd", 1).await[0].field("sessionId");
    world.try_post("/reset", json!({})).await;
    assert_eq!(world.get("/sim/ledger").await, json!([]));
    let phone = world.get(&format!("/phones/{AMINA}")).await;
    assert_eq!(
        (&phone["open"], &phone["balance"]),
        (&json!(false), &json!("5000.00"))
    );
    assert_eq!(world.dial(AMINA, "*384*123#").await["open"], true);
    assert_ne!(
        world.seen("/ussd", 2).await[1].field("sessionId"),
        first,
        "ids do not repeat after a reset"
    );
}

#[tokio::test]
async fn a_reset_drops_prompts_that_were_on_their_way() {
    let world = World::start().await;
    world.push(AMINA, 200).await;
    world.try_post("/reset", json!({})).await;
    world.advance(120);
    assert_eq!(
        world
            .get(&format!("/phones/{AMINA}/prompt?wait_ms=100"))
            .await,
        Value::Null
    );
    assert_eq!(world.count("/stk/9f2c"), 0);
}

#[tokio::test]
async fn changes_are_told_as_server_sent_events() {
    let world = World::start().await;
    let mut events = world
        .raw()
        .get(format!("{}/events", world.outside.base_url))
        .send()
        .await
        .unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    world.dial(AMINA, "*384*123#").await;
    let mut heard = String::new();
    while !heard.contains(r#"data: {"msisdn":"254711000001","kind":"screen"}"#) {
        heard.push_str(&String::from_utf8_lossy(
            &events.chunk().await.unwrap().unwrap(),
        ));
    }
}

#[tokio::test]
async fn the_page_and_everything_it_asks_for_is_served() {
    let world = World::start().await;
    let mut wanted = vec!["/".to_owned()];
    let mut served = Vec::new();
    while let Some(path) = wanted.pop() {
        let url = format!("{}{path}", world.outside.base_url);
        let answer = world.raw().get(url).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        let kind = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript",
            Some((_, "css")) => "text/css",
            _ => "text/html",
        };
        let told = answer.headers()["content-type"].to_str().unwrap();
        assert!(told.starts_with(kind), "{path}: {told}");
        let text = answer.text().await.unwrap();
        let linked = text
            .split('"')
            .filter_map(|quoted| match quoted.strip_prefix("./") {
                Some(module) if module.ends_with(".js") => Some(format!("/page/{module}")),
                _ => quoted.starts_with("/page/").then(|| quoted.to_owned()),
            });
        served.push(path);
        for path in linked {
            if !served.contains(&path) && !wanted.contains(&path) {
                wanted.push(path);
            }
        }
    }
    assert!(served.len() > 10, "{served:?}");
    let missing = world
        .raw()
        .get(format!("{}/page/secrets", world.outside.base_url))
        .send()
        .await
        .unwrap();
    assert_eq!(missing.status().as_u16(), 404);
}

#[tokio::test]
async fn the_clock_of_an_alarm_is_read_off_the_phones() {
    let world = World::start().await;
    let url = format!("{}/version1/messaging", world.outside.base_url);
    let tell = async |to: &str, message: &str| {
        let form = [
            ("username", "sandbox"),
            ("to", to),
            ("message", message),
            ("from", "22384"),
        ];
        world
            .raw()
            .post(&url)
            .header("apiKey", "demo")
            .form(&form)
            .send()
            .await
            .unwrap();
    };
    assert_eq!(world.get("/alarms").await, json!([]));
    tell(
        "+254711000003",
        "SOS 42: Amina 0711000001, stage Kencom, needs help NOW.",
    )
    .await;
    world.text("254711000003", 1).await;
    world.advance(20);
    tell(&format!("+{AMINA}"), "SOS 42: Wambui 0711000003 is coming.").await;
    world.text(AMINA, 1).await;
    let alarms = world.get("/alarms").await;
    let stations = &alarms[0]["stations"];
    assert_eq!(
        (
            &alarms[0]["number"],
            &stations[0]["station"],
            &stations[1]["station"],
            &alarms[0]["over_at"]
        ),
        (
            &json!("42"),
            &json!("alerted"),
            &json!("coming"),
            &Value::Null
        )
    );
    assert_eq!(stations[0]["phones"][0]["name"], "Wambui");
}

#[tokio::test]
async fn the_clock_moves_only_forward() {
    let world = World::start().await;
    assert_eq!(
        world
            .post("/sim/clock", json!({"advance_seconds": 90}))
            .await["skipped_seconds"],
        90.0
    );
    assert_eq!(
        world
            .try_post("/sim/clock", json!({"advance_seconds": -1}))
            .await
            .0,
        400
    );
}

#[test]
fn a_phone_without_a_terminal_says_so() {
    let program = env!("CARGO_BIN_EXE_simulators");
    let run = std::process::Command::new(program)
        .args(["phone", "254711000001"])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1));
    assert_eq!(
        said,
        "simulators: a phone needs a terminal to be held in; in a browser it is at http://127.0.0.1:8090/\n"
    );
}

#[tokio::test]
async fn a_hop_is_carried_to_its_end_though_nobody_waits_for_it() {
    let world = World::start().await;
    world.fault("slow-network").await;
    let url = format!("{}/phones/{AMINA}/dial", world.outside.base_url);
    let dialling = world
        .raw()
        .post(url)
        .json(&json!({"code": "*384*123#"}))
        .timeout(std::time::Duration::from_millis(25));
    assert!(dialling.send().await.is_err());
    world.seen("/at/demo/ussd", 1).await;
    let mut phone = world.get(&format!("/phones/{AMINA}")).await;
    while phone["screen"] == "" {
        tokio::task::yield_now().await;
        phone = world.get(&format!("/phones/{AMINA}")).await;
    }
    assert_eq!(world.keys(AMINA, "1").await["open"], true);
}

#[tokio::test]
async fn a_test_in_the_same_process_holds_phones_directly() {
    let world = World::start().await;
    let phone = world
        .outside
        .phone("0711 000 001".replace(' ', "").as_str())
        .unwrap();
    assert_eq!(phone.dial("*384*123#").await.screen, "You typed ");
    assert!(phone.type_keys("1").await.unwrap().open);
    phone.hang_up();
    world.push(AMINA, 200).await;
    let prompt = phone
        .prompt(std::time::Duration::from_secs(8))
        .await
        .unwrap();
    assert_eq!(prompt.amount, "200");
    assert_eq!(
        phone.answer(simulators::daraja::stk::Answer::Approve).await,
        Some(Some(simulators::daraja::Code::Number(0)))
    );
    assert_eq!(
        phone.inbox(0, std::time::Duration::from_secs(8)).await[0].correspondent,
        "MPESA"
    );
    assert_eq!(world.outside.ledger()[0].amount, 20_000);
    world.outside.order(
        simulators::faults::Fault::LostRequest,
        std::time::Duration::from_secs(60),
    );
    assert!(!phone.dial("*384*123#").await.open);
    assert!(world.outside.violations().is_empty());
}

#[tokio::test]
async fn bodies_need_no_label_and_mistakes_are_explained() {
    let world = World::start().await;
    let url = format!("{}/phones/{AMINA}/dial", world.outside.base_url);
    let dialled: Value = world
        .raw()
        .post(&url)
        .body(r#"{"code":"*384*123#"}"#)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(dialled["open"], true);
    let answer = world
        .raw()
        .post(&url)
        .body("nonsense")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 400);
    assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
}

#[tokio::test]
async fn stopping_frees_the_port() {
    let world = World::start().await;
    let address = world.outside.address;
    world.outside.stop().await;
    assert!(tokio::net::TcpListener::bind(address).await.is_ok());
}

#[test]
fn the_guide_names_every_fault() {
    let guide = include_str!("../../../docs/simulators.md");
    for fault in simulators::faults::Fault::ALL {
        assert!(
            guide.contains(&format!("`{}`", fault.name())),
            "{}",
            fault.name()
        );
    }
}
