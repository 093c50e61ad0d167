//! Who is alerted through whom, with providers that refuse, hang and lose answers.

use std::sync::Mutex;

use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::messages::{Globals, Handover, Refusal};
use crate::primitives::Language;

type Heard = Arc<Mutex<Vec<(Msisdn, String)>>>;

/// What a provider does with whatever it is given.
#[derive(Clone, Copy)]
enum Does {
    Take,
    Refuse,
    Hang,
    LoseTheAnswer,
}

fn provider(does: Does, heard: &Heard) -> Provider {
    let heard = heard.clone();
    Arc::new(move |to, text| {
        let heard = heard.clone();
        Box::pin(async move {
            heard.lock().unwrap().push((to, text));
            match does {
                Does::Take => Handover::Accepted {
                    id: "1".into(),
                    cost: None,
                },
                Does::Refuse => Handover::Refused(Refusal::Throttled),
                Does::LoseTheAnswer => Handover::Unknown { why: "lost".into() },
                Does::Hang => std::future::pending().await,
            }
        })
    })
}

fn duty_phone() -> Msisdn {
    Msisdn::parse("254711000005").unwrap()
}

fn spool(providers: Vec<Provider>) -> Spool {
    let globals = Globals {
        languages: vec![Language::ENGLISH, Language::SWAHILI],
        ussd: "*384*123#".into(),
        sms: "22384".into(),
    };
    let messages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("messages");
    let folder = format!("kwastage-spool-{}", Uuid::new_v4().simple());
    Spool::new(Settings {
        folder: std::env::temp_dir().join(folder),
        duty_phones: vec![duty_phone()],
        templates: Arc::new(Templates::load(&messages, globals).unwrap()),
        providers,
        clock: Clock::System,
    })
}

fn alarm(channel: Channel) -> Report {
    Report {
        id: Uuid::from_u128(7),
        msisdn: Msisdn::parse("254711000009").unwrap(),
        language: Language::ENGLISH,
        at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        channel,
        silent: false,
        what: What::Alarm { words: None },
    }
}

fn count(heard: &Heard) -> usize {
    heard.lock().unwrap().len()
}

async fn gone(spool: Spool) {
    let folder = spool.0.settings.folder.clone();
    drop(spool);
    let _ = std::fs::remove_dir_all(folder);
}

#[tokio::test]
async fn the_next_provider_has_the_alert_when_the_first_cannot_or_does_not_say() {
    for first in [Does::Refuse, Does::Hang, Does::LoseTheAnswer] {
        let (one, other) = (Heard::default(), Heard::default());
        let spool = spool(vec![provider(first, &one), provider(Does::Take, &other)]);
        spool.take_report(alarm(Channel::Ussd)).await.unwrap();
        let began = tokio::time::Instant::now();
        spool.alert().await;
        assert_eq!((count(&one), count(&other)), (1, 1));
        assert!(began.elapsed() <= Duration::from_secs(5));
        spool.alert().await;
        assert_eq!(count(&other), 1, "told once");
        gone(spool).await;
    }
}

#[tokio::test]
async fn a_reporter_without_a_screen_is_told_as_well() {
    let heard = Heard::default();
    let spool = spool(vec![provider(Does::Take, &heard)]);
    spool.take_report(alarm(Channel::Call)).await.unwrap();
    spool.alert().await;
    let told: Vec<Msisdn> = heard
        .lock()
        .unwrap()
        .iter()
        .map(|(to, _)| to.clone())
        .collect();
    assert!(told.contains(&duty_phone()) && told.contains(&alarm(Channel::Call).msisdn));
    assert_eq!(told.len(), 2);
    gone(spool).await;
}

/// A process that comes after goes on where the dead one stopped, and tells nobody twice whom it can know to be told.
#[tokio::test]
async fn who_takes_over_alerts_whom_the_dead_had_not() {
    let (nobody, heard) = (Heard::default(), Heard::default());
    let dying = spool(vec![provider(Does::Refuse, &nobody)]);
    dying.take_report(alarm(Channel::Ussd)).await.unwrap();
    dying.alert().await;
    let folder = dying.0.settings.folder.clone();
    drop(dying);
    let mut heir = spool(vec![provider(Does::Take, &heard)]);
    if let Some(means) = Arc::get_mut(&mut heir.0) {
        means.settings.folder = folder.clone();
        means.writer = Writer::start(folder);
    }
    for _ in 0..500 {
        heir.take_over().await;
        if heir.waiting() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    heir.alert().await;
    heir.alert().await;
    assert_eq!(count(&heard), 1);
    gone(heir).await;
}
