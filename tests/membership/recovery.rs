//! A forgotten PIN, a new number.

use kwastage::members::{self, MemberId};
use kwastage::primitives::StaffName;
use kwastage::recovery::{
    self, AnswerError, AskChangeError, AskResetError, AskedFrom, ChangeAsked, Moving, ResetId,
    Stopped, Verdict, Voice,
};
use sqlx::PgPool;

use crate::{NOON, World, phone};

const SOON: &str = "2026-11-20T09:30:00Z";
const NEXT_DAY: &str = "2026-11-21T09:00:01Z";

async fn asked(world: &World) -> ResetId {
    let amina = world.member(world.amina).await;
    let mut work = world.begin(NOON).await;
    let reset = recovery::ask_reset(&mut work, &amina, "session:3")
        .await
        .unwrap();
    work.commit().await.unwrap();
    reset
}

async fn says(
    world: &World,
    reset: ResetId,
    voice: Voice,
    yes: bool,
    now: &str,
) -> Result<Verdict, AnswerError> {
    let mut work = world.begin(now).await;
    let verdict = recovery::answer_reset(&mut work, reset, &voice, yes).await;
    work.commit().await.unwrap();
    verdict
}

async fn staff_says(world: &World, name: &str) -> Result<Verdict, AnswerError> {
    let mut work = world.begin(SOON).await;
    let name = StaffName::parse(name).unwrap();
    let verdict = recovery::staff_says(&mut work, world.amina, &name, true).await;
    work.commit().await.unwrap();
    verdict
}

fn moving(key: &str, to: &str, from: AskedFrom) -> Moving {
    Moving {
        key: key.to_owned(),
        to: phone(to),
        from,
        by: None,
    }
}

async fn asks_to_move(
    world: &World,
    member: MemberId,
    to: &str,
    from: AskedFrom,
) -> Result<ChangeAsked, AskChangeError> {
    let member = world.member(member).await;
    let mut work = world.begin(NOON).await;
    let key = format!("{}:{to}", member.id);
    let asked = recovery::ask_change(&mut work, &member, moving(&key, to, from)).await;
    work.commit().await.unwrap();
    asked
}

async fn move_next(world: &World, now: &str) -> bool {
    let mut work = world.begin(now).await;
    let moved = recovery::move_next(&mut work).await.unwrap();
    work.commit().await.unwrap();
    moved
}

async fn phone_of(world: &World, member: MemberId) -> String {
    world.member(member).await.msisdn.digits().to_owned()
}

#[sqlx::test]
async fn two_officials_let_a_member_in_and_one_person_never_does(pool: PgPool) {
    let world = World::new(pool).await;
    let reset = asked(&world).await;
    assert_eq!(world.told("recovery.official_asked").await.len(), 2);
    assert_eq!(world.told("recovery.kin_asked").await, ["254722000101"]);
    let njeri = || Voice::Official(world.njeri);
    let once = says(&world, reset, njeri(), true, SOON).await;
    assert!(matches!(once, Ok(Verdict::Waiting)));
    let twice = says(&world, reset, njeri(), true, SOON).await;
    assert!(matches!(twice, Err(AnswerError::SamePerson)));
    let herself = says(&world, reset, Voice::Official(world.amina), true, SOON).await;
    assert!(matches!(herself, Err(AnswerError::Oneself)));
    // Whoever writes the row, one person is not enough.
    assert_eq!(
        world
            .refused("update pin_reset set state = 'granted', granted_at = asked_at")
            .await,
        Some("pin_reset_two_people".to_owned())
    );
    assert_eq!(
        world
            .refused(
                "insert into pin_reset_voice select reset_id, who, true, at from pin_reset_voice"
            )
            .await,
        Some("pin_reset_voice_pkey".to_owned())
    );
    let peter = says(&world, reset, Voice::Official(world.peter), true, SOON).await;
    assert!(matches!(peter, Ok(Verdict::Granted)));
    assert_eq!(world.told("recovery.reset_granted").await, ["254711000001"]);
    let late = says(&world, reset, Voice::Kin, true, SOON).await;
    assert!(matches!(late, Err(AnswerError::Gone)));
}

#[sqlx::test]
async fn an_own_voice_written_by_hand_grants_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let reset = asked(&world).await;
    says(&world, reset, Voice::Kin, true, SOON).await.unwrap();
    sqlx::query("insert into pin_reset_voice select id, 'official:' || member_id, true, asked_at from pin_reset")
        .execute(&world.pool)
        .await
        .unwrap();
    assert_eq!(
        world
            .refused("update pin_reset set state = 'granted', granted_at = asked_at")
            .await,
        Some("pin_reset_two_people".to_owned())
    );
}

#[sqlx::test]
async fn two_officials_at_once_grant_it_once(pool: PgPool) {
    let world = World::new(pool).await;
    let reset = asked(&world).await;
    let (one, other) = tokio::join!(
        says(&world, reset, Voice::Official(world.njeri), true, SOON),
        says(&world, reset, Voice::Official(world.peter), true, SOON)
    );
    let mut verdicts = [
        one.unwrap() == Verdict::Granted,
        other.unwrap() == Verdict::Granted,
    ];
    verdicts.sort();
    assert_eq!(verdicts, [false, true]);
    assert_eq!(world.told("recovery.reset_granted").await.len(), 1);
}

#[sqlx::test]
async fn one_no_ends_it_and_an_answer_too_late_counts_for_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let reset = asked(&world).await;
    says(&world, reset, Voice::Official(world.njeri), true, SOON)
        .await
        .unwrap();
    let no = says(&world, reset, Voice::Kin, false, SOON).await;
    assert!(matches!(no, Ok(Verdict::Refused)));
    assert_eq!(world.told("recovery.reset_refused").await.len(), 1);
    let reset = {
        let amina = world.member(world.amina).await;
        let mut work = world.begin(SOON).await;
        let reset = recovery::ask_reset(&mut work, &amina, "session:4")
            .await
            .unwrap();
        let again = recovery::ask_reset(&mut work, &amina, "session:5").await;
        assert!(matches!(again, Err(AskResetError::AlreadyAsked)));
        work.commit().await.unwrap();
        reset
    };
    let too_late = "2026-11-21T09:30:00Z";
    let late = says(&world, reset, Voice::Kin, true, too_late).await;
    assert!(matches!(late, Err(AnswerError::Gone)));
}

#[sqlx::test]
async fn people_are_asked_three_times_a_day_at_most(pool: PgPool) {
    let world = World::new(pool).await;
    let amina = world.member(world.amina).await;
    for place in 0..3 {
        let mut work = world.begin(NOON).await;
        let key = format!("session:{place}");
        recovery::ask_reset(&mut work, &amina, &key).await.unwrap();
        let stopped = recovery::not_me(&mut work, &amina.msisdn).await.unwrap();
        assert_eq!(stopped, Stopped::Stopped);
        work.commit().await.unwrap();
    }
    let mut work = world.begin(SOON).await;
    let again = recovery::ask_reset(&mut work, &amina, "session:9").await;
    assert!(matches!(again, Err(AskResetError::TooOften)));
}

#[sqlx::test]
async fn staff_are_two_different_people(pool: PgPool) {
    let world = World::new(pool).await;
    assert!(matches!(
        staff_says(&world, "Grace").await,
        Ok(Verdict::Waiting)
    ));
    let again = staff_says(&world, "GRACE ").await;
    assert!(matches!(again, Err(AnswerError::SamePerson)));
    assert!(matches!(
        staff_says(&world, "Otieno").await,
        Ok(Verdict::Granted)
    ));
}

#[sqlx::test]
async fn a_number_goes_to_one_member_however_many_ask(pool: PgPool) {
    let world = World::new(pool).await;
    let new = "254711000099";
    let (amina, juma) = tokio::join!(
        asks_to_move(&world, world.amina, new, AskedFrom::NewPhone),
        asks_to_move(&world, world.juma, new, AskedFrom::NewPhone)
    );
    assert!(amina.is_ok() ^ juma.is_ok(), "one of the two");
    let taken = asks_to_move(&world, world.njeri, "254711000001", AskedFrom::NewPhone).await;
    assert!(matches!(taken, Err(AskChangeError::Taken)));
    assert!(!move_next(&world, SOON).await, "it cools off");
    let (one, other) = tokio::join!(move_next(&world, NEXT_DAY), move_next(&world, NEXT_DAY));
    assert!(one ^ other, "made once");
    assert_eq!(
        world
            .count("select count(*) from member where msisdn = '254711000099'")
            .await,
        1
    );
    assert_eq!(
        world
            .count("select count(*) from credential_change where what = 'phone'")
            .await,
        1
    );
}

#[sqlx::test]
async fn what_refers_to_the_phone_follows_it(pool: PgPool) {
    let world = World::new(pool).await;
    sqlx::raw_sql(
        "insert into emergency (id, year, msisdn, raised_at) values ('00000000-0000-0000-0000-000000000001', 2026, '254711000077', now());
         insert into emergency_alert (emergency_id, msisdn, language, alerted_at)
             values ('00000000-0000-0000-0000-000000000001', '254711000005', 'en', now());
         insert into responder (emergency_id, msisdn, first_name, language, accepted_at)
             values ('00000000-0000-0000-0000-000000000001', '254711000005', 'Njeri', 'en', now());
         insert into opt_out (msisdn, since, source) values ('254711000005', now(), 'sms')",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    asks_to_move(&world, world.njeri, "254711000099", AskedFrom::NewPhone)
        .await
        .unwrap();
    assert!(move_next(&world, NEXT_DAY).await);
    assert_eq!(phone_of(&world, world.njeri).await, "254711000099");
    let mut conn = world.pool.acquire().await.unwrap();
    let official = members::official(&mut conn, &phone("254711000099"))
        .await
        .unwrap();
    assert!(
        official.is_some(),
        "the role is the member's, not the phone's"
    );
    let follows = "select (select count(*) from emergency_alert where msisdn = '254711000099')
                        + (select count(*) from responder where msisdn = '254711000099')
                        + (select count(*) from opt_out where msisdn = '254711000099')";
    assert_eq!(world.count(follows).await, 3);
}

#[sqlx::test]
async fn a_number_that_somebody_joined_with_meanwhile_is_left_alone(pool: PgPool) {
    let world = World::new(pool).await;
    asks_to_move(&world, world.amina, "254711000099", AskedFrom::NewPhone)
        .await
        .unwrap();
    sqlx::query("update member set msisdn = '254711000099' where id = $1")
        .bind(world.juma.0)
        .execute(&world.pool)
        .await
        .unwrap();
    assert!(move_next(&world, NEXT_DAY).await);
    assert_eq!(phone_of(&world, world.amina).await, "254711000001");
    assert_eq!(world.told("recovery.number_taken").await, ["254711000001"]);
    assert!(!move_next(&world, NEXT_DAY).await);
}

#[sqlx::test]
async fn one_word_from_the_old_phone_stops_it(pool: PgPool) {
    let world = World::new(pool).await;
    asks_to_move(&world, world.amina, "254711000099", AskedFrom::NewPhone)
        .await
        .unwrap();
    let mut work = world.begin(SOON).await;
    let stopped = recovery::not_me(&mut work, &phone("254711000001"))
        .await
        .unwrap();
    assert_eq!(stopped, Stopped::Stopped);
    work.commit().await.unwrap();
    assert!(!move_next(&world, NEXT_DAY).await);
    let mut work = world.begin(NEXT_DAY).await;
    let again = recovery::not_me(&mut work, &phone("254711000001"))
        .await
        .unwrap();
    assert_eq!(again, Stopped::Nothing);
}

#[sqlx::test]
async fn a_change_by_staff_takes_two_of_them(pool: PgPool) {
    let world = World::new(pool).await;
    let amina = world.member(world.amina).await;
    let new = phone("254711000099");
    for (name, wanted) in [("Grace", true), ("grace", false)] {
        let mut work = world.begin(NOON).await;
        let name = StaffName::parse(name).unwrap();
        let asked = recovery::second_by_staff(&mut work, &amina, &new, &name).await;
        assert_eq!(matches!(asked, Ok(ChangeAsked::ToBeConfirmed)), wanted);
        work.commit().await.unwrap();
    }
    assert_eq!(
        world
            .refused("update phone_change set state = 'cooling', due_at = asked_at + interval '1 hour', second_by = first_by")
            .await,
        Some("phone_change_two_staff".to_owned())
    );
    assert_eq!(
        world
            .refused(
                "update phone_change set state = 'cooling', due_at = asked_at + interval '1 hour'"
            )
            .await,
        Some("phone_change_confirmed".to_owned())
    );
    let mut work = world.begin(SOON).await;
    let name = StaffName::parse("Otieno").unwrap();
    let asked = recovery::second_by_staff(&mut work, &amina, &new, &name).await;
    assert!(matches!(asked, Ok(ChangeAsked::Cooling { hours: 1 })));
    work.commit().await.unwrap();
    assert!(move_next(&world, NEXT_DAY).await);
    assert_eq!(phone_of(&world, world.amina).await, "254711000099");
}
