//! USSD as Africa's Talking carries it.

use serde_json::json;

use crate::support::{AMINA, JUMA, Say, World};

#[tokio::test]
async fn a_session_is_one_post_per_screen_with_the_inputs_so_far() {
    let world = World::start().await;
    assert_eq!(
        world.dial(AMINA, "*384*123#").await,
        json!({"screen": "You typed ", "open": true})
    );
    assert_eq!(
        world.keys(AMINA, "1").await,
        json!({"screen": "You typed 1", "open": true})
    );
    assert_eq!(
        world.keys(AMINA, "").await,
        json!({"screen": "You typed 1*", "open": true})
    );
    assert_eq!(world.keys(AMINA, "Njeri & Café +2").await["open"], true);
    let hops = world.seen("/at/demo/ussd", 4).await;
    let texts: Vec<String> = hops.iter().map(|hop| hop.field("text")).collect();
    assert_eq!(texts, ["", "1", "1*", "1**Njeri & Café +2"]);
    let first = &hops[0];
    let session = first.field("sessionId");
    assert!(
        session.starts_with("ATUid_") && session.len() == 38,
        "{session}"
    );
    let expected = format!(
        "phoneNumber=%2B254711000001&serviceCode=%2A384%2A123%23&text=&sessionId={session}&networkCode=63902"
    );
    assert_eq!(first.body, expected);
    assert_eq!(
        first.headers["content-type"],
        "application/x-www-form-urlencoded; charset=UTF-8"
    );
    assert_eq!(first.headers["user-agent"], "at-ussd-api/1.0");
    assert!(hops.iter().all(|hop| hop.field("sessionId") == session));
}

#[tokio::test]
async fn the_end_is_told_with_cost_hops_labels_and_the_last_answer() {
    let world = World::start().await;
    world.gateway_says(|seen| {
        let last = seen.field("text") == "1";
        let body = if last { "END Asante" } else { "CON Menu" };
        seen.path.ends_with("/ussd").then(|| Say {
            label: Some(if last { "done" } else { "root" }),
            ..Say::screen(body)
        })
    });
    world.dial(AMINA, "*384*123#").await;
    assert_eq!(
        world.keys(AMINA, "1").await,
        json!({"screen": "Asante", "open": false})
    );
    let notice = &world.seen("/at/demo/ussd/end", 1).await[0];
    assert_eq!(notice.field("status"), "Success");
    assert_eq!(notice.field("hopsCount"), "2");
    assert_eq!(notice.field("hopsMetadata"), "root|done");
    assert_eq!(notice.field("input"), "1");
    assert_eq!(notice.field("lastAppResponse"), "END Asante");
    assert_eq!(notice.field("serviceCode"), "*384*123#");
    assert_eq!(notice.field("date").len(), 19);
    assert!(notice.field("durationInMillis").parse::<u64>().is_ok());
    // The label comes back with the next hop.
    assert_eq!(
        world.seen("/at/demo/ussd", 2).await[1].headers["at-ussd-hop-metadata"],
        "root"
    );
    assert!(world.violations().await.is_empty());
}

#[tokio::test]
async fn leaving_makes_no_request_but_an_incomplete_notice() {
    let world = World::start().await;
    world.dial(AMINA, "*384*123#").await;
    let shown = world.post("/phones/254711000001/hang-up", json!({})).await;
    assert_eq!(shown, json!({"screen": "", "open": false}));
    let notice = &world.seen("/at/demo/ussd/end", 1).await[0];
    assert_eq!(notice.field("status"), "Incomplete");
    assert_eq!(world.count("/at/demo/ussd"), 1);
}

#[tokio::test]
async fn an_idle_screen_is_cut_after_the_networks_patience() {
    let world = World::start().await;
    world.dial(AMINA, "*384*123#").await;
    world.dial("254733000002", "*384*123#").await;
    world.advance(31);
    let notice = &world.seen("/ussd/end", 1).await[0];
    assert_eq!(
        (notice.field("status"), notice.field("networkCode")),
        ("Incomplete".into(), "63902".into())
    );
    assert_eq!(world.get("/phones/254711000001").await["open"], false);
    assert_eq!(
        world.get("/phones/254733000002").await["open"],
        true,
        "Airtel waits 60 s"
    );
    world.advance(30);
    assert_eq!(
        world.seen("/ussd/end", 2).await[1].field("networkCode"),
        "63903"
    );
}

#[tokio::test]
async fn a_session_is_over_after_three_minutes_however_busy() {
    let world = World::start().await;
    world.dial(AMINA, "*384*123#").await;
    for _ in 0..8 {
        world.advance(20);
        assert_eq!(world.keys(AMINA, "1").await["open"], true);
    }
    world.advance(20);
    world.seen("/ussd/end", 1).await;
    assert_eq!(
        world.get("/phones/254711000001").await["screen"],
        "Session timed out."
    );
}

#[tokio::test]
async fn answers_are_checked_as_strictly_as_the_real_thing_does() {
    let cases = [
        (Say::screen(""), "ussd-prefix"),
        (Say::screen(" CON Menu"), "ussd-prefix"),
        (Say::screen("\u{feff}CON Menu"), "ussd-prefix"),
        (Say::screen("con Menu"), "ussd-prefix"),
        (Say::screen("CON"), "ussd-prefix"),
        (Say::screen("<html>CON Menu"), "ussd-prefix"),
        (
            Say {
                status: 201,
                ..Say::screen("CON Menu")
            },
            "ussd-status",
        ),
        (
            Say {
                status: 302,
                ..Say::screen("CON Menu")
            },
            "ussd-status",
        ),
        (Say::status(500), "ussd-status"),
    ];
    for (answer, kind) in cases {
        let world = World::start().await;
        let said = answer.clone();
        world.gateway_says(move |seen| seen.path.ends_with("/ussd").then(|| said.clone()));
        let shown = world.dial(AMINA, "*384*123#").await;
        assert_eq!(
            shown,
            json!({"screen": "Connection problem or invalid MMI code.", "open": false}),
            "{answer:?}"
        );
        assert_eq!(world.violations().await, [kind], "{answer:?}");
        let notice = &world.seen("/ussd/end", 1).await[0];
        assert_eq!(notice.field("status"), "Failed");
        assert!(!notice.field("errorMessage").is_empty());
    }
}

#[tokio::test]
async fn what_real_screens_suffer_from_is_noted() {
    let cases = [
        (Say::screen("CON Pay ½"), vec!["ussd-alphabet"]),
        (Say::screen("CON One\r\nTwo"), vec!["ussd-lines"]),
        (Say::screen("CON One\n"), vec!["ussd-lines"]),
        (Say::screen("CON  "), vec!["ussd-empty"]),
        (Say::json(json!(1)), vec!["ussd-prefix"]),
        (
            Say {
                kind: "text/html",
                ..Say::screen("CON Menu")
            },
            vec!["ussd-content-type"],
        ),
        (Say::screen(&format!("CON {}", "A".repeat(156))), vec![]),
        (
            Say::screen(&format!("CON {}", "A".repeat(157))),
            vec!["ussd-too-long"],
        ),
        (
            Say::screen(&format!("CON {}€", "A".repeat(155))),
            vec!["ussd-too-long"],
        ),
    ];
    for (answer, kinds) in cases {
        let world = World::start().await;
        let said = answer.clone();
        world.gateway_says(move |seen| seen.path.ends_with("/ussd").then(|| said.clone()));
        world.dial(AMINA, "*384*123#").await;
        assert_eq!(world.violations().await, kinds, "{answer:?}");
    }
}

#[tokio::test]
async fn a_network_pages_long_menus_by_itself_and_eats_the_keys() {
    let world = World::start().await;
    let menu = (1..=40)
        .map(|number| format!("{number}. Stage\n"))
        .collect::<String>();
    world.gateway_says(move |seen| {
        let root = seen.path.ends_with("/ussd") && seen.field("text").is_empty();
        root.then(|| Say::screen(&format!("CON {}", menu.trim_end())))
    });
    let first = world.dial(AMINA, "*384*123#").await;
    assert!(first["screen"].as_str().unwrap().ends_with("98:More"));
    let second = world.keys(AMINA, "98").await;
    assert!(second["screen"].as_str().unwrap().contains("00:Back"));
    assert_eq!(world.keys(AMINA, "00").await, first);
    assert_eq!(
        world.count("/at/demo/ussd"),
        1,
        "the gateway never hears of these keys"
    );
    assert_eq!(world.keys(AMINA, "7").await["screen"], "You typed 7");
    assert_eq!(world.violations().await, ["ussd-too-long"]);
}

#[tokio::test]
async fn extra_digits_come_in_either_form() {
    let world = World::start().await;
    world.dial(AMINA, "*384*123*2*200#").await;
    world.fault("deep-dial-form-b").await;
    world.dial(AMINA, "*384*123*2*200#").await;
    world.keys(AMINA, "1").await;
    let hops = world.seen("/at/demo/ussd", 3).await;
    let said = |hop: usize| (hops[hop].field("serviceCode"), hops[hop].field("text"));
    assert_eq!(said(0), ("*384*123#".into(), "2*200".into()));
    assert_eq!(said(1), ("*384*123*2*200#".into(), "".into()));
    assert_eq!(said(2), ("*384*123*2*200#".into(), "1".into()));
}

#[tokio::test]
async fn other_codes_are_not_ours() {
    let world = World::start().await;
    for code in ["*384*1234#", "*144#", "hello", "*384*123", ""] {
        let shown = world.dial(AMINA, code).await;
        assert_eq!(
            shown,
            json!({"screen": "Connection problem or invalid MMI code.", "open": false}),
            "{code}"
        );
    }
    assert_eq!(world.count("/at/demo/ussd"), 0);
}

#[tokio::test]
async fn a_redial_is_a_new_session_and_ends_the_old_one() {
    let world = World::start().await;
    world.dial(AMINA, "*384*123#").await;
    world.dial(AMINA, "*384*123#").await;
    let hops = world.seen("/at/demo/ussd", 2).await;
    assert_ne!(hops[0].field("sessionId"), hops[1].field("sessionId"));
    assert_eq!(
        world.seen("/ussd/end", 1).await[0].field("sessionId"),
        hops[0].field("sessionId")
    );
}

#[tokio::test]
async fn repeated_hops_come_again_byte_for_byte() {
    let world = World::start().await;
    world.fault_once("duplicate-hop").await;
    world.dial(AMINA, "*384*123#").await;
    let hops = world.seen("/at/demo/ussd", 2).await;
    assert_eq!(hops[0].body, hops[1].body);

    world.fault_once("late-duplicate").await;
    world.keys(AMINA, "1").await;
    world.advance(6);
    let hops = world.seen("/at/demo/ussd", 4).await;
    assert_eq!(hops[2].body, hops[3].body);

    world.keys(AMINA, "2").await;
    world.fault_once("older-hop").await;
    world.keys(AMINA, "3").await;
    let hops = world.seen("/at/demo/ussd", 7).await;
    assert!(
        hops[..5].iter().any(|hop| hop.body == hops[6].body),
        "an earlier hop arrives after a later one"
    );
    assert!(world.violations().await.is_empty());
}

#[tokio::test]
async fn a_repeat_that_is_answered_otherwise_is_a_violation() {
    let world = World::start().await;
    let mut count = 0;
    world.gateway_says(move |seen| {
        count += 1;
        seen.path
            .ends_with("/ussd")
            .then(|| Say::screen(&format!("CON Answer {count}")))
    });
    world.fault_once("duplicate-hop").await;
    world.dial(AMINA, "*384*123#").await;
    assert_eq!(world.violations().await, ["ussd-repeat"]);
}

#[tokio::test]
async fn lost_hops_and_lost_answers_end_the_session_for_the_rider() {
    for (fault, reached) in [("lost-answer", 1), ("lost-request", 0)] {
        let world = World::start().await;
        world.fault(fault).await;
        let shown = world.dial(AMINA, "*384*123#").await;
        assert_eq!(shown["open"], false, "{fault}");
        assert_eq!(world.count("/at/demo/ussd"), reached, "{fault}");
        assert_eq!(
            world.seen("/ussd/end", 1).await[0].field("status"),
            "Failed"
        );
    }
}

#[tokio::test]
async fn a_skipped_hop_arrives_with_the_next() {
    let world = World::start().await;
    world.dial(AMINA, "*384*123#").await;
    world.fault_once("skipped-hop").await;
    world.keys(AMINA, "1").await;
    world.keys(AMINA, "2").await;
    let hops = world.seen("/at/demo/ussd", 2).await;
    assert_eq!(hops[1].field("text"), "1*2");
}

#[tokio::test]
async fn a_cut_session_keeps_its_last_screen_but_takes_no_reply() {
    let world = World::start().await;
    world.fault("cut-after-con").await;
    assert_eq!(
        world.dial(AMINA, "*384*123#").await,
        json!({"screen": "You typed ", "open": false})
    );
    assert_eq!(
        world.seen("/ussd/end", 1).await[0].field("status"),
        "Incomplete"
    );
    let (status, _) = world
        .try_post("/phones/254711000001/type", json!({"keys": "1"}))
        .await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn end_notices_are_late_doubled_early_or_missing_when_ordered() {
    let world = World::start().await;
    world.gateway_says(|seen| seen.path.ends_with("/ussd").then(|| Say::screen("END Bye")));
    world.fault_once("double-end-notice").await;
    world.dial(AMINA, "*384*123#").await;
    let notices = world.seen("/ussd/end", 2).await;
    assert_eq!(notices[0].body, notices[1].body);

    world.fault_once("no-end-notice").await;
    world.dial(AMINA, "*384*123#").await;
    world.fault_once("late-end-notice").await;
    world.dial(JUMA, "*384*123#").await;
    world.advance(10);
    let notices = world.seen("/ussd/end", 3).await;
    assert_eq!(notices.len(), 3);
    assert_eq!(notices[2].field("phoneNumber"), "+254711000002");

    world.fault_once("early-end-notice").await;
    world.dial(AMINA, "*384*123#").await;
    world.seen("/ussd/end", 4).await;
    let order: Vec<String> = world
        .seen("", 0)
        .await
        .into_iter()
        .map(|seen| seen.path)
        .collect();
    assert!(
        order.ends_with(&["/at/demo/ussd/end".into(), "/at/demo/ussd".into()]),
        "{order:?}"
    );
}

#[tokio::test]
async fn bodies_come_in_the_shapes_that_hand_made_senders_use() {
    let world = World::start().await;
    let cases = [
        (
            "unescaped-body",
            "phoneNumber=+254711000001&serviceCode=*384*123#&text=",
        ),
        ("missing-plus", "phoneNumber=254711000001&"),
        ("sandbox-network", "&networkCode=99999"),
        ("permuted-fields", "sessionId=ATUid_"),
    ];
    for (number, (fault, part)) in cases.into_iter().enumerate() {
        world.fault_once(fault).await;
        world.dial(AMINA, "*384*123#").await;
        let body = world.seen("/at/demo/ussd", number + 1).await[number]
            .body
            .clone();
        assert!(body.contains(part), "{fault}: {body}");
    }
    for (fault, field) in [
        ("missing-network-code", "networkCode"),
        ("missing-text", "text"),
    ] {
        world.fault_once(fault).await;
        let before = world.count("/at/demo/ussd");
        world.dial(AMINA, "*384*123#").await;
        let seen = world.seen("/at/demo/ussd", before + 1).await;
        assert!(!seen[before].form().contains_key(field), "{fault}");
    }
}

#[tokio::test]
async fn two_sessions_of_one_number_can_be_open_at_once() {
    let world = World::start().await;
    world.fault("two-sessions").await;
    world.dial(AMINA, "*384*123#").await;
    let hops = world.seen("/at/demo/ussd", 2).await;
    assert_ne!(hops[0].field("sessionId"), hops[1].field("sessionId"));
    assert_eq!(hops[0].field("phoneNumber"), hops[1].field("phoneNumber"));
    assert_eq!(world.keys(AMINA, "1").await["open"], true);
}

#[tokio::test]
async fn a_reply_has_its_limit_and_a_screen_must_be_open() {
    let world = World::start().await;
    assert_eq!(
        world
            .try_post("/phones/254711000001/type", json!({"keys": "1"}))
            .await
            .0,
        409
    );
    world.dial(AMINA, "*384*123#").await;
    assert_eq!(
        world
            .try_post("/phones/254711000001/type", json!({"keys": "x".repeat(81)}))
            .await
            .0,
        409
    );
    assert_eq!(
        world
            .try_post("/phones/254711000001/type", json!({"keys": "x".repeat(80)}))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn an_application_has_its_time_to_answer_and_no_more() {
    let world = World::with(|settings| {
        settings.timings.answer_limit = std::time::Duration::from_millis(80)
    })
    .await;
    // It takes the connection and never says anything.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    world
        .outside
        .set_gateway(format!("http://{}", mute.local_addr().unwrap()));
    let shown = world.dial(AMINA, "*384*123#").await;
    assert_eq!(
        shown,
        json!({"screen": "Connection problem or invalid MMI code.", "open": false})
    );
    world.outside.set_gateway(&world.gateway_url);
    let notice = &world.seen("/ussd/end", 1).await[0];
    assert_eq!(
        notice.field("errorMessage"),
        "Application did not answer in time"
    );
}

#[tokio::test]
async fn an_answer_that_comes_after_hanging_up_reaches_nobody() {
    let world = World::with(|settings| {
        settings.timings.slow_network = std::time::Duration::from_secs(3600)
    })
    .await;
    world.fault("slow-network").await;
    let phone = world.outside.phone(AMINA).unwrap();
    let dialling = phone.dial("*384*123#");
    tokio::pin!(dialling);
    tokio::select! {
        biased;
        _ = &mut dialling => panic!("the network was not slow"),
        () = async { while !world.get("/phones/254711000001").await["open"].as_bool().unwrap() {} } => {}
    }
    world.post("/phones/254711000001/hang-up", json!({})).await;
    world.advance(3601);
    assert_eq!(
        (dialling.await.screen.as_str(), world.count("/at/demo/ussd")),
        ("", 1)
    );
    assert_eq!(
        world.seen("/ussd/end", 1).await[0].field("status"),
        "Incomplete"
    );
}
