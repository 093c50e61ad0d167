use std::path::PathBuf;

use tracing_subscriber::layer::SubscriberExt;

use super::canary::{Canaries, PIN};
use super::*;
use crate::primitives::{Msisdn, Secret};

/// Runs `say` under a log that writes into a fresh folder, and gives back the three files' texts.
fn logged(name: &str, say: impl FnOnce()) -> [String; 3] {
    every_thread_listens();
    let folder: PathBuf =
        std::env::temp_dir().join(format!("kwastage-log-{name}-{}", std::process::id()));
    let log = Log {
        level: "info".into(),
        folder: Some(folder.clone()),
    };
    let subscriber = tracing_subscriber::registry()
        .with(filter(&log).unwrap())
        .with(lines(Streams::open(log.folder.as_deref()).unwrap()));
    tracing::subscriber::with_default(subscriber, say);
    let texts = ["app.log", "security.log", "financial.log"]
        .map(|file| std::fs::read_to_string(folder.join(file)).unwrap());
    std::fs::remove_dir_all(folder).unwrap();
    texts
}

#[test]
fn each_line_is_json_in_the_stream_of_its_target_with_its_request() {
    let [app, security, financial] = logged("streams", || {
        let _request = tracing::info_span!("request", request.id = "r-1").entered();
        tracing::info!(claim.id = 7, "Approved a claim");
        tracing::warn!(target: SECURITY, "Refused a webhook");
        tracing::info!(target: FINANCIAL, amount = 200, "Received a contribution");
        tracing::debug!("Not shown at this level");
    });
    for (stream, text, message) in [
        ("app", &app, "Approved a claim"),
        ("security", &security, "Refused a webhook"),
        ("financial", &financial, "Received a contribution"),
    ] {
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 1, "{stream}: {text}");
        assert_eq!(lines[0]["message"], message);
        assert_eq!(lines[0]["span"]["request.id"], "r-1", "{text}");
    }
}

#[test]
fn nothing_private_leaves_by_type_or_by_carelessness() {
    let planted = Canaries {
        pins: vec![PIN.into()],
        ..Canaries::default()
    };
    let texts = logged("canary", || {
        let msisdn = Msisdn::parse("0712345678").unwrap();
        tracing::info!(%msisdn, ?msisdn, pin = ?Secret::new(PIN), "{msisdn} typed {:?}", Secret::new(PIN));
        tracing::error!(
            error = "no such member 254712345678",
            "{} is unknown",
            msisdn.e164()
        );
    });
    assert!(texts[0].contains("2547•••678"), "{}", texts[0]);
    assert_eq!(planted.leaks_in(&texts.concat()), []);
}

#[test]
fn a_name_with_line_breaks_cannot_forge_a_line() {
    let [app, ..] = logged("forged", || {
        tracing::info!(name = "x\n{\"level\":\"ERROR\"}\u{1b}[31m", "Joined")
    });
    assert_eq!(app.lines().count(), 1, "{app}");
    assert!(!app.contains('\u{1b}'), "{app}");
}
