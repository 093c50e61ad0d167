//! Deeds against a real database, in the seeded world: Njeri is Kencom's official, Amina and Juma are two of its fifteen
//! members.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use super::*;
use crate::members::{Key, KeyRing, MemberKeys, PinDesk};
use crate::messages::{self, Globals, QuietHours, Templates};
use crate::primitives::{Language, Money, Msisdn};
use crate::seed;
use crate::work::{Actor, Work};

/// Whom Njeri's stage has beside herself.
const OTHERS: u32 = 14;

struct World {
    pool: PgPool,
    templates: Templates,
    rules: Rules,
    now: DateTime<Utc>,
}

fn phone(digits: &str) -> Msisdn {
    Msisdn::parse(digits).unwrap()
}

fn njeri() -> Msisdn {
    phone("254711000005")
}

fn amina() -> Msisdn {
    phone("254711000001")
}

impl World {
    async fn new(pool: PgPool) -> World {
        let now: DateTime<Utc> = "2026-11-20T09:00:00Z".parse().unwrap();
        let keys = MemberKeys {
            sealing: KeyRing::of(Key::new(1, [1; 32])),
            index: Key::new(1, [2; 32]),
        };
        let desk = PinDesk::new(KeyRing::of(Key::new(1, [3; 32])), 1, 100);
        seed::world(&pool, &keys, &desk, now).await.unwrap();
        let globals = Globals {
            languages: vec![Language::ENGLISH, Language::SWAHILI],
            ussd: "*384*123#".into(),
            sms: "22384".into(),
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("messages");
        let hour = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        World {
            pool,
            templates: Templates::load(&folder, globals).unwrap(),
            rules: Rules {
                per_day: 3,
                posts_per_day: 2,
                segment_price: Money::from_cents(80),
                quiet: QuietHours::new(hour(21), hour(7)),
            },
            now,
        }
    }

    async fn work(&self) -> Work {
        Work::begin(&self.pool, self.now, Actor::System)
            .await
            .unwrap()
    }

    fn pass(&mut self, hours: i64) {
        self.now += TimeDelta::hours(hours);
    }

    async fn draft(&self, key: &str, words: &str) -> Result<Preview, DraftError> {
        let mut work = self.work().await;
        let draft = Draft {
            key: key.into(),
            to_sacco: false,
            words: Wording::parse(words).unwrap(),
        };
        let made = super::draft(&mut work, &self.rules, &self.templates, &njeri(), draft).await;
        work.commit().await.unwrap();
        made
    }

    async fn confirm(&self, phone: &Msisdn, id: BroadcastId) -> Result<Confirmed, ConfirmError> {
        let mut work = self.work().await;
        let confirmed = super::confirm(&mut work, &self.rules, phone, id).await;
        if confirmed.is_ok() {
            work.commit().await.unwrap();
        }
        confirmed
    }

    /// Drafted, confirmed, and not written yet.
    async fn sent(&self, key: &str) -> BroadcastId {
        let id = self.draft(key, "Meeting at 4 pm").await.unwrap().id;
        self.confirm(&njeri(), id).await.unwrap();
        id
    }

    async fn write(&self, id: BroadcastId) {
        loop {
            let mut work = self.work().await;
            let more = write_batch(&mut work, &self.rules, id).await.unwrap();
            work.commit().await.unwrap();
            if !more {
                return;
            }
        }
    }

    async fn tell(&self) {
        let mut work = self.work().await;
        tell_of_the_finished(&mut work).await.unwrap();
        work.commit().await.unwrap();
    }

    async fn post(&self, phone: &Msisdn, words: &str, key: &str) -> Result<Posted, PostError> {
        let mut work = self.work().await;
        let posted = super::post(&mut work, &self.rules, phone, words, key).await;
        work.commit().await.unwrap();
        posted
    }

    async fn decide(
        &self,
        phone: &Msisdn,
        number: u32,
        verdict: Verdict,
    ) -> Result<Decided, DecideError> {
        let mut work = self.work().await;
        let (rules, templates) = (&self.rules, &self.templates);
        let decided = super::decide(&mut work, rules, templates, phone, number, verdict).await;
        work.commit().await.unwrap();
        decided
    }

    /// The messages of a template, by phone.
    async fn said(&self, template: &str) -> Vec<String> {
        sqlx::query_scalar("select msisdn from outbox where template = $1 order by msisdn")
            .bind(template)
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    async fn run(&self, query: &'static str) {
        sqlx::query(query).execute(&self.pool).await.unwrap();
    }

    /// So many more riders at Kencom.
    async fn crowd(&self, riders: i32) {
        sqlx::query(
            "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index,
                                 stage_id, status, joined_at, approved_at, fee_paid_at, fee_payment)
             select gen_random_uuid(), 'crowd:' || n, (254780000000 + n)::text, 'sw', 'Rider', 'Crowd', national_id_sealed,
                    sha256(n::text::bytea), stage_id, 'active', joined_at, approved_at, fee_paid_at, gen_random_uuid()
             from generate_series(1, $1) as n, member where msisdn = '254711000001'",
        )
        .bind(riders)
        .execute(&self.pool)
        .await
        .unwrap();
    }
}

#[sqlx::test]
async fn a_broadcast_goes_to_everybody_of_the_stage_but_its_author(pool: PgPool) {
    let world = World::new(pool).await;
    let preview = world.draft("a", "Meeting at 4 pm").await.unwrap();
    assert_eq!((preview.recipients, preview.segments), (OTHERS, 1));
    assert_eq!(preview.cost, Money::from_cents(14 * 80));
    assert_eq!(world.said("broadcast.notice").await.len(), 0, "no yes yet");
    let confirmed = world.confirm(&njeri(), preview.id).await.unwrap();
    assert_eq!((confirmed.recipients, confirmed.later), (OTHERS, None));
    world.write(preview.id).await;
    let said = world.said("broadcast.notice").await;
    assert_eq!(said.len() as u32, OTHERS);
    assert!(!said.contains(&njeri().digits().to_owned()));
    // Yes again, and a writer that comes again: nothing more is said.
    let again = world.confirm(&njeri(), preview.id).await;
    assert!(matches!(again, Err(ConfirmError::Gone)), "{again:?}");
    world.write(preview.id).await;
    assert_eq!(world.said("broadcast.notice").await.len() as u32, OTHERS);
}

#[sqlx::test]
async fn a_long_text_is_counted_in_the_language_it_is_longest_in(pool: PgPool) {
    let world = World::new(pool).await;
    let preview = world.draft("a", &"word ".repeat(40)).await.unwrap();
    assert_eq!(preview.segments, 2);
    assert_eq!(preview.cost, Money::from_cents(14 * 2 * 80));
}

#[sqlx::test]
async fn who_has_said_stop_or_is_not_active_is_not_written_to(pool: PgPool) {
    let world = World::new(pool).await;
    let mut work = world.work().await;
    let now = work.now;
    messages::opt_out(work.conn(), &amina(), now, "sms")
        .await
        .unwrap();
    work.commit().await.unwrap();
    world
        .run("update member set status = 'suspended', reason = 'x' where msisdn = '254711000002'")
        .await;
    let id = world.sent("a").await;
    world.write(id).await;
    let said = world.said("broadcast.notice").await;
    assert_eq!(said.len() as u32, OTHERS - 2);
    assert!(!said.contains(&"254711000001".to_owned()));
    assert!(!said.contains(&"254711000002".to_owned()));
}

#[sqlx::test]
async fn writers_that_die_or_meet_write_to_each_rider_once(pool: PgPool) {
    let world = World::new(pool).await;
    world.crowd(1200).await;
    let id = world.sent("a").await;
    // One dies before its commit.
    let mut dead = world.work().await;
    assert!(write_batch(&mut dead, &world.rules, id).await.unwrap());
    drop(dead);
    assert_eq!(world.count("select count(*) from outbox").await, 0);
    // One dies behind its commit, so that the job is done again from the start, by two at once.
    let mut first = world.work().await;
    assert!(write_batch(&mut first, &world.rules, id).await.unwrap());
    first.commit().await.unwrap();
    tokio::join!(world.write(id), world.write(id));
    let people = i64::from(OTHERS) + 1200;
    let count = async |query| world.count(query).await;
    assert_eq!(count("select count(*) from outbox").await, people);
    assert_eq!(
        count("select count(distinct msisdn) from outbox").await,
        people
    );
    assert_eq!(
        count("select count(*) from broadcast_recipient").await,
        people
    );
    assert_eq!(
        count("select count(*) from broadcast where state = 'written'").await,
        1
    );
}

#[sqlx::test]
async fn an_official_has_one_draft_for_a_day_and_so_many_broadcasts(pool: PgPool) {
    let mut world = World::new(pool).await;
    let first = world.draft("a", "Meeting at 4 pm").await.unwrap();
    assert_eq!(world.draft("a", "Another text").await.unwrap(), first);
    let second = world.draft("b", "Meeting at 5 pm").await.unwrap();
    let gone = world.confirm(&njeri(), first.id).await;
    assert!(matches!(gone, Err(ConfirmError::Gone)), "{gone:?}");
    // Nobody else says yes to it.
    let not_theirs = world.confirm(&amina(), second.id).await;
    assert!(matches!(not_theirs, Err(ConfirmError::NotAnOfficial)));
    world.pass(24);
    let too_late = world.confirm(&njeri(), second.id).await;
    assert!(matches!(too_late, Err(ConfirmError::Gone)), "{too_late:?}");
    for key in ["c", "d", "e"] {
        world.sent(key).await;
    }
    let too_many = world.draft("f", "One more for today").await;
    assert!(
        matches!(too_many, Err(DraftError::TooManyToday { max: 3 })),
        "{too_many:?}"
    );
    world.pass(24);
    world.draft("f", "One more for today").await.unwrap();
}

#[sqlx::test]
async fn at_night_it_waits_for_the_morning_and_keeps_its_time(pool: PgPool) {
    let mut world = World::new(pool).await;
    world.now = "2026-11-20T22:00:00+03:00".parse().unwrap();
    let id = world.draft("a", "Meeting tomorrow").await.unwrap().id;
    let confirmed = world.confirm(&njeri(), id).await.unwrap();
    let morning: DateTime<Utc> = "2026-11-21T07:00:00+03:00".parse().unwrap();
    assert_eq!(confirmed.later, Some(morning));
    world.write(id).await;
    let times: Vec<(DateTime<Utc>, DateTime<Utc>)> =
        sqlx::query_as("select distinct not_before, not_after from outbox")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    assert_eq!(times, [(morning, morning + TimeDelta::days(2))]);
}

#[sqlx::test]
async fn the_sender_is_told_once_when_all_have_met_their_ends(pool: PgPool) {
    let mut world = World::new(pool).await;
    let id = world.sent("a").await;
    world.write(id).await;
    world.tell().await;
    let told = async |world: &World| world.said("broadcast.report").await.len();
    assert_eq!(told(&world).await, 0, "they wait to be sent");
    world
        .run("update outbox set state = 'sending', text = 'x', segments = 1, provider = 'p', leased_until = now()")
        .await;
    world
        .run("update outbox set state = 'sent', provider_message_id = msisdn, leased_until = null, changed_at = '2026-11-20T09:00:00Z'")
        .await;
    world
        .run("update outbox set state = 'delivered' where msisdn <> '254711000001'")
        .await;
    world.tell().await;
    assert_eq!(told(&world).await, 0, "one is not reported yet");
    world.now += TimeDelta::minutes(61);
    world.tell().await;
    world.tell().await;
    assert_eq!(told(&world).await, 1);
    let fills: serde_json::Value =
        sqlx::query_scalar("select fills from outbox where template = 'broadcast.report'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(fills["messages"]["count"], 14);
    assert_eq!(fills["delivered"]["count"], 13);
    assert_eq!(fills["unknown"]["count"], 1);
    let mut work = world.work().await;
    let author = crate::members::official(work.conn(), &njeri())
        .await
        .unwrap()
        .unwrap()
        .officer
        .id;
    let standing = sent_by(work.conn(), author, 5).await.unwrap();
    assert_eq!((standing[0].messages, standing[0].delivered), (14, 13));
}

#[sqlx::test]
async fn a_sacco_is_everyone_of_its_name_and_its_messages_are_promotions(pool: PgPool) {
    let world = World::new(pool).await;
    world
        .run("update member set sacco = 'Umoja Sacco' where msisdn in ('254711000005', '254711000001', '254711000111')")
        .await;
    world
        .run("update member set sacco = 'UMOJA SACCO' where msisdn = '254711000120'")
        .await;
    let mut work = world.work().await;
    let draft = Draft {
        key: "a".into(),
        to_sacco: true,
        words: Wording::parse("Dividends are out").unwrap(),
    };
    let preview = super::draft(&mut work, &world.rules, &world.templates, &njeri(), draft)
        .await
        .unwrap();
    work.commit().await.unwrap();
    assert_eq!(preview.recipients, 3);
    world.confirm(&njeri(), preview.id).await.unwrap();
    world.write(preview.id).await;
    let said = world.said("broadcast.news").await;
    assert_eq!(said, ["254711000001", "254711000111", "254711000120"]);
    let promotions = "select count(*) from outbox where class = 'promotion'";
    assert_eq!(world.count(promotions).await, 3);
}

#[sqlx::test]
async fn the_desk_tells_everyone(pool: PgPool) {
    let world = World::new(pool).await;
    let mut work = world.work().await;
    let sent = send_from_desk(
        &mut work,
        &world.rules,
        &world.templates,
        Kind::Notice,
        Audience::Everyone,
        Wording::parse("The line is down tonight").unwrap(),
    )
    .await
    .unwrap();
    work.commit().await.unwrap();
    assert_eq!(sent.recipients, 26);
    world.write(sent.id).await;
    assert_eq!(world.said("broadcast.desk_notice").await.len(), 26);
    world.now_all_ended().await;
    world.tell().await;
    assert_eq!(world.said("broadcast.report").await.len(), 0);
}

#[sqlx::test]
async fn a_post_is_read_by_an_official_before_the_stage_reads_it(pool: PgPool) {
    let world = World::new(pool).await;
    let posted = world
        .post(&amina(), "Found a red helmet", "inbox:1")
        .await
        .unwrap();
    assert_eq!((posted.number, posted.officials), (1, 1));
    let again = world.post(&amina(), "Found a red helmet", "inbox:1").await;
    assert_eq!(again.unwrap(), posted);
    assert_eq!(world.said("post.asked").await, [njeri().digits()]);
    assert_eq!(world.count("select count(*) from broadcast").await, 0);
    // Nobody but an official of the stage decides.
    let not_theirs = world.decide(&amina(), 1, Verdict::PutUp).await;
    assert!(matches!(not_theirs, Err(DecideError::NotAnOfficial)));
    let no_such = world.decide(&njeri(), 2, Verdict::PutUp).await;
    assert!(matches!(no_such, Err(DecideError::NotFound)));
    let decided = world.decide(&njeri(), 1, Verdict::PutUp).await.unwrap();
    assert_eq!(decided, Decided::PutUp { recipients: OTHERS });
    for verdict in [Verdict::PutUp, Verdict::Refuse] {
        let again = world.decide(&njeri(), 1, verdict).await.unwrap();
        assert_eq!(again, Decided::Already);
    }
    let id = sqlx::query_scalar("select id from broadcast")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    world.write(BroadcastId(id)).await;
    let said = world.said("broadcast.post").await;
    assert_eq!(said.len() as u32, OTHERS);
    assert!(!said.contains(&amina().digits().to_owned()));
    assert_eq!(world.said("post.put_up").await, [amina().digits()]);
    // What an official puts up is not counted as theirs.
    for key in ["a", "b", "c"] {
        world.sent(key).await;
    }
}

#[sqlx::test]
async fn posts_are_few_short_and_of_members(pool: PgPool) {
    let mut world = World::new(pool).await;
    let stranger = world
        .post(&phone("254711000009"), "Hello everybody", "k1")
        .await;
    assert!(matches!(stranger, Err(PostError::NotAMember)));
    let official = world.post(&njeri(), "Hello everybody", "k2").await;
    assert!(matches!(official, Err(PostError::IsAnOfficial)));
    let long = world.post(&amina(), &"a".repeat(141), "k3").await;
    assert!(matches!(
        long,
        Err(PostError::Wording(WordingRefused::TooLong {
            max: 140,
            came: 141
        }))
    ));
    // Railways has no official.
    let alone = world
        .post(&phone("254711000114"), "Hello everybody", "k4")
        .await;
    assert!(matches!(alone, Err(PostError::NobodyToAsk)));
    for (key, number) in [("k5", 1), ("k6", 2)] {
        let posted = world.post(&amina(), "Hello everybody", key).await.unwrap();
        assert_eq!(posted.number, number);
    }
    let third = world.post(&amina(), "Hello everybody", "k7").await;
    assert!(matches!(third, Err(PostError::TooManyToday { max: 2 })));
    let refused = world.decide(&njeri(), 1, Verdict::Refuse).await.unwrap();
    assert_eq!(refused, Decided::Refused);
    assert_eq!(world.said("post.refused").await, [amina().digits()]);
    world.pass(25);
    world.tell().await;
    assert_eq!(world.said("post.expired").await, [amina().digits()]);
    let too_late = world.decide(&njeri(), 2, Verdict::PutUp).await.unwrap();
    assert_eq!(too_late, Decided::Already);
}

impl World {
    /// Every message failed, as far as the tables know.
    async fn now_all_ended(&self) {
        self.run("update outbox set state = 'failed', why = 'x'")
            .await;
    }
}
