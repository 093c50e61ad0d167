//! Files as they are found: living, dead, torn, spoilt.

use super::*;
use crate::primitives::{Language, Msisdn};
use crate::spool::report::{Channel, Report, What};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use uuid::Uuid;

/// A folder of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        Folder(std::env::temp_dir().join(format!("kwastage-spool-{}", Uuid::new_v4().simple())))
    }

    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|found| found == ending))
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn alarm(n: u128) -> Report {
    Report {
        id: Uuid::from_u128(n),
        msisdn: Msisdn::parse("254711000001").unwrap(),
        language: Language::SWAHILI,
        at: chrono::DateTime::from_timestamp(1_800_000_000 + n as i64, 0).unwrap(),
        channel: Channel::Ussd,
        silent: false,
        what: What::Alarm { words: None },
    }
}

fn waiting(writer: &Writer) -> Vec<u128> {
    let book = writer.book();
    book.waiting()
        .map(|page| page.report.id.as_u128())
        .collect()
}

async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it never came true");
}

#[tokio::test]
async fn what_is_written_is_on_the_disk_and_only_ours_to_read() {
    let folder = Folder::new();
    let writer = Writer::start(folder.0.clone());
    writer.write(vec![Entry::Taken(alarm(1))]).await.unwrap();
    let [file] = &folder.files("spool")[..] else {
        panic!("one file");
    };
    let bytes = fs::read(file).unwrap();
    let held = frame::read(&bytes);
    assert_eq!(
        serde_json::from_str::<Entry>(held.records[0]).unwrap(),
        Entry::Taken(alarm(1))
    );
    assert_eq!(
        fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(fs::metadata(&folder.0).unwrap().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_file_of_which_nothing_is_needed_holds_no_number() {
    let folder = Folder::new();
    let writer = Writer::start(folder.0.clone());
    writer.write(vec![Entry::Taken(alarm(1))]).await.unwrap();
    let done = Entry::Done {
        report: Uuid::from_u128(1),
    };
    writer.write(vec![done]).await.unwrap();
    let file = folder.files("spool").remove(0);
    until(|| fs::metadata(&file).unwrap().len() == 0).await;
    drop(writer);
    until(|| folder.files("spool").is_empty()).await;
}

#[tokio::test]
async fn a_living_process_keeps_its_file_and_a_dead_one_is_taken_over_once() {
    let folder = Folder::new();
    let living = Writer::start(folder.0.clone());
    living.write(vec![Entry::Taken(alarm(1))]).await.unwrap();
    let dying = Writer::start(folder.0.clone());
    let told = Entry::Told {
        report: Uuid::from_u128(2),
        phone: alarm(2).msisdn,
    };
    dying
        .write(vec![Entry::Taken(alarm(2)), told])
        .await
        .unwrap();

    let heirs = [
        Writer::start(folder.0.clone()),
        Writer::start(folder.0.clone()),
    ];
    assert_eq!(heirs[0].take_over().await.unwrap(), 0, "both still live");
    drop(dying);
    // The file's lock goes with its thread.
    let mut taken = 0;
    for _ in 0..500 {
        taken += heirs[0].take_over().await.unwrap() + heirs[1].take_over().await.unwrap();
        if taken > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(taken, 1);
    let heir = heirs.iter().find(|heir| !waiting(heir).is_empty()).unwrap();
    assert_eq!(waiting(heir), [2]);
    assert_eq!(heir.book().waiting().next().unwrap().told.len(), 1);
    assert_eq!(waiting(&living), [1]);
}

#[tokio::test]
async fn a_torn_record_costs_itself_and_its_file_is_put_aside() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let mut bytes = Vec::new();
    for n in 1..=3 {
        let entry = serde_json::to_string(&Entry::Taken(alarm(n))).unwrap();
        frame::write(&entry, &mut bytes);
    }
    for torn in 1..60 {
        fs::write(folder.0.join("dead.spool"), &bytes[..bytes.len() - torn]).unwrap();
        let heir = Writer::start(folder.0.clone());
        assert_eq!(heir.take_over().await.unwrap(), 2, "torn by {torn}");
        assert_eq!(waiting(&heir), [1, 2], "torn by {torn}");
        assert_eq!(folder.files("spoilt").len(), 1);
        let done = [1, 2].map(|n| Entry::Done {
            report: Uuid::from_u128(n),
        });
        heir.write(done.to_vec()).await.unwrap();
        drop(heir);
        until(|| folder.files("spool").is_empty()).await;
    }
}

/// The heir died after it had copied and before it took the dead file away: both are there.
#[tokio::test]
async fn taken_over_twice_it_is_one_report() {
    let folder = Folder::new();
    let dead = Writer::start(folder.0.clone());
    dead.write(vec![Entry::Taken(alarm(1))]).await.unwrap();
    fs::copy(&folder.files("spool")[0], folder.0.join("copy.spool")).unwrap();
    drop(dead);
    let heir = Writer::start(folder.0.clone());
    let mut taken = 0;
    for _ in 0..500 {
        taken += heir.take_over().await.unwrap();
        if taken == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(taken, 2);
    assert_eq!(waiting(&heir), [1]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_said_and_the_report_lives_on() {
    let folder = Folder::new();
    // Where the folder should be there is a file.
    fs::write(&folder.0, b"").unwrap();
    let writer = Writer::start(folder.0.join("spool"));
    let refused = writer.write(vec![Entry::Taken(alarm(1))]).await;
    assert!(refused.is_err());
    assert_eq!(waiting(&writer), [1]);
    assert!(!writer.book().keeps(Uuid::from_u128(1)));
    fs::remove_file(&folder.0).unwrap();
    writer.write(vec![Entry::Taken(alarm(1))]).await.unwrap();
    assert!(writer.book().keeps(Uuid::from_u128(1)));
}

#[tokio::test]
async fn many_at_once_are_all_on_the_disk() {
    let folder = Folder::new();
    let writer = Arc::new(Writer::start(folder.0.clone()));
    let mut writing = tokio::task::JoinSet::new();
    for n in 0..1_000 {
        let writer = writer.clone();
        writing.spawn(async move { writer.write(vec![Entry::Taken(alarm(n))]).await });
    }
    assert!(writing.join_all().await.iter().all(Result::is_ok));
    let bytes = fs::read(&folder.files("spool")[0]).unwrap();
    assert_eq!(frame::read(&bytes).records.len(), 1_000);
}
