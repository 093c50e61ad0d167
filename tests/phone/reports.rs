//! Several people report, tell more, stop, and are joined and told apart in any order: nobody is lost on the way.

use kwastage::emergencies::{self, EmergencyId, EmergencyKind, Raise, SplitError, Stop};
use kwastage::members::{self, AtDial, Helping};
use kwastage::primitives::{Language, Msisdn};
use kwastage::work::{Actor, Work};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use sqlx::Row;
use std::time::Duration;

use crate::world::{Sessions, World};

/// Members of one stage, of another, and nobody's phones.
const REPORTERS: [&str; 6] = [
    "254711000001",
    "254711000002",
    "254711000101",
    "254711000111",
    "254711000009",
    "254711000999",
];
const AMINA: &str = REPORTERS[0];
const JUMA: &str = REPORTERS[1];
const WAMBUI: &str = "254711000003";
const PLACES: [&str; 5] = [
    "Moi Avenue Ambassadeur",
    "Ambassadeur, Moi Avenue",
    "ambassadeur",
    "Globe roundabout",
    "near the stage",
];
const STEPS: usize = 250;

#[tokio::test]
async fn in_any_order_everybody_who_reports_has_one_case_that_somebody_answers() {
    let seed = std::env::var("SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let world = World::new(Sessions::InProcess).await;
    let (mut joined, mut split) = (0, 0);
    for step in 0..STEPS {
        let phone = *REPORTERS.choose(&mut dice).unwrap();
        let deed = dice.random_range(0..14);
        let told = format!("SEED={seed} step {step}: deed {deed} of {phone}");
        let kind = *EmergencyKind::ALL.choose(&mut dice).unwrap();
        // Mostly the same kind, so that reports meet.
        let kind = if dice.random_bool(0.8) {
            EmergencyKind::Accident
        } else {
            kind
        };
        let place = *PLACES.choose(&mut dice).unwrap();
        match deed {
            0..4 => raise(&world, phone, dice.random_bool(0.1)).await,
            4..7 => {
                raise(&world, phone, false).await;
                tell(&world, phone, Told::Kind(kind)).await;
                tell(&world, phone, Told::Place(place)).await;
            }
            7 => tell(&world, phone, Told::Kind(kind)).await,
            8 => tell(&world, phone, Told::Place(place)).await,
            9 => tell(&world, phone, Told::Injured(dice.random_range(0..8))).await,
            10 => stop(&world, phone, dice.random_bool(0.3)).await,
            11 => split += usize::from(split_any(&world, &mut dice).await),
            12 => close_any(&world, &mut dice).await,
            _ => {
                let minutes = *[1, 1, 3, 10, 40].choose(&mut dice).unwrap();
                world.advance(Duration::from_secs(60 * minutes)).await;
                world.run_jobs().await;
            }
        }
        joined = joined.max(
            count(
                &world,
                "select count(*) from emergency where state = 'joined'",
            )
            .await,
        );
        holds(&world, &told).await;
    }
    assert!(
        joined > 0,
        "SEED={seed}: no two reports ever met, so this shows nothing"
    );
    println!("{joined} waited with another at once, {split} were told apart");
    world.close().await;
}

/// Two phones tell of one crash in the same instant, again and again: nothing is stuck, and nobody is left alone.
#[tokio::test]
async fn reports_that_meet_in_one_instant_hold_nobody_up() {
    let world = World::new(Sessions::InProcess).await;
    for _ in 0..25 {
        for phone in &REPORTERS[..3] {
            raise(&world, phone, false).await;
            tell(&world, phone, Told::Kind(EmergencyKind::Accident)).await;
        }
        let place = Told::Place("Moi Avenue Ambassadeur");
        tokio::join!(
            tell(&world, REPORTERS[0], place),
            tell(&world, REPORTERS[1], place),
            tell(&world, REPORTERS[2], place),
        );
        holds(&world, "together").await;
        tokio::join!(
            stop(&world, REPORTERS[0], false),
            tell(&world, REPORTERS[1], Told::Injured(4)),
            stop(&world, REPORTERS[2], false),
        );
        holds(&world, "stopped together").await;
        stop(&world, REPORTERS[1], false).await;
        holds(&world, "all stopped").await;
        world.advance(Duration::from_secs(60)).await;
    }
    world.close().await;
}

/// `SPLIT 12`: whoever was told of it may tell them apart, nobody else, and then everybody is alarmed again.
#[tokio::test]
async fn a_report_is_split_off_by_somebody_who_was_told_of_it() {
    let world = World::new(Sessions::InProcess).await;
    let place = Told::Place("Moi Avenue Ambassadeur");
    for by in [AMINA, JUMA] {
        raise(&world, by, false).await;
        tell(&world, by, Told::Kind(EmergencyKind::Accident)).await;
        tell(&world, by, place).await;
    }
    let joined = serials(
        &world,
        "select serial from emergency where state = 'joined'",
    )
    .await;
    let [serial] = joined[..] else {
        panic!("{joined:?} are joined")
    };
    world.advance(Duration::from_secs(5)).await;
    let mut work = begin(&world).await;
    let by_a_stranger = emergencies::split(&mut work, serial, &phone(REPORTERS[5])).await;
    assert!(matches!(by_a_stranger, Err(SplitError::NotTheirs)));
    let of_nobody = emergencies::split(&mut work, 4242, &phone(WAMBUI)).await;
    assert!(matches!(of_nobody, Err(SplitError::NotFound)));
    emergencies::split(&mut work, serial, &phone(WAMBUI))
        .await
        .unwrap();
    let again = emergencies::split(&mut work, serial, &phone(WAMBUI)).await;
    assert!(matches!(again, Err(SplitError::NotJoined)));
    work.commit().await.unwrap();
    holds(&world, "split").await;
    assert_eq!(said(&world, WAMBUI, "emergency.alert").await, 3);
    assert_eq!(said(&world, JUMA, "emergency.split_off").await, 1);
    world.close().await;
}

/// The end of a case reaches everybody who reported it.
#[tokio::test]
async fn whoever_waits_with_a_case_hears_of_its_end() {
    let world = World::new(Sessions::InProcess).await;
    for by in [AMINA, JUMA] {
        raise(&world, by, false).await;
        tell(&world, by, Told::Kind(EmergencyKind::Accident)).await;
        tell(&world, by, Told::Place("Moi Avenue Ambassadeur")).await;
    }
    let open = serials(
        &world,
        "select serial from emergency where state = 'reported'",
    )
    .await;
    let mut work = begin(&world).await;
    assert!(emergencies::close(&mut work, open[0]).await.unwrap());
    work.commit().await.unwrap();
    holds(&world, "closed").await;
    for by in [AMINA, JUMA] {
        assert_eq!(said(&world, by, "emergency.put_away").await, 1, "{by}");
    }
    assert_eq!(
        count(
            &world,
            "select count(*) from emergency where state = 'closed'"
        )
        .await,
        2
    );
    world.close().await;
}

/// The next alarm of a prankster goes out like any other; who is to come is told, and riders nearby are left in peace.
#[tokio::test]
async fn three_false_alarms_are_told_of_and_stop_nothing() {
    let world = World::new(Sessions::InProcess).await;
    let hassan = REPORTERS[2];
    offer_help(&world, hassan).await;
    for before in 0..4 {
        raise(&world, AMINA, false).await;
        tell(&world, AMINA, Told::Kind(EmergencyKind::Accident)).await;
        assert_eq!(said(&world, WAMBUI, "emergency.alert").await, before + 1);
        world.advance(Duration::from_secs(61)).await;
        world.run_jobs().await;
        if before < 3 {
            called_false(&world).await;
        }
    }
    assert_eq!(said(&world, WAMBUI, "emergency.false_before").await, 1);
    // Asked about the first two, by the ceiling of a day; never about the last.
    assert_eq!(said(&world, hassan, "emergency.nearby_somewhere").await, 2);
    world.advance(Duration::from_secs(2 * 86_400)).await;
    called_false(&world).await;
    raise(&world, AMINA, false).await;
    tell(&world, AMINA, Told::Kind(EmergencyKind::Accident)).await;
    world.advance(Duration::from_secs(61)).await;
    world.run_jobs().await;
    assert_eq!(said(&world, hassan, "emergency.nearby_somewhere").await, 2);
    // A month later it is forgotten.
    world.advance(Duration::from_secs(31 * 86_400)).await;
    raise(&world, AMINA, false).await;
    tell(&world, AMINA, Told::Kind(EmergencyKind::Accident)).await;
    world.advance(Duration::from_secs(61)).await;
    world.run_jobs().await;
    assert_eq!(said(&world, hassan, "emergency.nearby_somewhere").await, 3);
    world.close().await;
}

/// A nervous thumb, and the same answers again and again: each person hears each thing once.
#[tokio::test]
async fn pressing_again_and_again_floods_nobody() {
    let world = World::new(Sessions::InProcess).await;
    for _ in 0..10 {
        raise(&world, AMINA, false).await;
        tell(&world, AMINA, Told::Kind(EmergencyKind::Accident)).await;
        tell(&world, AMINA, Told::Injured(1)).await;
        tell(&world, AMINA, Told::Place("Moi Avenue")).await;
        world.advance(Duration::from_secs(2)).await;
        world.run_jobs().await;
    }
    assert_eq!(said(&world, WAMBUI, "emergency.alert").await, 1);
    assert_eq!(said(&world, WAMBUI, "emergency.kind_hurt_place").await, 1);
    assert_eq!(said(&world, WAMBUI, "emergency.%").await, 2);
    assert_eq!(said(&world, AMINA, "emergency.%").await, 2);
    assert_eq!(said(&world, "254722000101", "emergency.kin").await, 1);
    world.close().await;
}

#[derive(Clone, Copy)]
enum Told<'a> {
    Kind(EmergencyKind),
    Place(&'a str),
    Injured(i32),
}

async fn begin(world: &World) -> Work {
    Work::begin(&world.pool, world.now(), Actor::Caller)
        .await
        .unwrap()
}

fn phone(digits: &str) -> Msisdn {
    Msisdn::parse(digits).unwrap()
}

async fn raise(world: &World, by: &str, silent: bool) {
    let mut work = begin(world).await;
    let raise = Raise {
        id: EmergencyId::fresh(),
        msisdn: phone(by),
        language: Language::ENGLISH,
        at: work.now,
        duty_desk: world.app.config.emergencies.duty_phones.clone(),
        silent,
    };
    emergencies::raise(&mut work, raise).await.unwrap();
    work.commit().await.unwrap();
}

async fn tell(world: &World, by: &str, what: Told<'_>) {
    let mut work = begin(world).await;
    let by = phone(by);
    match what {
        Told::Kind(kind) => emergencies::tell_kind(&mut work, &by, kind).await.unwrap(),
        Told::Place(place) => emergencies::tell_place(&mut work, &by, place)
            .await
            .unwrap(),
        Told::Injured(injured) => emergencies::tell_injured(&mut work, &by, injured)
            .await
            .unwrap(),
    };
    work.commit().await.unwrap();
}

async fn stop(world: &World, by: &str, under_duress: bool) {
    let mut work = begin(world).await;
    let why = if under_duress {
        Stop::UnderDuress
    } else {
        Stop::Safe
    };
    emergencies::stop(&mut work, &phone(by), why).await.unwrap();
    work.commit().await.unwrap();
}

async fn split_any(world: &World, dice: &mut StdRng) -> bool {
    let serials = serials(world, "select serial from emergency where state = 'joined'").await;
    let Some(serial) = serials.choose(dice) else {
        return false;
    };
    let mut work = begin(world).await;
    match emergencies::split(&mut work, *serial, &phone(WAMBUI)).await {
        Ok(_) => work.commit().await.unwrap(),
        // Of another stage, or only the duty desk knows of it.
        Err(SplitError::NotTheirs) => return false,
        Err(other) => panic!("{other}"),
    }
    true
}

async fn close_any(world: &World, dice: &mut StdRng) {
    let open =
        "select serial from emergency where state in ('reported', 'acknowledged', 'responding')";
    if let Some(serial) = serials(world, open).await.choose(dice) {
        let mut work = begin(world).await;
        emergencies::close(&mut work, *serial).await.unwrap();
        work.commit().await.unwrap();
    }
}

/// One open report to a phone; what waits with a case waits with one that is open, and that is no report itself; and
/// somebody was alerted to every case.
async fn holds(world: &World, told: &str) {
    for (wrong, sql) in [
        (
            "a phone has two open reports",
            "select count(*) from (select msisdn from emergency where duress_at is null
               and state in ('reported', 'acknowledged', 'responding', 'joined') group by msisdn having count(*) > 1) as twice",
        ),
        (
            "a report waits with a case that is over",
            "select count(*) from emergency as report left join emergency as main on main.id = report.joined_to
             where report.state = 'joined' and coalesce(main.state, '') not in ('reported', 'acknowledged', 'responding')",
        ),
        (
            "a silent report waits with another",
            "select count(*) from emergency where state = 'joined' and duress_at is not null",
        ),
        (
            "nobody was alerted to an open case",
            "select count(*) from emergency where state in ('reported', 'acknowledged', 'responding')
               and not exists (select 1 from emergency_alert where emergency_id = emergency.id)",
        ),
        (
            "an ended case ended without its reports",
            "select count(*) from emergency as report join emergency as main on main.id = report.joined_to
             where main.state in ('closed', 'cancelled') and report.state not in ('closed', 'cancelled')",
        ),
        (
            "a text told of an alarm that must not show",
            "select count(*) from outbox join emergency on emergency.id = outbox.about and emergency.msisdn = outbox.msisdn
             where emergency.silent and emergency.duress_at is null and outbox.template like 'emergency.%'
               and outbox.created_at > coalesce((select max(at) from case_entry where emergency_id = emergency.id
                                                 and what in ('made_silent', 'raised')), '-infinity')",
        ),
    ] {
        assert_eq!(count(world, sql).await, 0, "{told}: {wrong}");
    }
}

async fn count(world: &World, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

async fn serials(world: &World, sql: &'static str) -> Vec<i64> {
    let rows = sqlx::query(sql).fetch_all(&world.pool).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// How many messages of these templates a phone was sent.
async fn said(world: &World, to: &str, template: &str) -> i64 {
    sqlx::query_scalar("select count(*) from outbox where msisdn = $1 and template like $2")
        .bind(to)
        .bind(template)
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

/// A coordinator found that there was nothing, as it stands in the rows.
async fn called_false(world: &World) {
    for sql in [
        "insert into case_entry (emergency_id, at, what)
         select id, $1, 'false_alarm' from emergency where state = 'reported'",
        "update emergency set state = 'cancelled', closed_at = $1 where state = 'reported'",
    ] {
        sqlx::query(sql)
            .bind(world.now())
            .execute(&world.pool)
            .await
            .unwrap();
    }
}

async fn offer_help(world: &World, by: &str) {
    let mut work = begin(world).await;
    let member = match members::at_dial(work.conn(), &phone(by)).await.unwrap() {
        AtDial::Member(member) => member.id,
        AtDial::Stranger { .. } => panic!("{by} is no member"),
    };
    members::offer_help(&mut work, member, Helping::Always)
        .await
        .unwrap();
    work.commit().await.unwrap();
}
