use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;
use sqlx::{ConnectOptions, PgPool};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::Clock;
use crate::work::{Actor, Work};

#[derive(Serialize, Deserialize)]
struct Errand {
    name: String,
    key: Option<String>,
}

impl Job for Errand {
    const NAME: &'static str = "test.errand";

    fn key(&self) -> Option<String> {
        self.key.clone()
    }
}

fn errand(name: &str) -> Errand {
    Errand {
        name: name.into(),
        key: None,
    }
}

fn keyed(name: &str, key: &str) -> Errand {
    Errand {
        key: Some(key.into()),
        ..errand(name)
    }
}

/// What the handlers of these tests know: a place to write down what they did.
#[derive(Clone)]
struct Diary {
    pool: PgPool,
    clock: Clock,
    done: Arc<Mutex<Vec<String>>>,
    changed: Arc<Notify>,
}

impl Diary {
    fn new(pool: &PgPool) -> Diary {
        let at = "2026-11-20T06:00:00Z".parse().unwrap();
        Diary {
            pool: pool.clone(),
            clock: Clock::frozen_at(at),
            done: Arc::default(),
            changed: Arc::default(),
        }
    }

    fn note(&self, what: &str) {
        self.done.lock().unwrap().push(what.to_owned());
        self.changed.notify_one();
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    async fn enqueue(&self, job: Errand, later: TimeDelta) {
        let mut work = Work::begin(&self.pool, self.clock.now(), Actor::System)
            .await
            .unwrap();
        let due = work.now + later;
        work.enqueue_at(job, due).await.unwrap();
        work.commit().await.unwrap();
    }

    async fn run_due(&self, registry: &Registry<Diary>) -> usize {
        run_due(&self.pool, &self.clock, registry, self.clone())
            .await
            .unwrap()
    }

    async fn stats(&self) -> Stats {
        let mut conn = self.pool.acquire().await.unwrap();
        stats(&mut conn, self.clock.now()).await.unwrap()
    }

    async fn only_job(&self) -> (String, i32, Option<String>) {
        let row = sqlx::query!("select state, attempts, last_error from job")
            .fetch_one(&self.pool)
            .await
            .unwrap();
        (row.state, row.attempts, row.last_error)
    }

    /// Waits until `count` things were noted.
    async fn until(&self, count: usize) {
        while self.done().len() < count {
            self.changed.notified().await;
        }
    }
}

fn noting() -> Registry<Diary> {
    let mut registry = Registry::new();
    registry.on(|diary: Diary, job: Errand| async move {
        diary.note(&job.name);
        Ok(())
    });
    registry
}

fn failing(failure: fn() -> JobFailure) -> Registry<Diary> {
    let mut registry = Registry::new();
    registry.on(move |_: Diary, _: Errand| async move { Err(failure()) });
    registry
}

/// Begins and never ends.
fn stuck() -> Registry<Diary> {
    let mut registry = Registry::new();
    registry.on(|diary: Diary, job: Errand| async move {
        diary.note(&format!("began {}", job.name));
        std::future::pending().await
    });
    registry
}

#[sqlx::test]
async fn what_is_due_is_done_oldest_first_and_nothing_else(pool: PgPool) {
    let diary = Diary::new(&pool);
    diary.enqueue(errand("third"), TimeDelta::zero()).await;
    diary.enqueue(errand("later"), TimeDelta::seconds(1)).await;
    diary.enqueue(errand("first"), TimeDelta::seconds(-9)).await;
    diary
        .enqueue(errand("second"), TimeDelta::seconds(-5))
        .await;
    assert_eq!(diary.run_due(&noting()).await, 3);
    assert_eq!(diary.done(), ["first", "second", "third"]);
    diary.clock.advance(TimeDelta::seconds(1));
    assert_eq!(diary.run_due(&noting()).await, 1);
    assert_eq!(diary.run_due(&noting()).await, 0);
    assert_eq!(diary.done().last().unwrap(), "later");
}

#[sqlx::test]
async fn what_a_job_leaves_behind_for_now_is_done_as_well(pool: PgPool) {
    let diary = Diary::new(&pool);
    let mut registry = Registry::new();
    registry.on(|diary: Diary, job: Errand| async move {
        diary.note(&job.name);
        if job.name.len() < 3 {
            diary
                .enqueue(errand(&format!("{}!", job.name)), TimeDelta::zero())
                .await;
        }
        Ok(())
    });
    diary.enqueue(errand("a"), TimeDelta::zero()).await;
    assert_eq!(diary.run_due(&registry).await, 3);
    assert_eq!(diary.done(), ["a", "a!", "a!!"]);
}

#[sqlx::test]
async fn a_key_is_one_job_for_ever_and_work_that_is_not_committed_is_none(pool: PgPool) {
    let diary = Diary::new(&pool);
    diary.enqueue(keyed("once", "7"), TimeDelta::zero()).await;
    diary.enqueue(keyed("twice", "7"), TimeDelta::zero()).await;
    assert_eq!(diary.run_due(&noting()).await, 1);
    diary.enqueue(keyed("again", "7"), TimeDelta::zero()).await;
    let mut dropped = Work::begin(&pool, diary.clock.now(), Actor::System)
        .await
        .unwrap();
    dropped.enqueue(errand("dropped")).await.unwrap();
    drop(dropped);
    assert_eq!(diary.run_due(&noting()).await, 0);
    assert_eq!(diary.done(), ["once"]);
}

#[sqlx::test]
async fn a_job_whose_worker_died_is_done_once_more_when_the_lease_has_run_out(pool: PgPool) {
    let diary = Diary::new(&pool);
    diary.enqueue(errand("call"), TimeDelta::zero()).await;
    let dying = stuck();
    tokio::select! {
        _ = diary.run_due(&dying) => unreachable!("the handler never ends"),
        () = diary.until(1) => {}
    }
    assert_eq!(
        diary.run_due(&noting()).await,
        0,
        "the lease is still another's"
    );
    diary.clock.advance(TimeDelta::seconds(60));
    assert_eq!(diary.run_due(&noting()).await, 1);
    assert_eq!(diary.run_due(&noting()).await, 0);
    assert_eq!(diary.done(), ["began call", "call"]);
    assert_eq!(diary.only_job().await, ("done".into(), 2, None));
}

#[sqlx::test]
async fn a_late_finish_does_not_count(pool: PgPool) {
    let diary = Diary::new(&pool);
    diary.enqueue(errand("call"), TimeDelta::zero()).await;
    let names = [Errand::NAME.to_owned()];
    let claim = async || {
        let now = diary.clock.now();
        let claimed = store::claim(&pool, &names, now, now + TimeDelta::seconds(60), 9).await;
        claimed.unwrap().pop()
    };
    let slow = claim().await.unwrap();
    assert!(claim().await.is_none());
    diary.clock.advance(TimeDelta::seconds(61));
    let now = diary.clock.now();
    assert_eq!(store::reclaim(&pool, now).await.unwrap(), 1);
    let quick = claim().await.unwrap();
    assert!(!store::finish(&pool, &slow, now).await.unwrap());
    assert!(!store::postpone(&pool, &slow, now, "late").await.unwrap());
    assert!(!store::give_up(&pool, &slow, now, "late").await.unwrap());
    assert!(!store::hand_back(&pool, &slow).await.unwrap());
    assert_eq!(diary.only_job().await.0, "running");
    assert!(store::finish(&pool, &quick, now).await.unwrap());
    assert_eq!(diary.only_job().await, ("done".into(), 2, None));
}

#[sqlx::test]
async fn a_handler_says_when_to_try_again(pool: PgPool) {
    let diary = Diary::new(&pool);
    diary.enqueue(errand("ask"), TimeDelta::zero()).await;
    let not_yet = failing(|| JobFailure::retry_after(TimeDelta::minutes(5), "no answer yet"));
    assert_eq!(diary.run_due(&not_yet).await, 1);
    assert_eq!(
        diary.only_job().await,
        ("waiting".into(), 1, Some("no answer yet".into()))
    );
    diary.clock.advance(TimeDelta::seconds(299));
    assert_eq!(diary.run_due(&not_yet).await, 0);
    diary.clock.advance(TimeDelta::seconds(1));
    assert_eq!(diary.run_due(&noting()).await, 1);
    assert_eq!(diary.done(), ["ask"]);
}

#[sqlx::test]
async fn what_can_never_be_done_is_given_up_and_counted(pool: PgPool) {
    let diary = Diary::new(&pool);
    diary.enqueue(errand("hopeless"), TimeDelta::zero()).await;
    assert_eq!(
        diary
            .run_due(&failing(|| JobFailure::give_up("no such member")))
            .await,
        1
    );
    assert_eq!(
        diary.only_job().await,
        ("given_up".into(), 1, Some("no such member".into()))
    );
    sqlx::query!(
        "insert into job (name, body, run_at, created_at) values ('test.errand', '[]', $1, $1)",
        diary.clock.now()
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(diary.run_due(&noting()).await, 1);
    assert_eq!(diary.stats().await.given_up, 2);
    assert!(diary.done().is_empty());
}

#[sqlx::test]
async fn a_job_of_another_release_is_left_alone(pool: PgPool) {
    let diary = Diary::new(&pool);
    diary.enqueue(errand("new"), TimeDelta::zero()).await;
    assert_eq!(diary.run_due(&Registry::new()).await, 0);
    assert_eq!(diary.only_job().await, ("waiting".into(), 0, None));
}

#[sqlx::test]
async fn a_waiting_job_can_be_pulled_forward_but_not_pushed_back(pool: PgPool) {
    let diary = Diary::new(&pool);
    diary
        .enqueue(keyed("push", "7"), TimeDelta::seconds(30))
        .await;
    let mut conn = pool.acquire().await.unwrap();
    let now = diary.clock.now();
    let later = now + TimeDelta::hours(1);
    assert!(!advance(&mut conn, Errand::NAME, "7", later).await.unwrap());
    assert!(!advance(&mut conn, Errand::NAME, "8", now).await.unwrap());
    assert!(advance(&mut conn, Errand::NAME, "7", now).await.unwrap());
    assert_eq!(diary.run_due(&noting()).await, 1);
    assert!(!advance(&mut conn, Errand::NAME, "7", now).await.unwrap());
}

#[sqlx::test]
async fn the_queue_tells_how_it_stands_and_forgets_what_has_no_key(pool: PgPool) {
    let diary = Diary::new(&pool);
    diary.enqueue(errand("old"), TimeDelta::seconds(-90)).await;
    diary
        .enqueue(keyed("old", "7"), TimeDelta::seconds(-20))
        .await;
    diary.enqueue(errand("future"), TimeDelta::hours(1)).await;
    let before = diary.stats().await;
    let wanted = Stats {
        waiting: 3,
        due: 2,
        running: 0,
        oldest_due_seconds: 90,
        given_up: 0,
    };
    assert_eq!(before, wanted);
    diary.run_due(&noting()).await;
    assert_eq!(
        diary.stats().await,
        Stats {
            waiting: 1,
            ..Stats::default()
        }
    );
    let mut conn = pool.acquire().await.unwrap();
    let tomorrow = diary.clock.now() + TimeDelta::days(1);
    assert_eq!(forget_done(&mut conn, tomorrow).await.unwrap(), 1);
    diary.enqueue(keyed("again", "7"), TimeDelta::zero()).await;
    assert_eq!(
        diary.run_due(&noting()).await,
        0,
        "a key is remembered for ever"
    );
}

#[sqlx::test]
async fn a_task_returns_at_its_interval_and_its_failure_is_no_end(pool: PgPool) {
    let diary = Diary::new(&pool);
    let mut registry = Registry::new();
    registry.every(
        "test.sweep",
        TimeDelta::minutes(1),
        |diary: Diary| async move {
            diary.note("sweep");
            Err(Fault::broken("half swept"))
        },
    );
    for _ in 0..2 {
        assert_eq!(diary.run_due(&registry).await, 0, "tasks are not counted");
    }
    assert_eq!(diary.done().len(), 1);
    diary.clock.advance(TimeDelta::seconds(59));
    diary.run_due(&registry).await;
    assert_eq!(diary.done().len(), 1);
    diary.clock.advance(TimeDelta::seconds(1));
    diary.run_due(&registry).await;
    assert_eq!(diary.done().len(), 2);
    let error = sqlx::query_scalar!("select last_error from periodic")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(error.as_deref(), Some("half swept"));
}

#[sqlx::test]
async fn a_task_is_never_run_twice_at_once(pool: PgPool) {
    let diary = Diary::new(&pool);
    let names = ["test.sweep".to_owned()];
    store::note_tasks(&pool, &names, diary.clock.now())
        .await
        .unwrap();
    let turn = async || {
        let lease = TimeDelta::seconds(60);
        let turns = store::claim_tasks(&pool, &names, diary.clock.now(), lease).await;
        turns.unwrap().pop()
    };
    let lost = turn().await.unwrap();
    assert!(turn().await.is_none(), "somebody is at it");
    diary.clock.advance(TimeDelta::seconds(60));
    let taken_over = turn().await.unwrap();
    let now = diary.clock.now();
    let next_at = now + TimeDelta::minutes(1);
    let late = store::finish_task(&pool, &lost, now, next_at, None).await;
    assert!(!late.unwrap());
    let in_time = store::finish_task(&pool, &taken_over, now, next_at, None).await;
    assert!(in_time.unwrap());
    assert!(turn().await.is_none(), "its interval has not passed");
}

#[sqlx::test]
async fn two_workers_share_the_table_and_do_nothing_twice(pool: PgPool) {
    let diary = Diary::new(&pool);
    let names: Vec<String> = (0..100).map(|number| format!("{number:03}")).collect();
    for name in &names {
        diary.enqueue(errand(name), TimeDelta::zero()).await;
    }
    let stop = CancellationToken::new();
    let worker = || {
        let (pool, clock) = (pool.clone(), diary.clock.clone());
        let at_work =
            Worker::default().run(pool, clock, Arc::new(noting()), diary.clone(), stop.clone());
        tokio::spawn(at_work)
    };
    let workers = [worker(), worker()];
    diary.until(names.len()).await;
    stop.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    let mut done = diary.done();
    done.sort();
    assert_eq!(done, names);
    assert_eq!(diary.stats().await, Stats::default());
}

#[sqlx::test]
async fn a_stopping_worker_hands_back_what_it_cannot_finish(pool: PgPool) {
    let diary = Diary::new(&pool);
    diary.enqueue(errand("long"), TimeDelta::zero()).await;
    let stop = CancellationToken::new();
    let hasty = Worker {
        grace: Duration::from_millis(1),
        ..Worker::default()
    };
    let at_work = tokio::spawn(hasty.run(
        pool.clone(),
        diary.clock.clone(),
        Arc::new(stuck()),
        diary.clone(),
        stop.clone(),
    ));
    diary.until(1).await;
    stop.cancel();
    at_work.await.unwrap();
    assert_eq!(diary.only_job().await, ("waiting".into(), 0, None));
    assert_eq!(
        diary.run_due(&noting()).await,
        1,
        "another one need not wait for the lease"
    );
}

#[sqlx::test]
async fn a_panic_stays_in_its_cage_and_a_commit_wakes_the_worker(pool: PgPool) {
    let diary = Diary::new(&pool);
    let mut registry = Registry::new();
    registry.on(|diary: Diary, job: Errand| async move {
        diary.note(&job.name);
        assert!(job.name != "bad", "a handler that panics");
        Ok(())
    });
    let stop = CancellationToken::new();
    let one_at_a_time = Worker {
        concurrency: 1,
        ..Worker::default()
    };
    let at_work = tokio::spawn(one_at_a_time.run(
        pool.clone(),
        diary.clock.clone(),
        Arc::new(registry),
        diary.clone(),
        stop.clone(),
    ));
    diary.enqueue(errand("bad"), TimeDelta::zero()).await;
    diary.until(1).await;
    diary.enqueue(errand("good"), TimeDelta::zero()).await;
    diary.until(2).await;
    stop.cancel();
    at_work.await.unwrap();
    let errors = sqlx::query_scalar!("select last_error from job order by id")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(errors, [Some("panicked".to_owned()), None]);
}

#[sqlx::test]
async fn a_handler_that_outlives_its_lease_is_cut_off(pool: PgPool) {
    let diary = Diary::new(&pool);
    diary.enqueue(errand("endless"), TimeDelta::zero()).await;
    let stop = CancellationToken::new();
    let strict = Worker {
        lease: Duration::from_millis(20),
        ..Worker::default()
    };
    let mut listener = sqlx::postgres::PgListener::connect_with(&pool)
        .await
        .unwrap();
    listener.listen("postponed").await.unwrap();
    sqlx::raw_sql(
        "create function tell() returns trigger language plpgsql as $$ begin perform pg_notify('postponed', ''); return null; end $$;
         create trigger tell after update on job for each row when (new.last_error is not null) execute function tell()",
    )
    .execute(&pool)
    .await
    .unwrap();
    let at_work = tokio::spawn(strict.run(
        pool.clone(),
        diary.clock.clone(),
        Arc::new(stuck()),
        diary.clone(),
        stop.clone(),
    ));
    listener.recv().await.unwrap();
    stop.cancel();
    at_work.await.unwrap();
    let (state, attempts, error) = diary.only_job().await;
    assert_eq!((state.as_str(), attempts), ("waiting", 1));
    assert!(error.unwrap().starts_with("took longer"));
}

/// Cut off wherever it happened to be: in the middle of `begin` as well.
#[sqlx::test]
async fn a_handler_that_is_cut_off_leaves_no_transaction_open(pool: PgPool) {
    let diary = Diary::new(&pool);
    for name in ["a", "b", "c", "d"] {
        diary.enqueue(errand(name), TimeDelta::zero()).await;
    }
    let mut registry = Registry::new();
    registry.on(|diary: Diary, job: Errand| async move {
        diary.note(&job.name);
        loop {
            Work::begin(&diary.pool, diary.clock.now(), Actor::System).await?;
        }
    });
    let stop = CancellationToken::new();
    let hasty = Worker {
        lease: Duration::from_millis(40),
        grace: Duration::from_millis(1),
        ..Worker::default()
    };
    let at_work = tokio::spawn(hasty.run(
        pool.clone(),
        diary.clock.clone(),
        Arc::new(registry),
        diary.clone(),
        stop.clone(),
    ));
    diary.until(4).await;
    stop.cancel();
    at_work.await.unwrap();
    // Once every connection is back, none may be inside a transaction.
    let mut onlooker = pool.connect_options().connect().await.unwrap();
    while pool.num_idle() < pool.size() as usize {
        tokio::task::yield_now().await;
    }
    let left_open: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
    )
    .fetch_one(&mut onlooker)
    .await
    .unwrap();
    assert_eq!(left_open, 0);
}
