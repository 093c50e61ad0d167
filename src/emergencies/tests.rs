//! The deeds of those who answer, against a real database.

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use sqlx::PgPool;

use super::grammar::Says;
use super::*;
use crate::members::{Key, KeyRing, MemberKeys, PinDesk};
use crate::primitives::{Language, Msisdn};
use crate::seed;
use crate::work::{Actor, Work};

const AMINA: &str = "254711000001";
const WAMBUI: &str = "254711000003";
const ODHIAMBO: &str = "254711000004";
const NJERI: &str = "254711000005";
/// A rider of Kencom who serves nobody.
const KEVIN: &str = "254711000102";
const STRANGER: &str = "254711000009";

fn noon() -> DateTime<Utc> {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

fn phone(digits: &str) -> Msisdn {
    Msisdn::parse(digits).unwrap()
}

async fn work_at(pool: &PgPool, seconds: i64) -> Work {
    let now = noon() + TimeDelta::seconds(seconds);
    Work::begin(pool, now, Actor::Caller).await.unwrap()
}

/// The demo's people, and Amina's alarm: case 11, before Wambui and Odhiambo.
async fn alarm(pool: &PgPool) -> i64 {
    let keys = MemberKeys {
        sealing: KeyRing::of(Key::new(1, [1; 32])),
        index: Key::new(1, [2; 32]),
    };
    let desk = PinDesk::new(KeyRing::of(Key::new(1, [3; 32])), 1, 100);
    seed::world(pool, &keys, &desk, noon()).await.unwrap();
    raise_by(pool, AMINA, 0).await
}

async fn raise_by(pool: &PgPool, who: &str, seconds: i64) -> i64 {
    let mut work = work_at(pool, seconds).await;
    let asked = Raise {
        id: EmergencyId::fresh(),
        msisdn: phone(who),
        language: Language::ENGLISH,
        at: work.now,
        duty_desk: vec![phone(STRANGER)],
        silent: false,
    };
    let raised = raise(&mut work, asked).await.unwrap();
    work.commit().await.unwrap();
    raised.number.serial
}

async fn say(
    pool: &PgPool,
    seconds: i64,
    who: &str,
    which: Which,
    says: Says,
) -> Result<Answered, AnswerError> {
    let mut work = work_at(pool, seconds).await;
    let answered = answer(&mut work, &phone(who), which, says).await?;
    work.commit().await.unwrap();
    Ok(answered)
}

fn coming(minutes: i32) -> Says {
    Says::Accept {
        minutes: Some(minutes),
    }
}

/// Every message by now: to whom, and which.
async fn messages_to(pool: &PgPool, who: &str) -> Vec<String> {
    sqlx::query_scalar::<_, String>(
        "select template from outbox where msisdn = $1 order by created_at, id",
    )
    .bind(who)
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn state_of(pool: &PgPool, serial: i64) -> String {
    sqlx::query_scalar("select state from emergency where serial = $1")
        .bind(serial)
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

#[sqlx::test]
async fn from_the_first_yes_to_the_end_everybody_hears_what_concerns_them(pool: PgPool) {
    let case = alarm(&pool).await;
    let theirs = Which::Theirs;
    let first = say(&pool, 20, WAMBUI, theirs, coming(8)).await.unwrap();
    assert_eq!(
        first.did,
        Did::Coming {
            place: 1,
            minutes: Some(8)
        }
    );
    let second = say(&pool, 30, ODHIAMBO, Which::Serial(case), coming(4)).await;
    assert_eq!(
        second.unwrap().did,
        Did::Coming {
            place: 2,
            minutes: Some(4)
        }
    );
    say(&pool, 300, WAMBUI, theirs, Says::Arrive).await.unwrap();
    let ended = say(
        &pool,
        900,
        WAMBUI,
        theirs,
        Says::Done("taken to KNH".into()),
    )
    .await
    .unwrap();
    assert_eq!(
        (ended.did, ended.case.state),
        (Did::Ended, CaseState::Resolved)
    );
    assert_eq!(
        messages_to(&pool, AMINA).await,
        [
            "emergency.received",
            "emergency.helper_in",
            "emergency.helper_in",
            "emergency.helper_there",
            "emergency.helped"
        ]
    );
    assert_eq!(
        messages_to(&pool, ODHIAMBO).await,
        [
            "emergency.alert",
            "emergency.coming_in",
            "emergency.there",
            "emergency.over_said"
        ]
    );
    assert_eq!(messages_to(&pool, WAMBUI).await, ["emergency.alert"]);
    let file: Vec<String> =
        sqlx::query_scalar("select what from case_entry where msisdn = any($1) order by id")
            .bind(vec![WAMBUI, ODHIAMBO])
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(
        file,
        [
            "alerted", "alerted", "accepted", "accepted", "arrived", "done"
        ]
    );
}

#[sqlx::test]
async fn of_two_who_accept_at_once_both_come_and_one_is_first(pool: PgPool) {
    let case = alarm(&pool).await;
    let which = Which::Serial(case);
    let (one, other) = tokio::join!(
        say(&pool, 10, WAMBUI, which, coming(8)),
        say(&pool, 10, ODHIAMBO, which, coming(4))
    );
    let mut places: Vec<usize> = [one, other]
        .into_iter()
        .map(|answered| match answered.unwrap().did {
            Did::Coming { place, .. } => place,
            other => panic!("{other:?}"),
        })
        .collect();
    places.sort_unstable();
    assert_eq!(places, [1, 2]);
    assert_eq!(state_of(&pool, case).await, "acknowledged");
    let on_it = "select count(*) from responder where left_at is null";
    assert_eq!(count(&pool, on_it).await, 2);
    let told = "select count(*) from outbox where template = 'emergency.coming_in'";
    assert_eq!(
        count(&pool, told).await,
        1,
        "the first is told to the other"
    );
    let told = "select count(*) from outbox where template = 'emergency.helper_in'";
    assert_eq!(count(&pool, told).await, 2, "the reporter hears of both");
}

#[sqlx::test]
async fn said_twice_it_is_as_said_once(pool: PgPool) {
    let case = alarm(&pool).await;
    let which = Which::Serial(case);
    let messages = "select count(*) from outbox";
    for (place, says) in [
        coming(8),
        Says::More(2),
        Says::Arrive,
        Says::Done("over".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let seconds = i64::try_from(place).unwrap() * 60;
        say(&pool, seconds, WAMBUI, which, says.clone())
            .await
            .unwrap();
        let before = count(&pool, messages).await;
        let state = state_of(&pool, case).await;
        say(&pool, seconds + 5, WAMBUI, which, says.clone())
            .await
            .unwrap();
        assert_eq!(count(&pool, messages).await, before, "{says:?}");
        assert_eq!(state_of(&pool, case).await, state, "{says:?}");
    }
    let needed = "select needed::bigint from emergency";
    assert_eq!(count(&pool, needed).await, 3, "Wambui and two more");
}

#[sqlx::test]
async fn more_people_make_the_clock_look_at_once(pool: PgPool) {
    let case = alarm(&pool).await;
    let which = Which::Serial(case);
    say(&pool, 10, WAMBUI, which, coming(8)).await.unwrap();
    // The clock has looked since the alarm, and has nothing to do for a while.
    sqlx::query("update emergency set look_at = look_at + interval '10 minutes'")
        .execute(&pool)
        .await
        .unwrap();
    say(&pool, 60, WAMBUI, which, Says::More(2)).await.unwrap();
    let look: Option<DateTime<Utc>> = sqlx::query_scalar("select look_at from emergency")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(look, Some(noon() + TimeDelta::seconds(60)));
    assert_eq!(
        messages_to(&pool, ODHIAMBO).await.last().unwrap(),
        "emergency.more"
    );
}

#[sqlx::test]
async fn only_those_it_concerns_may_answer(pool: PgPool) {
    let case = alarm(&pool).await;
    let which = Which::Serial(case);
    for who in [KEVIN, STRANGER, AMINA] {
        for says in [
            coming(8),
            Says::Done(String::new()),
            Says::FalseAlarm(String::new()),
            Says::Note("hello".to_owned()),
        ] {
            let refused = say(&pool, 10, who, which, says.clone()).await;
            assert!(
                matches!(refused, Err(AnswerError::NotTheirs(number)) if number == case),
                "{who} {says:?}: {refused:?}"
            );
        }
        let refused = say(&pool, 10, who, Which::Theirs, coming(8)).await;
        assert!(matches!(refused, Err(AnswerError::NothingOpen)), "{who}");
    }
    let unknown = say(&pool, 10, WAMBUI, Which::Serial(99), coming(8)).await;
    assert!(matches!(unknown, Err(AnswerError::NoSuchCase(99))));
    assert_eq!(state_of(&pool, case).await, "reported");
    // An official was not alerted and may answer all the same.
    say(&pool, 10, NJERI, which, coming(8)).await.unwrap();
    assert_eq!(state_of(&pool, case).await, "acknowledged");
}

#[sqlx::test]
async fn who_cannot_come_after_all_is_missed_at_once(pool: PgPool) {
    let case = alarm(&pool).await;
    let which = Which::Serial(case);
    say(&pool, 10, WAMBUI, which, coming(8)).await.unwrap();
    say(&pool, 60, WAMBUI, Which::Theirs, Says::Decline)
        .await
        .unwrap();
    assert_eq!(state_of(&pool, case).await, "reported");
    assert_eq!(
        messages_to(&pool, AMINA).await.last().unwrap(),
        "emergency.helper_left"
    );
    assert_eq!(
        messages_to(&pool, ODHIAMBO).await.last().unwrap(),
        "emergency.left"
    );
    let looking = "select count(*) from emergency where look_at is not null";
    assert_eq!(count(&pool, looking).await, 1);
    // And back again.
    say(&pool, 90, WAMBUI, which, coming(8)).await.unwrap();
    assert_eq!(state_of(&pool, case).await, "acknowledged");
}

#[sqlx::test]
async fn handed_over_it_is_nobodys_until_the_other_answers(pool: PgPool) {
    let case = alarm(&pool).await;
    let which = Which::Serial(case);
    say(&pool, 10, WAMBUI, which, coming(8)).await.unwrap();
    for nobody in [WAMBUI, AMINA, STRANGER] {
        let refused = say(
            &pool,
            20,
            WAMBUI,
            which,
            Says::HandOver(Some(phone(nobody))),
        )
        .await;
        assert!(
            matches!(refused, Err(AnswerError::CannotTake(_))),
            "{nobody}"
        );
    }
    assert_eq!(state_of(&pool, case).await, "acknowledged");
    let to_kevin = Says::HandOver(Some(phone(KEVIN)));
    let handed = say(&pool, 30, WAMBUI, which, to_kevin).await.unwrap();
    assert_eq!(
        handed.did,
        Did::Handed {
            name: "Kevin".to_owned(),
            msisdn: phone(KEVIN)
        }
    );
    assert_eq!(state_of(&pool, case).await, "reported");
    assert_eq!(messages_to(&pool, KEVIN).await, ["emergency.handed"]);
    assert_eq!(
        messages_to(&pool, AMINA).await.last().unwrap(),
        "emergency.helper_changes"
    );
    say(&pool, 60, KEVIN, Which::Theirs, coming(3))
        .await
        .unwrap();
    assert_eq!(state_of(&pool, case).await, "acknowledged");
    // Without a phone it goes to whoever was alerted and has said nothing.
    let next = say(&pool, 90, KEVIN, which, Says::HandOver(None))
        .await
        .unwrap();
    assert!(matches!(next.did, Did::Handed { name, .. } if name == "Odhiambo"));
    say(&pool, 95, ODHIAMBO, which, Says::Decline)
        .await
        .unwrap();
    let nobody = say(&pool, 99, NJERI, which, Says::HandOver(None)).await;
    assert!(matches!(nobody, Err(AnswerError::NobodyNext(_))));
}

#[sqlx::test]
async fn after_the_end_it_is_over(pool: PgPool) {
    let case = alarm(&pool).await;
    let which = Which::Serial(case);
    say(&pool, 10, WAMBUI, which, Says::FalseAlarm(String::new()))
        .await
        .unwrap();
    assert_eq!(state_of(&pool, case).await, "cancelled");
    assert_eq!(
        messages_to(&pool, AMINA).await.last().unwrap(),
        "emergency.called_false"
    );
    let messages = count(&pool, "select count(*) from outbox").await;
    for says in [coming(8), Says::Arrive, Says::More(2), Says::Decline] {
        let late = say(&pool, 20, ODHIAMBO, which, says.clone()).await;
        assert!(matches!(late, Err(AnswerError::Over(_))), "{says:?}");
    }
    assert_eq!(count(&pool, "select count(*) from outbox").await, messages);
    let mut work = work_at(&pool, 60).await;
    let since = noon() - TimeDelta::hours(1);
    let last = last_ended_for(work.conn(), &phone(ODHIAMBO), since).await;
    assert_eq!(last.unwrap(), Some(case));
}

/// Whatever three people send in whatever order, nothing is a fault of ours: the rule and the database's trigger agree, and
/// what has ended stays so.
#[sqlx::test]
async fn any_history_is_lawful(pool: PgPool) {
    let case = alarm(&pool).await;
    let seed = std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut serial = case;
    let mut seconds = 0;
    let mut ends = 0;
    for _ in 0..150 {
        seconds += dice.random_range(1..40);
        let who = *[WAMBUI, ODHIAMBO, NJERI].choose(&mut dice).unwrap();
        let says = match dice.random_range(0..20) {
            0..6 => coming(dice.random_range(1..30)),
            6..9 => Says::Arrive,
            9..11 => Says::More(dice.random_range(1..4)),
            11..15 => Says::Decline,
            15..18 => Says::HandOver(None),
            18 => Says::Done("over".to_owned()),
            _ => Says::FalseAlarm(String::new()),
        };
        let before = state_of(&pool, serial).await;
        let answered = say(&pool, seconds, who, Which::Serial(serial), says.clone()).await;
        let after = state_of(&pool, serial).await;
        match answered {
            Ok(answered) => assert_eq!(answered.case.state.as_str(), after),
            Err(AnswerError::Fault(fault)) => panic!("{before}, {who} {says:?}: {fault}"),
            Err(_refused) => assert_eq!(before, after, "{who} {says:?}"),
        }
        let coming = count(&pool, "select count(*) from responder r join emergency e on e.id = r.emergency_id where r.left_at is null and e.state = 'reported'").await;
        assert_eq!(coming, 0, "somebody comes to a case nobody comes to");
        if ["resolved", "cancelled"].contains(&after.as_str()) {
            ends += 1;
            serial = raise_by(&pool, AMINA, seconds).await;
        }
    }
    assert!(ends > 0, "SEED={seed}: 150 sayings and no end");
}

#[sqlx::test]
async fn the_database_refuses_what_the_rule_refuses(pool: PgPool) {
    let case = alarm(&pool).await;
    say(
        &pool,
        10,
        WAMBUI,
        Which::Serial(case),
        Says::Done(String::new()),
    )
    .await
    .unwrap();
    let again = sqlx::query("update emergency set state = 'reported'")
        .execute(&pool)
        .await;
    assert!(again.is_err());
    let kept = sqlx::query("delete from case_entry").execute(&pool).await;
    assert!(kept.is_err());
}

#[sqlx::test]
async fn a_resolved_case_is_closed_after_a_day(pool: PgPool) {
    let case = alarm(&pool).await;
    say(
        &pool,
        10,
        WAMBUI,
        Which::Serial(case),
        Says::Done(String::new()),
    )
    .await
    .unwrap();
    for (hours, closed) in [(23, 0), (25, 1), (26, 0)] {
        let mut work = work_at(&pool, hours * 3600).await;
        assert_eq!(close_resolved(&mut work).await.unwrap(), closed);
        work.commit().await.unwrap();
    }
    assert_eq!(state_of(&pool, case).await, "closed");
}

#[sqlx::test]
async fn of_two_who_go_off_at_once_one_is_the_last(pool: PgPool) {
    alarm(&pool).await;
    let off = async |who: &'static str| {
        let mut work = work_at(&pool, 10).await;
        let gone = go_off_duty(&mut work, &phone(who), false).await.unwrap();
        work.commit().await.unwrap();
        gone
    };
    let (one, other) = tokio::join!(off(WAMBUI), off(ODHIAMBO));
    let last = [&one, &other]
        .iter()
        .filter(|gone| matches!(gone, Duty::Last { .. }))
        .count();
    assert_eq!(last, 1, "{one:?} {other:?}");
    let on_duty = "select count(*) from stage_role where on_duty and role = 'coordinator' and stage_id = (select id from stage where code = '101')";
    assert_eq!(count(&pool, on_duty).await, 1);
}

#[sqlx::test]
async fn officials_hear_once_of_each_time_without_anybody(pool: PgPool) {
    alarm(&pool).await;
    let look = async |seconds: i64| {
        let mut work = work_at(&pool, seconds).await;
        warn_of_gaps(&mut work).await.unwrap();
        work.commit().await.unwrap();
    };
    let duty = async |seconds: i64, who: &'static str, on: bool| {
        let mut work = work_at(&pool, seconds).await;
        match on {
            true => go_on_duty(&mut work, &phone(who)).await.unwrap(),
            false => go_off_duty(&mut work, &phone(who), true).await.unwrap(),
        };
        work.commit().await.unwrap();
    };
    let warned = "select count(*) from outbox where template = 'duty.gap'";
    look(0).await;
    assert_eq!(count(&pool, warned).await, 0);
    duty(10, WAMBUI, false).await;
    duty(20, ODHIAMBO, false).await;
    for seconds in [60, 120, 180] {
        look(seconds).await;
    }
    assert_eq!(count(&pool, warned).await, 1);
    duty(200, WAMBUI, true).await;
    look(240).await;
    duty(260, WAMBUI, false).await;
    look(300).await;
    look(360).await;
    assert_eq!(count(&pool, warned).await, 2);
}

#[sqlx::test]
async fn a_swap_changes_hands_with_the_yes(pool: PgPool) {
    alarm(&pool).await;
    let mut work = work_at(&pool, 10).await;
    let (wambui, odhiambo) = (phone(WAMBUI), phone(ODHIAMBO));
    go_off_duty(&mut work, &odhiambo, false).await.unwrap();
    for nobody in [WAMBUI, NJERI, KEVIN, STRANGER] {
        let asked = ask_swap(&mut work, &wambui, &phone(nobody)).await.unwrap();
        assert!(matches!(asked, SwapAsked::Refused(_)), "{nobody}");
    }
    assert_eq!(
        answer_swap(&mut work, &odhiambo, true).await.unwrap(),
        None,
        "nobody has asked yet"
    );
    ask_swap(&mut work, &wambui, &odhiambo).await.unwrap();
    let agreed = answer_swap(&mut work, &odhiambo, true).await.unwrap();
    assert!(agreed.is_some_and(|swap| swap.agreed && swap.name == "Wambui"));
    assert_eq!(
        answer_swap(&mut work, &odhiambo, true).await.unwrap(),
        None,
        "once"
    );
    work.commit().await.unwrap();
    let on_duty: Vec<String> = sqlx::query_scalar(
        "select member.msisdn from stage_role join member on member.id = member_id
         where on_duty and role = 'coordinator' and stage_role.stage_id = (select id from stage where code = '101')",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(on_duty, [ODHIAMBO]);
}

#[sqlx::test]
async fn who_comes_on_duty_gets_the_cases_that_wait(pool: PgPool) {
    alarm(&pool).await;
    let mut work = work_at(&pool, 10).await;
    let odhiambo = phone(ODHIAMBO);
    go_off_duty(&mut work, &odhiambo, false).await.unwrap();
    work.commit().await.unwrap();
    raise_by(&pool, "254711000002", 20).await;
    assert_eq!(messages_to(&pool, ODHIAMBO).await.len(), 1);
    let mut work = work_at(&pool, 30).await;
    let on = go_on_duty(&mut work, &odhiambo).await.unwrap();
    work.commit().await.unwrap();
    assert!(matches!(on, Duty::On { open: 2, .. }), "{on:?}");
    assert_eq!(
        messages_to(&pool, ODHIAMBO).await,
        ["emergency.alert", "emergency.alert"]
    );
}
