//! Dialogues played over the wire, against a gateway small enough to be read here, with its good habits switchable.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Form, Router};
use simulators::dialogue::{EachHop, Failure, Hooks, Played, Script, Wire, dialoguss, play};

/// A welfare fund of three screens. It remembers the inputs of each session, as a gateway with a store does.
#[derive(Default)]
struct Gateway {
    sessions: Mutex<HashMap<String, Vec<String>>>,
    notices: Mutex<Vec<(String, String)>>,
    habits: Habits,
}

/// What a good gateway does and a bad one does not.
#[derive(Clone, Copy)]
struct Habits {
    rebuilds_lost_sessions: bool,
    knows_a_repeat: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            rebuilds_lost_sessions: true,
            knows_a_repeat: true,
        }
    }
}

impl Gateway {
    fn answer(&self, fields: &HashMap<String, String>) -> String {
        let (session, text, phone) = (
            &fields["sessionId"],
            &fields["text"],
            &fields["phoneNumber"],
        );
        let inputs: Vec<String> = if text.is_empty() {
            Vec::new()
        } else {
            text.split('*').map(str::to_owned).collect()
        };
        let mut sessions = self.sessions.lock().unwrap();
        let lost = !sessions.contains_key(phone) && !inputs.is_empty();
        if lost && !self.habits.rebuilds_lost_sessions {
            return "END Session lost.".to_owned();
        }
        let repeat = sessions.get(phone) == Some(&inputs);
        sessions.insert(phone.clone(), inputs.clone());
        if repeat && !self.habits.knows_a_repeat {
            return "CON Unknown choice.".to_owned();
        }
        let typed: Vec<&str> = inputs.iter().map(String::as_str).collect();
        match typed[..] {
            [] => "CON Karibu Amina\n1 Pay\n2 Fund".to_owned(),
            ["1"] => "CON Kencom welfare. KES 200.\nEnter PIN:".to_owned(),
            ["1", "4826"] => format!("END Asante. Ref {}", &session[session.len() - 4..]),
            ["1", _] => "CON Wrong PIN, 2 left.".to_owned(),
            _ => "END Kwaheri".to_owned(),
        }
    }
}

async fn ussd(
    State(gateway): State<Arc<Gateway>>,
    Form(fields): Form<HashMap<String, String>>,
) -> String {
    gateway.answer(&fields)
}

async fn ended(State(gateway): State<Arc<Gateway>>, Form(fields): Form<HashMap<String, String>>) {
    gateway
        .notices
        .lock()
        .unwrap()
        .push((fields["phoneNumber"].clone(), fields["status"].clone()));
}

async fn serve(habits: Habits) -> (Arc<Gateway>, Wire) {
    let gateway = Arc::new(Gateway {
        habits,
        ..Gateway::default()
    });
    let routes = Router::new()
        .route("/ussd", post(ussd))
        .route("/ussd/end", post(ended))
        .with_state(gateway.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ussd", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let forgetting = gateway.clone();
    let hooks = Hooks::none().on_forget(move |msisdn| {
        let gateway = forgetting.clone();
        async move {
            gateway
                .sessions
                .lock()
                .unwrap()
                .remove(&format!("+{msisdn}"));
            Ok(())
        }
    });
    let wire = Wire::new(&url)
        .with_end_notices(format!("{url}/end"))
        .with_service_code("*384*123#")
        .with_hooks(hooks);
    (gateway, wire)
}

async fn played(source: &str, habits: Habits, each_hop: EachHop) -> Result<Played, Failure> {
    let (_gateway, mut wire) = serve(habits).await;
    let script = Script::parse("pay.dialogue", source).unwrap();
    play(&script, &mut wire, each_hop, |_| {}).await
}

const PAY: &str = "\
# Amina pays; Juma looks in meanwhile.
phone amina 254711000001
phone juma 254711000002
dial *384*123#         Karibu {name} | 1 Pay*
type 1
  Kencom welfare. KES {amount}.
  Enter PIN:
@juma dial *384*123*9#  END Kwaheri
type 1111              Wrong PIN, 2 left.
again                  Wrong PIN*
drop
dial *384*123*1#       *KES {amount}.*
type 4826              END Asante. Ref {ref}
";

#[tokio::test]
async fn a_dialogue_comes_out_right() {
    let (gateway, mut wire) = serve(Habits::default()).await;
    let script = Script::parse("pay.dialogue", PAY).unwrap();
    let mut seen = Vec::new();
    let played = play(&script, &mut wire, EachHop::Plain, |moment| {
        seen.push(format!("{}: {}", moment.phone.name, moment.brought))
    })
    .await
    .unwrap();
    assert_eq!((played.steps, played.hops), (8, 6));
    assert!(seen[2].starts_with("juma: Kwaheri"), "{seen:?}");
    let notices = gateway.notices.lock().unwrap().clone();
    let notice = |phone: &str, status: &str| (phone.to_owned(), status.to_owned());
    assert_eq!(
        notices,
        [
            notice("+254711000002", "Success"),
            notice("+254711000001", "Incomplete"),
            notice("+254711000001", "Success")
        ]
    );
}

#[tokio::test]
async fn the_first_difference_is_told_with_its_line() {
    let told = |source: &'static str| async move {
        played(source, Habits::default(), EachHop::Plain)
            .await
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        told("phone a 254711000001\n\ndial *384*123#  Karibu Juma*\n").await,
        "pay.dialogue:3: dial *384*123#\n  expected: Karibu Juma*\n  got:      Karibu Amina | 1 Pay | 2 Fund"
    );
    let ended = told("phone a 254711000001\ndial *384*123*9#  Kwaheri\n").await;
    assert!(
        ended.ends_with("expected: Kwaheri\n  got:      END Kwaheri"),
        "an END where the session should stay open: {ended}"
    );
    let open = told("phone a 254711000001\ndial *384*123#  END\n").await;
    assert!(
        open.contains("expected: END *\n  got:      Karibu"),
        "an open session where it should end: {open}"
    );
    let over = told("phone a 254711000001\ndial *384*123*9#\ntype 1\n").await;
    assert!(
        over.contains("pay.dialogue:3") && over.contains("the session is over"),
        "{over}"
    );
    let unable = told("phone a 254711000001\ndial *384*123#\nsms says *\n").await;
    assert!(unable.contains("need the simulators"), "{unable}");
    let hook = told("phone a 254711000001\nwait 1m\n").await;
    assert!(hook.contains("needs a hook"), "{hook}");
}

#[tokio::test]
async fn a_value_said_once_must_come_again() {
    let source = "phone a 254711000001\ndial *384*123#  Karibu {name} | *\ntype 1  Kencom welfare. KES {name}.*\n";
    let failure = played(source, Habits::default(), EachHop::Plain)
        .await
        .unwrap_err();
    assert_eq!(
        (failure.place.as_str(), failure.expected.as_str()),
        ("3", "Kencom welfare. KES Amina.*")
    );
}

#[tokio::test]
async fn losing_the_store_between_hops_is_noticed_where_it_matters() {
    assert!(
        played(PAY, Habits::default(), EachHop::Forget)
            .await
            .is_ok()
    );
    let forgetful = Habits {
        rebuilds_lost_sessions: false,
        ..Habits::default()
    };
    assert!(
        played(
            "phone a 254711000001\ndial *384*123#\ntype 1  Kencom*\n",
            forgetful,
            EachHop::Plain
        )
        .await
        .is_ok()
    );
    let failure = played(
        "phone a 254711000001\ndial *384*123#\ntype 1  Kencom*\n",
        forgetful,
        EachHop::Forget,
    )
    .await
    .unwrap_err();
    assert_eq!(failure.got, "END Session lost.");
}

#[tokio::test]
async fn a_repeat_that_is_answered_otherwise_is_noticed() {
    assert!(played(PAY, Habits::default(), EachHop::Again).await.is_ok());
    let careless = Habits {
        knows_a_repeat: false,
        ..Habits::default()
    };
    let failure = played(
        "phone a 254711000001\ndial *384*123#\n",
        careless,
        EachHop::Again,
    )
    .await
    .unwrap_err();
    assert!(
        failure.expected.ends_with("as the first time") && failure.got == "Unknown choice.",
        "{failure}"
    );
}

#[tokio::test]
async fn dialoguss_files_play_as_they_are() {
    let file = r##"
dial: "*384*123#"
phoneNumber: 254711000001
sessions:
  - id: 1
    steps:
      - expect: "Karibu Amina\n1 Pay\n2 Fund"
      - userInput: "1"
        expect: |
          Kencom welfare. KES 200.
          Enter PIN:
  - id: 2
    description: "says goodbye"
    steps:
      - expect: "Karibu Amina\n1 Pay\n2 Fund"
      - userInput: "7"
        expect: "Asante"
"##;
    let dialogues = dialoguss::parse("app.yml", file).unwrap();
    let (_gateway, mut wire) = serve(Habits::default()).await;
    assert_eq!(
        play(&dialogues.scripts[0], &mut wire, EachHop::Plain, |_| {})
            .await
            .unwrap()
            .hops,
        2
    );
    let failure = play(&dialogues.scripts[1], &mut wire, EachHop::Plain, |_| {})
        .await
        .unwrap_err();
    assert_eq!(
        failure.to_string(),
        "app.yml:session says goodbye, step 2: type 7\n  expected: Asante\n  got:      END Kwaheri"
    );
}

#[tokio::test]
async fn the_command_says_which_dialogues_came_out_right() {
    let gateway = Arc::new(Gateway::default());
    let routes = Router::new()
        .route("/at/key/ussd", post(ussd))
        .route("/at/key/ussd/end", post(ended))
        .with_state(gateway.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let folder = std::env::temp_dir().join(format!("dialogues-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(folder.join("deeper")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write(
        "1.dialogue",
        "phone a 254711000001\ndial *384*123#  Karibu*\ntype 1  Kencom*\n",
    );
    write(
        "deeper/2.yml",
        "dial: '*384*123#'\nphoneNumber: 254711000001\nsteps:\n  - expect: \"Karibu Amina\\n1 Pay\\n2 Fund\"\n",
    );
    write("notes.txt", "no dialogue");
    let run = async |more: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_simulators"));
        command
            .arg("play")
            .arg(&folder)
            .args(["--gateway", &url, "--key", "key"])
            .args(more);
        let output = command.output().await.unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };

    let (code, said) = run(&[]).await;
    assert!(
        code == Some(0) && said.ends_with("2 right, 0 wrong\n"),
        "{said}"
    );
    let (code, said) = run(&["--each-hop", "forget"]).await;
    assert!(
        code == Some(1) && said.contains("1.dialogue:3") && said.contains("needs a hook"),
        "{said}"
    );
    let (code, said) = run(&[
        "--each-hop",
        "forget",
        "--forget-with",
        "test $MSISDN = 254711000001",
    ])
    .await;
    assert!(code == Some(0), "{said}");
    write("3.dialogue", "dial nowhere\n");
    let (code, said) = run(&[]).await;
    assert!(
        code == Some(1)
            && said.contains("3.dialogue:1: no phone")
            && said.ends_with("2 right, 1 wrong\n"),
        "{said}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}
