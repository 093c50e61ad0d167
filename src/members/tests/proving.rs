use std::io::Write;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use tracing::instrument::WithSubscriber;

use super::*;
use crate::telemetry::every_thread_listens;

async fn check(
    pool: &PgPool,
    desk: &PinDesk,
    member: MemberId,
    route: &str,
    typed: &str,
    now: DateTime<Utc>,
) -> PinAnswer {
    check_pin(pool, desk, member, route, Secret::new(typed), now)
        .await
        .unwrap()
}

#[sqlx::test]
async fn the_pin_chosen_before_joining_is_the_members_pin(pool: PgPool) {
    let (stage, desk) = (kencom(&pool).await, desk());
    let id = joined_with_pin(&pool, &desk, 1, &stage, "4826").await;
    assert_eq!(
        check(&pool, &desk, id, "ussd", "4826", morning()).await,
        PinAnswer::Right
    );
    assert_eq!(
        check(&pool, &desk, id, "ussd", "4862", morning()).await,
        PinAnswer::Wrong { tries_left: 2 }
    );
}

#[sqlx::test]
async fn wrong_tries_lock_for_one_five_and_thirty_minutes(pool: PgPool) {
    let (stage, desk) = (kencom(&pool).await, desk());
    let id = joined_with_pin(&pool, &desk, 1, &stage, "4826").await;
    let mut now = morning();
    assert_eq!(
        check(&pool, &desk, id, "ussd", "9371", now).await,
        PinAnswer::Wrong { tries_left: 2 }
    );
    assert_eq!(
        check(&pool, &desk, id, "ussd", "9371", now).await,
        PinAnswer::Wrong { tries_left: 1 }
    );
    for minutes in [1, 5, 30, 30] {
        let until = now + TimeDelta::minutes(minutes);
        assert_eq!(
            check(&pool, &desk, id, "ussd", "9371", now).await,
            PinAnswer::Locked { until }
        );
        // While locked not even the right one opens, and trying it costs nothing more.
        let nearly = until - TimeDelta::seconds(1);
        assert_eq!(
            check(&pool, &desk, id, "ussd", "4826", nearly).await,
            PinAnswer::Locked { until }
        );
        now = until;
    }
    assert_eq!(
        check(&pool, &desk, id, "ussd", "4826", now).await,
        PinAnswer::Right
    );
    assert_eq!(
        check(&pool, &desk, id, "ussd", "9371", now).await,
        PinAnswer::Wrong { tries_left: 2 }
    );
}

#[sqlx::test]
async fn a_stranger_on_one_route_locks_nobody_out_of_another(pool: PgPool) {
    let (stage, desk) = (kencom(&pool).await, desk());
    let id = joined_with_pin(&pool, &desk, 1, &stage, "4826").await;
    let neighbour = joined_with_pin(&pool, &desk, 2, &stage, "4826").await;
    for _ in 0..4 {
        check(&pool, &desk, id, "sms", "9371", morning()).await;
    }
    assert!(matches!(
        check(&pool, &desk, id, "sms", "4826", morning()).await,
        PinAnswer::Locked { .. }
    ));
    assert_eq!(
        check(&pool, &desk, id, "ussd", "4826", morning()).await,
        PinAnswer::Right
    );
    assert_eq!(
        check(&pool, &desk, neighbour, "sms", "4826", morning()).await,
        PinAnswer::Right
    );
    // Being right on one route forgives nothing on another.
    assert!(matches!(
        check(&pool, &desk, id, "sms", "4826", morning()).await,
        PinAnswer::Locked { .. }
    ));
}

#[sqlx::test]
async fn a_refused_deed_does_not_take_the_count_back(pool: PgPool) {
    let (stage, desk) = (kencom(&pool).await, desk());
    let id = joined_with_pin(&pool, &desk, 1, &stage, "4826").await;
    let mut refused = work(&pool, morning()).await;
    change_kin(&mut refused, id, &rider(1, &stage).kin)
        .await
        .unwrap();
    assert_eq!(
        check(&pool, &desk, id, "ussd", "9371", morning()).await,
        PinAnswer::Wrong { tries_left: 2 }
    );
    drop(refused);
    assert_eq!(
        check(&pool, &desk, id, "ussd", "9371", morning()).await,
        PinAnswer::Wrong { tries_left: 1 }
    );
}

#[sqlx::test]
async fn many_tries_at_once_are_no_more_than_three(pool: PgPool) {
    let (stage, desk) = (kencom(&pool).await, desk());
    let id = joined_with_pin(&pool, &desk, 1, &stage, "4826").await;
    let guesses: Vec<_> = (0..24)
        .map(|n| {
            let (pool, desk) = (pool.clone(), desk.clone());
            tokio::spawn(async move {
                check(
                    &pool,
                    &desk,
                    id,
                    "ussd",
                    &format!("{}", 5000 + n),
                    morning(),
                )
                .await
            })
        })
        .collect();
    let mut wrong = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            PinAnswer::Wrong { .. } => wrong += 1,
            PinAnswer::Locked { until } => assert_eq!(until, morning() + TimeDelta::minutes(1)),
            PinAnswer::Busy => {}
            PinAnswer::Right => panic!("a guess was right"),
        }
    }
    assert!(wrong <= 2, "{wrong}");
    let failures = sqlx::query_scalar!("select failures from pin_guard where member_id = $1", id.0)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!((1..=3).contains(&failures), "{failures}");
}

#[sqlx::test]
async fn a_busy_desk_counts_no_try(pool: PgPool) {
    let (stage, desk) = (kencom(&pool).await, desk());
    let id = joined_with_pin(&pool, &desk, 1, &stage, "4826").await;
    let closed = PinDesk::new(KeyRing::of(Key::new(1, [3; 32])), 0, 0);
    for _ in 0..5 {
        assert_eq!(
            check(&pool, &closed, id, "ussd", "4826", morning()).await,
            PinAnswer::Busy
        );
    }
    assert_eq!(
        check(&pool, &desk, id, "ussd", "9371", morning()).await,
        PinAnswer::Wrong { tries_left: 2 }
    );
}

#[sqlx::test]
async fn without_a_member_or_a_pin_the_answer_is_wrong(pool: PgPool) {
    let (stage, desk) = (kencom(&pool).await, desk());
    let nobody = MemberId(Uuid::from_u128(404));
    assert_eq!(
        check(&pool, &desk, nobody, "ussd", "4826", morning()).await,
        PinAnswer::Wrong { tries_left: 2 }
    );
    let id = joined(&pool, 1, &stage).await;
    sqlx::query!("delete from member_pin where member_id = $1", id.0)
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(
        check(&pool, &desk, id, "ussd", "4826", morning()).await,
        PinAnswer::Wrong { tries_left: 2 }
    );
}

#[sqlx::test]
async fn a_verifier_moved_to_another_member_fits_nothing(pool: PgPool) {
    let (stage, desk) = (kencom(&pool).await, desk());
    let thief = joined_with_pin(&pool, &desk, 1, &stage, "4826").await;
    let victim = joined_with_pin(&pool, &desk, 2, &stage, "9371").await;
    sqlx::query!(
        "update member_pin set verifier = (select verifier from member_pin where member_id = $1) where member_id = $2",
        thief.0,
        victim.0
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(
        check(&pool, &desk, victim, "ussd", "4826", morning()).await,
        PinAnswer::Wrong { tries_left: 2 }
    );
}

#[sqlx::test]
async fn a_changed_pin_replaces_the_old_one(pool: PgPool) {
    let (stage, desk) = (kencom(&pool).await, desk());
    let id = joined_with_pin(&pool, &desk, 1, &stage, "4826").await;
    let later = at("2026-04-01T06:00:00Z");
    let mut work = work(&pool, later).await;
    let owner = pin_owner(work.conn(), &keys(), id).await.unwrap().unwrap();
    let verifier = desk
        .make(id, StrongPin::choose(Secret::new("9371"), &owner).unwrap())
        .await
        .unwrap();
    let changed = change_pin(&mut work, id, &verifier).await.unwrap();
    assert_eq!(
        changed,
        PinChanged {
            msisdn: phone(1),
            language: Language::SWAHILI
        }
    );
    let nobody = change_pin(&mut work, MemberId(Uuid::from_u128(404)), &verifier).await;
    assert!(matches!(nobody, Err(ChangePinError::NotFound)));
    work.commit().await.unwrap();
    assert_eq!(
        check(&pool, &desk, id, "ussd", "4826", later).await,
        PinAnswer::Wrong { tries_left: 2 }
    );
    assert_eq!(
        check(&pool, &desk, id, "ussd", "9371", later).await,
        PinAnswer::Right
    );
    assert_eq!(
        event_names(&pool, id).await,
        ["member.joined", "member.pin_changed"]
    );
    let mut conn = pool.acquire().await.unwrap();
    assert_eq!(
        latest_credential_change(&mut conn, id).await.unwrap(),
        Some(later),
        "and money out cools off from then; the first PIN was no change"
    );
}

/// Where log lines go in a test.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[sqlx::test]
async fn a_wrong_pin_is_a_security_line_that_names_the_member_by_id_alone(pool: PgPool) {
    let (stage, desk) = (kencom(&pool).await, desk());
    let id = joined_with_pin(&pool, &desk, 9, &stage, "4826").await;
    every_thread_listens();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(move || writer.clone())
        .finish();
    async {
        for typed in ["7391", "7391", "7391", "4826"] {
            check(&pool, &desk, id, "ussd", typed, morning()).await;
        }
    }
    .with_subscriber(subscriber)
    .await;
    let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let security: Vec<&str> = said
        .lines()
        .filter(|line| line.contains(r#""target":"security""#))
        .collect();
    assert_eq!(security.len(), 3, "{said}");
    assert!(security[2].contains("locked"), "{said}");
    assert!(
        security.iter().all(|line| line.contains(&id.to_string())),
        "{said}"
    );
    for personal in ["7391", "4826", "711000009", "20000009", "Zawadi"] {
        assert!(
            !security.iter().any(|line| line.contains(personal)),
            "{personal} in {said}"
        );
    }
}
