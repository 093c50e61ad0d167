//! Every conversation under `dialogues/`, as written, with each request delivered twice, and with the session lost
//! between every two hops.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use simulators::dialogue::{EachHop, Script, play};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::world::{Sessions, World};

/// Worlds at the same time.
const AT_ONCE: usize = 6;
/// Every so many dialogues, one keeps its sessions in Redis.
const ONE_IN_REDIS: usize = 4;
/// Folders of dialogues in which the network loses an answer: to deliver it twice would be another story.
const LOST: &[&str] = &["lost"];
/// Folders of dialogues that live on what the store has kept, such as where a call was cut, or who was calling when it
/// began: with it lost there is nothing to go on from.
const KEPT: &[&str] = &["lost", "cut", "changed"];

#[tokio::test]
async fn as_written() {
    play_all(EachHop::Plain, &[]).await;
}

#[tokio::test]
async fn with_every_request_delivered_twice() {
    play_all(EachHop::Again, LOST).await;
}

#[tokio::test]
async fn with_the_session_lost_between_every_two_hops() {
    play_all(EachHop::Forget, KEPT).await;
}

#[test]
fn there_are_as_many_as_promised_in_both_languages() {
    let files = files();
    let swahili = files
        .iter()
        .filter(|file| std::fs::read_to_string(file).unwrap().contains("Stage ya"))
        .count();
    assert!(files.len() >= 60, "{} dialogues", files.len());
    assert!(swahili >= 15, "{swahili} dialogues in Swahili");
}

async fn play_all(each_hop: EachHop, left_out: &[&str]) {
    // DIALOGUE=join plays only those with the word in their path; SHOW=1 tells what each phone showed.
    let only = std::env::var("DIALOGUE").unwrap_or_default();
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let here = LocalSet::new();
    let mut playing = JoinSet::new();
    let is_left_out = |file: &Path| {
        let folder = file.parent().and_then(Path::file_name);
        left_out.iter().any(|name| folder == Some(name.as_ref()))
    };
    let files = files().into_iter().filter(|file| !is_left_out(file));
    for (place, file) in files.enumerate() {
        if !file.display().to_string().contains(&only) {
            continue;
        }
        let at_once = at_once.clone();
        let sessions = match place % ONE_IN_REDIS {
            0 => Sessions::Redis,
            _ => Sessions::InProcess,
        };
        let play_it = async move {
            let _turn = at_once.acquire_owned().await.unwrap();
            play_one(&file, sessions, each_hop).await
        };
        playing.spawn_local_on(play_it, &here);
    }
    let played = here.run_until(playing.join_all()).await;
    let mut failures: Vec<String> = played.into_iter().flatten().collect();
    failures.sort();
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// What came out otherwise, if anything did.
async fn play_one(file: &Path, sessions: Sessions, each_hop: EachHop) -> Option<String> {
    let name = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
    let source = std::fs::read_to_string(file).unwrap();
    let script = match Script::parse(&name.display().to_string(), &source) {
        Ok(script) => script,
        Err(mistakes) => {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            return Some(lines.join("\n"));
        }
    };
    let world = World::new(sessions).await;
    let show = std::env::var_os("SHOW").is_some();
    let played = play(&script, &mut world.phones(), each_hop, |moment| {
        if show {
            println!(
                "{} {}\n{}\n",
                moment.phone.name, moment.step.written, moment.brought
            );
        }
    })
    .await;
    let failure = match played {
        Ok(_) => None,
        Err(failure) => Some(format!("{failure}  ({sessions:?})")),
    };
    // A stray request of an earlier hop cannot have its old answer again from a session that was rebuilt.
    let failure = failure.or_else(|| match each_hop {
        EachHop::Forget => None,
        _ => wrongs_done(&world).map(|wrong| format!("{}: {wrong}", name.display())),
    });
    world.close().await;
    failure
}

/// What the simulators have seen our side do against the protocols.
fn wrongs_done(world: &World) -> Option<String> {
    let wrongs = world.outside.violations();
    (!wrongs.is_empty()).then(|| format!("{wrongs:?}"))
}

fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("dialogues")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "dialogue")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
