//! Real servers, started and ended in every way they are in daily life. Needs the packages, as the product does.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use services::{DATABASE, Durability, Private};

/// A folder of one test, removed with what it holds.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path =
            std::env::temp_dir().join(format!("kwastage-services-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Ok(elsewhere) = fs::read_to_string(self.0.join("deep/place")) {
            fs::remove_dir_all(elsewhere).unwrap();
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn sql(url: &str, statement: &str) -> String {
    let answer = Command::new("psql")
        .args(["-XAtqc", statement, url])
        .output()
        .unwrap();
    assert!(
        answer.status.success(),
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    String::from_utf8(answer.stdout).unwrap().trim().to_owned()
}

fn redis(url: &str, words: &[&str]) -> String {
    let answer = Command::new("redis-cli")
        .args(["--no-auth-warning", "-u", url])
        .args(words)
        .output()
        .unwrap();
    String::from_utf8(answer.stdout).unwrap().trim().to_owned()
}

fn services(folder: &Path, command: &[&str]) -> Command {
    let mut services = Command::new(env!("CARGO_BIN_EXE_services"));
    services
        .args(["run", "--fast", "--folder"])
        .arg(folder)
        .arg("--")
        .args(command);
    services
}

fn finished(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// Processes that work in this folder: servers, backends, and commands that were started in it.
fn processes_in(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let inside = processes.filter(|process| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    });
    inside
        .map(|process| fs::read_to_string(process.path().join("cmdline")).unwrap_or_default())
        .collect()
}

fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `services run` over a command that says in a file that it runs, and waits.
fn running(scratch: &Scratch) -> Child {
    let script = "cd \"$0\" && trap 'touch terminated; exit 9' TERM && touch up && while :; do sleep 0.05; done";
    let child = services(
        &scratch.0.join("pair"),
        &["sh", "-c", script, scratch.0.to_str().unwrap()],
    )
    .spawn()
    .unwrap();
    await_that("the command runs", || scratch.0.join("up").exists());
    child
}

#[test]
fn what_was_committed_is_there_at_the_next_start() {
    let scratch = Scratch::new("twice");
    let first = Private::start(&scratch.0, Durability::Real).unwrap();
    let url = first.postgres_url(DATABASE);
    assert_eq!(
        sql(
            &url,
            "create table seen (n int); insert into seen values (7); table seen"
        ),
        "7"
    );
    assert_eq!(sql(&url, "show fsync"), "on");
    assert_eq!(redis(&first.redis_url(), &["set", "k", "v"]), "OK");
    drop(first);
    assert_eq!(
        processes_in(&scratch.0),
        Vec::<String>::new(),
        "both are gone when drop returns"
    );

    let second = Private::start(&scratch.0, Durability::Real).unwrap();
    assert_eq!(sql(&second.postgres_url(DATABASE), "table seen"), "7");
    assert_eq!(redis(&second.redis_url(), &["get", "k"]), "v");
}

#[test]
fn two_pairs_run_side_by_side_and_one_folder_has_one() {
    let (one, two) = (Scratch::new("one"), Scratch::new("two"));
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| Private::start(&one.0, Durability::Fast).unwrap());
        let second = scope.spawn(|| Private::start(&two.0, Durability::Fast).unwrap());
        (first.join().unwrap(), second.join().unwrap())
    });
    sql(&first.postgres_url(DATABASE), "create table mine ()");
    assert_eq!(
        sql(
            &second.postgres_url(DATABASE),
            "select to_regclass('mine') is null"
        ),
        "t"
    );
    assert_eq!(sql(&first.postgres_url(DATABASE), "show fsync"), "off");
    assert_ne!(first.redis_url(), second.redis_url());

    let refused = Private::start(&one.0, Durability::Fast)
        .err()
        .map(|error| format!("{error:#}"))
        .unwrap();
    assert!(
        refused.contains(&format!("process {} is using it", std::process::id())),
        "{refused}"
    );
}

#[test]
fn nobody_without_the_password_gets_in() {
    let scratch = Scratch::new("password");
    let private = Private::start(&scratch.0, Durability::Fast).unwrap();
    let url = private.postgres_url(DATABASE);
    let (_, address) = url.split_once('@').unwrap();
    let stranger = format!("postgres://postgres:guess@{address}");
    let answer = Command::new("psql")
        .args(["-XAtqc", "select 1", &stranger])
        .env_remove("PGPASSWORD")
        .output()
        .unwrap();
    assert!(!answer.status.success());
    assert!(
        String::from_utf8_lossy(&answer.stderr).contains("password authentication failed"),
        "{answer:?}"
    );
    let port = private
        .redis_url()
        .rsplit(':')
        .next()
        .unwrap()
        .trim_end_matches('/')
        .to_owned();
    assert!(redis(&format!("redis://127.0.0.1:{port}"), &["ping"]).contains("NOAUTH"));
}

#[test]
fn the_command_gets_the_addresses_and_its_end_is_ours() {
    let scratch = Scratch::new("env");
    let told = finished(services(
        &scratch.0,
        &[
            "sh",
            "-c",
            "echo $DATABASE_URL $KWASTAGE_DATABASE__URL $REDIS_URL $KWASTAGE_REDIS__URL; exit 42",
        ],
    ));
    assert_eq!(told.status.code(), Some(42));
    let said = String::from_utf8(told.stdout).unwrap();
    let words: Vec<_> = said.split_whitespace().collect();
    assert!(
        words[0].starts_with("postgres://") && words[0] == words[1],
        "{said}"
    );
    assert!(
        words[2].starts_with("redis://") && words[2] == words[3],
        "{said}"
    );

    assert_eq!(
        finished(services(&scratch.0, &["sh", "-c", "kill -KILL $$"]))
            .status
            .code(),
        Some(128 + 9)
    );
    let missing = finished(services(&scratch.0, &["/no/such/command"]));
    assert!(
        String::from_utf8_lossy(&missing.stderr).contains("cannot run /no/such/command"),
        "{missing:?}"
    );
    assert_eq!(processes_in(&scratch.0), Vec::<String>::new());
}

#[test]
fn a_signal_is_passed_on_and_everything_is_stopped() {
    let scratch = Scratch::new("term");
    let mut child = running(&scratch);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(
        child.wait().unwrap().code(),
        Some(9),
        "the command's own answer to the signal"
    );
    assert!(scratch.0.join("terminated").exists());
    assert_eq!(processes_in(&scratch.0), Vec::<String>::new());
}

#[test]
fn a_killed_starter_takes_everything_with_it_and_the_next_start_just_works() {
    let scratch = Scratch::new("kill");
    let mut child = running(&scratch);
    child.kill().unwrap();
    child.wait().unwrap();
    // Without waiting: the next start waits for what is still ending.
    let private = Private::start(&scratch.0.join("pair"), Durability::Fast).unwrap();
    assert_eq!(sql(&private.postgres_url(DATABASE), "select 1"), "1");
    drop(private);
    await_that("nothing is left running", || {
        processes_in(&scratch.0).is_empty()
    });
}

#[test]
fn what_a_command_leaves_behind_is_ended_too() {
    let scratch = Scratch::new("straggler");
    let script = "cd \"$0\"; sleep 600 & exit 0";
    let told = finished_quietly(services(
        &scratch.0.join("pair"),
        &["sh", "-c", script, scratch.0.to_str().unwrap()],
    ));
    assert_eq!(told, Some(0));
    await_that("the straggler is gone", || {
        processes_in(&scratch.0).is_empty()
    });
}

// A straggler inherits our pipes, and reading them to their end would wait for it.
fn finished_quietly(mut command: Command) -> Option<i32> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap()
        .code()
}

#[test]
fn a_stale_status_file_that_names_a_living_stranger_is_no_obstacle() {
    let scratch = Scratch::new("stale");
    drop(Private::start(&scratch.0, Durability::Fast).unwrap());
    // Left by a container that was killed: there, small process numbers are soon somebody else's.
    let mut stranger = Command::new("sleep").arg("600").spawn().unwrap();
    let data = scratch.0.join("postgres");
    let stale = format!(
        "{}\n{}\n1790000000\n5432\n\n127.0.0.1\n\nready\n",
        stranger.id(),
        data.display()
    );
    fs::write(data.join("postmaster.pid"), stale).unwrap();
    let private = Private::start(&scratch.0, Durability::Fast).unwrap();
    assert_eq!(sql(&private.postgres_url(DATABASE), "select 1"), "1");
    assert!(
        stranger.try_wait().unwrap().is_none(),
        "the stranger was left alone"
    );
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_first_start_that_was_cut_off_leaves_nothing_in_the_way() {
    let scratch = Scratch::new("cut");
    fs::create_dir_all(scratch.0.join("postgres.unfinished/base")).unwrap();
    fs::create_dir_all(scratch.0.join("postgres")).unwrap();
    let private = Private::start(&scratch.0, Durability::Fast).unwrap();
    assert_eq!(sql(&private.postgres_url(DATABASE), "select 1"), "1");
}

/// Root only: an ordinary user's tests are that case already.
#[test]
fn root_runs_it_under_a_home_that_others_cannot_enter() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let scratch = Scratch::new("home");
    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o700)).unwrap();
    let deep = scratch.0.join("deep");
    let first = Private::start(&deep, Durability::Fast).unwrap();
    sql(&first.postgres_url(DATABASE), "create table seen ()");
    drop(first);
    let place = fs::read_to_string(deep.join("place")).unwrap();
    assert!(place.starts_with("/var/tmp/kwastage-"), "{place}");
    let second = Private::start(&deep, Durability::Fast).unwrap();
    assert_eq!(
        sql(
            &second.postgres_url(DATABASE),
            "select to_regclass('seen') is not null"
        ),
        "t",
        "the same place again"
    );
}

/// Root only, for the same reason: becomes `nobody` and does it as an ordinary user.
#[test]
fn an_ordinary_user_runs_it_in_a_folder_of_their_own() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let scratch = Scratch::new("user");
    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o777)).unwrap();
    // The build's folder may be closed to others.
    let program = scratch.0.join("services");
    fs::copy(env!("CARGO_BIN_EXE_services"), &program).unwrap();
    let log = File::create(scratch.0.join("log")).unwrap();
    let mut command = Command::new(&program);
    command
        .args(["run", "--folder"])
        .arg(scratch.0.join("pair"))
        .args(["--", "sh", "-c"]);
    command.arg("id -u && psql -XAtqc 'select 1' $DATABASE_URL");
    let told = command
        .uid(65534)
        .gid(65534)
        .current_dir(&scratch.0)
        .stderr(log)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&told.stdout);
    assert_eq!(
        said,
        "65534\n1\n",
        "{}",
        fs::read_to_string(scratch.0.join("log")).unwrap()
    );
}
