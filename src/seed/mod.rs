//! A small believable world to show the product in: stages, the people of the demo, and enough neighbours that a
//! list has a second page. Seeding it again changes nothing.

mod desk;
mod loans;
mod money;

pub use desk::{DeskAccount, desk_account};
pub use money::money;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::fault::Fault;
use crate::members::{
    self, Consent, Fee, Join, Kin, Member, MemberId, MemberKeys, Name, NationalId, PinDesk,
    PinOwner, Relation, Role, StrongPin, Who,
};
use crate::primitives::{Language, Msisdn, Secret};
use crate::stages::{self, Opening, Stage, StageCode};
use crate::work::{Actor, Work};

/// The world as it stands afterwards, for whoever has more to put into it.
#[derive(Clone, Debug)]
pub struct Summary {
    /// By code.
    pub stages: Vec<Stage>,
    /// In the order they joined; the first is Amina.
    pub members: Vec<Member>,
}

/// Everybody's PIN in the seeded world.
pub const PIN: &str = "4826";

/// Puts the world there, or finds it there.
pub async fn world(
    pool: &PgPool,
    keys: &MemberKeys,
    desk: &PinDesk,
    now: DateTime<Utc>,
) -> Result<Summary, Fault> {
    let stages = open_stages(pool, now).await?;
    for (place, person) in PEOPLE.iter().enumerate() {
        let seated = seat(pool, keys, desk, &stages, person, joined_at(now, place)).await;
        seated.map_err(|why| {
            Fault::broken(format!(
                "the seeded world, at {}: {why:#}",
                person.first_name
            ))
        })?;
    }
    number_everybody(pool, now).await?;
    let mut work = Work::begin(pool, now, Actor::System).await?;
    let mut members = Vec::with_capacity(PEOPLE.len());
    for person in &PEOPLE {
        let missing = || {
            Fault::broken(format!(
                "{} is missing right after the seeding",
                person.first_name
            ))
        };
        let msisdn = person.msisdn().map_err(|_| missing())?;
        members.push(
            members::find(work.conn(), &Who::Phone(msisdn))
                .await?
                .ok_or_else(missing)?,
        );
    }
    Ok(Summary { stages, members })
}

async fn open_stages(pool: &PgPool, now: DateTime<Utc>) -> Result<Vec<Stage>, Fault> {
    let mut work = Work::begin(pool, now, Actor::System).await?;
    let mut stages = Vec::with_capacity(STAGES.len());
    for (region, zone, code, name) in STAGES {
        let code = StageCode::parse(code)
            .map_err(|why| Fault::broken(format!("the seeded world, at stage {code}: {why}")))?;
        stages.push(
            stages::open(
                &mut work,
                &Opening {
                    code,
                    name: name.into(),
                    zone: zone.into(),
                    region: region.into(),
                },
            )
            .await?,
        );
    }
    work.commit().await?;
    Ok(stages)
}

/// Joins, pays the fee, is approved and takes the role, as at the time of joining; nothing when the phone is a member's already.
async fn seat(
    pool: &PgPool,
    keys: &MemberKeys,
    desk: &PinDesk,
    stages: &[Stage],
    person: &Person,
    at: DateTime<Utc>,
) -> anyhow::Result<()> {
    let mut work = Work::begin(pool, at, Actor::System).await?;
    if members::find(work.conn(), &Who::Phone(person.msisdn()?))
        .await?
        .is_some()
    {
        return Ok(());
    }
    let stage = stages
        .iter()
        .find(|stage| stage.code.as_str() == person.stage)
        .context("no such stage")?;
    let asked = person.asks(stage, desk).await?;
    let id = asked.id;
    members::join(&mut work, keys, asked).await?;
    // The fee was paid on paper, before there was a gateway: the id stands for that slip.
    members::fee_paid(&mut work, id, Uuid::from_u128(id.0.as_u128() | 1 << 64)).await?;
    members::approve(&mut work, &Who::Id(id), Fee::MustBePaid).await?;
    if let Some(role) = person.role {
        members::appoint(&mut work, id, stage.id, role).await?;
    }
    Ok(work.commit().await?)
}

async fn number_everybody(pool: &PgPool, now: DateTime<Utc>) -> Result<(), Fault> {
    let mut work = Work::begin(pool, now, Actor::System).await?;
    members::number_pending(&mut work).await?;
    work.commit().await
}

/// They came one by one, five days apart, Amina two hundred days ago.
fn joined_at(now: DateTime<Utc>, place: usize) -> DateTime<Utc> {
    let days_ago = 200_i64
        .saturating_sub(i64::try_from(place).unwrap_or(0) * 5)
        .max(10);
    now - TimeDelta::days(days_ago)
}

struct Person {
    phone: &'static str,
    language: &'static str,
    first_name: &'static str,
    last_name: &'static str,
    national_id: &'static str,
    stage: &'static str,
    role: Option<Role>,
    /// Name, relation, phone.
    kin: (&'static str, &'static str, &'static str),
}

impl Person {
    fn msisdn(&self) -> anyhow::Result<Msisdn> {
        Ok(Msisdn::parse(self.phone)?)
    }

    async fn asks(&self, stage: &Stage, desk: &PinDesk) -> anyhow::Result<Join> {
        let msisdn = self.msisdn()?;
        // The same id in every seeded world, so that a story can be told again.
        let id = MemberId(Uuid::from_u128(msisdn.digits().parse()?));
        let national_id = NationalId::parse(self.national_id)?;
        let owner = PinOwner {
            msisdn: msisdn.clone(),
            national_id: Some(national_id.clone()),
            birth_date: None,
        };
        let pin_verifier = desk
            .make(id, StrongPin::choose(Secret::new(PIN), &owner)?)
            .await?;
        let (kin_name, relation, kin_phone) = self.kin;
        Ok(Join {
            id,
            key: format!("seed:{}", msisdn.digits()),
            msisdn,
            language: Language::parse(self.language)?,
            first_name: Name::parse(self.first_name)?,
            last_name: Name::parse(self.last_name)?,
            national_id,
            birth_date: None,
            stage: stage.id,
            kin: Kin {
                name: Name::parse(kin_name)?,
                relation: Relation::parse(relation)?,
                msisdn: Msisdn::parse(kin_phone)?,
            },
            pin_verifier,
            consent: Consent {
                version: "seed".into(),
                channel: "staff".into(),
                session: "seed".into(),
            },
        })
    }
}

/// Region, zone, code, name.
const STAGES: [(&str, &str, &str, &str); 29] = [
    ("Nairobi", "CBD", "101", "Kencom"),
    ("Nairobi", "CBD", "102", "Mfangano"),
    ("Nairobi", "CBD", "103", "Railways"),
    ("Nairobi", "CBD", "104", "Odeon"),
    ("Nairobi", "CBD", "105", "Koja"),
    ("Nairobi", "CBD", "106", "Ambassadeur"),
    ("Nairobi", "CBD", "107", "Afya Centre"),
    ("Nairobi", "CBD", "108", "Globe Roundabout"),
    ("Nairobi", "CBD", "109", "Tea Room"),
    ("Nairobi", "Westlands", "111", "Sarit"),
    ("Nairobi", "Westlands", "112", "Kangemi"),
    ("Nairobi", "Westlands", "113", "Mwanzi Road"),
    ("Nairobi", "Kibera", "121", "Olympic"),
    ("Nairobi", "Kibera", "122", "Toi Market"),
    ("Nairobi", "Kibera", "123", "Makina"),
    ("Nairobi", "Kasarani", "131", "Roysambu"),
    ("Nairobi", "Kasarani", "132", "Mwiki"),
    ("Nairobi", "Eastleigh", "141", "Garage"),
    ("Mombasa", "Island", "201", "Mwembe Tayari"),
    ("Mombasa", "Island", "202", "Buxton"),
    ("Mombasa", "Nyali", "211", "Kongowea"),
    ("Mombasa", "Likoni", "221", "Likoni Ferry"),
    ("Kisumu", "Town", "301", "Bus Park"),
    ("Kisumu", "Town", "302", "Kibuye Market"),
    ("Kisumu", "Kondele", "311", "Kondele"),
    ("Nakuru", "Town", "401", "Wakulima Market"),
    ("Nakuru", "Town", "402", "Section 58"),
    ("Nakuru", "Naivasha", "411", "Naivasha Town"),
    ("Eldoret", "Town", "501", "Zion Mall"),
];

#[rustfmt::skip]
const PEOPLE: [Person; 26] = [
    Person { phone: "254711000001", language: "en", first_name: "Amina", last_name: "Wanjiku", national_id: "27310451", stage: "101", role: None, kin: ("Halima Wanjiku", "sister", "254722000101") },
    Person { phone: "254711000002", language: "sw", first_name: "Juma", last_name: "Otieno", national_id: "29150738", stage: "101", role: None, kin: ("Akinyi Otieno", "mke", "254722000102") },
    Person { phone: "254711000003", language: "en", first_name: "Wambui", last_name: "Kamau", national_id: "24077316", stage: "101", role: Some(Role::Coordinator), kin: ("Peter Kamau", "husband", "254722000103") },
    Person { phone: "254711000004", language: "sw", first_name: "Odhiambo", last_name: "Ouma", national_id: "22619503", stage: "101", role: Some(Role::Coordinator), kin: ("Atieno Ouma", "mama", "254722000104") },
    Person { phone: "254711000005", language: "en", first_name: "Njeri", last_name: "Mwangi", national_id: "21503947", stage: "101", role: Some(Role::Official), kin: ("James Mwangi", "brother", "254722000105") },
    Person { phone: "254711000101", language: "sw", first_name: "Hassan", last_name: "Abdi", national_id: "30117254", stage: "101", role: None, kin: ("Fatuma Abdi", "mke", "254722000106") },
    Person { phone: "254711000102", language: "en", first_name: "Kevin", last_name: "Kiprotich", national_id: "31520667", stage: "101", role: None, kin: ("Chebet Kiprotich", "wife", "254722000107") },
    Person { phone: "254711000103", language: "sw", first_name: "Mutua", last_name: "Musyoka", national_id: "28801934", stage: "101", role: None, kin: ("Ndinda Musyoka", "dada", "254722000108") },
    Person { phone: "254711000104", language: "en", first_name: "Brian", last_name: "Omondi", national_id: "33041275", stage: "101", role: None, kin: ("Grace Omondi", "mother", "254722000109") },
    Person { phone: "254711000105", language: "sw", first_name: "Kariuki", last_name: "Njoroge", national_id: "25930816", stage: "101", role: None, kin: ("Wairimu Njoroge", "mke", "254722000110") },
    Person { phone: "254711000106", language: "en", first_name: "Faith", last_name: "Muthoni", national_id: "32760149", stage: "101", role: None, kin: ("Joseph Muthoni", "father", "254722000111") },
    Person { phone: "254711000107", language: "sw", first_name: "Barasa", last_name: "Wekesa", national_id: "26418370", stage: "101", role: None, kin: ("Nafula Wekesa", "mke", "254722000112") },
    Person { phone: "254711000108", language: "sw", first_name: "Salim", last_name: "Mwinyi", national_id: "29876103", stage: "101", role: None, kin: ("Zainab Mwinyi", "mama", "254722000113") },
    Person { phone: "254711000109", language: "en", first_name: "Dennis", last_name: "Cheruiyot", national_id: "34105928", stage: "101", role: None, kin: ("Jepkoech Cheruiyot", "sister", "254722000114") },
    Person { phone: "254711000110", language: "sw", first_name: "Wafula", last_name: "Simiyu", national_id: "27095513", stage: "101", role: None, kin: ("Nekesa Simiyu", "mke", "254722000115") },
    Person { phone: "254711000111", language: "en", first_name: "Collins", last_name: "Ochieng", national_id: "30552761", stage: "102", role: None, kin: ("Adhiambo Ochieng", "wife", "254722000116") },
    Person { phone: "254711000112", language: "sw", first_name: "Mwende", last_name: "Kilonzo", national_id: "28340097", stage: "102", role: None, kin: ("Kilonzo Mbithi", "baba", "254722000117") },
    Person { phone: "254711000113", language: "en", first_name: "Samuel", last_name: "Gitau", national_id: "23716045", stage: "102", role: Some(Role::Coordinator), kin: ("Nyambura Gitau", "wife", "254722000118") },
    Person { phone: "254711000114", language: "sw", first_name: "Yusuf", last_name: "Noor", national_id: "31998420", stage: "103", role: None, kin: ("Amina Noor", "mke", "254722000119") },
    Person { phone: "254711000115", language: "en", first_name: "Mercy", last_name: "Nekesa", national_id: "33567018", stage: "103", role: None, kin: ("Paul Nekesa", "brother", "254722000120") },
    Person { phone: "254711000116", language: "sw", first_name: "Kipchumba", last_name: "Rotich", national_id: "29403175", stage: "104", role: None, kin: ("Jelagat Rotich", "mke", "254722000121") },
    Person { phone: "254711000117", language: "sw", first_name: "Achieng", last_name: "Odera", national_id: "32015964", stage: "105", role: None, kin: ("Odera Okoth", "baba", "254722000122") },
    Person { phone: "254711000118", language: "en", first_name: "Stephen", last_name: "Macharia", national_id: "26057739", stage: "111", role: None, kin: ("Wangari Macharia", "wife", "254722000123") },
    Person { phone: "254711000119", language: "sw", first_name: "Rehema", last_name: "Kazungu", national_id: "30781652", stage: "121", role: None, kin: ("Kazungu Charo", "baba", "254722000124") },
    Person { phone: "254711000120", language: "sw", first_name: "Mohamed", last_name: "Bakari", national_id: "27640381", stage: "201", role: None, kin: ("Mwanaisha Bakari", "mke", "254722000125") },
    Person { phone: "254711000121", language: "en", first_name: "Beatrice", last_name: "Anyango", national_id: "31276059", stage: "301", role: None, kin: ("Tom Anyango", "son", "254722000126") },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::{AtDial, Key, KeyRing, PinAnswer, StatusWord};

    fn keys() -> MemberKeys {
        MemberKeys {
            sealing: KeyRing::of(Key::new(1, [1; 32])),
            index: Key::new(1, [2; 32]),
        }
    }

    #[sqlx::test]
    async fn the_people_of_the_demo_can_dial(pool: PgPool) {
        let now = "2026-11-20T09:00:00Z".parse().unwrap();
        let desk = PinDesk::new(KeyRing::of(Key::new(1, [3; 32])), 1, 100);
        let summary = world(&pool, &keys(), &desk, now).await.unwrap();

        let mut conn = pool.acquire().await.unwrap();
        let amina = &summary.members[0];
        let AtDial::Member(dialled) = members::at_dial(&mut conn, &amina.msisdn).await.unwrap()
        else {
            panic!("Amina is a stranger")
        };
        assert_eq!(
            (
                dialled.first_name.as_str(),
                dialled.last_name.as_str(),
                dialled.language
            ),
            ("Amina", "Wanjiku", Language::ENGLISH)
        );
        assert_eq!(
            (dialled.status, dialled.has_pin, dialled.fee_paid),
            (StatusWord::Active, true, true)
        );
        assert_eq!(
            (dialled.stage_code.as_str(), dialled.stage_name.as_str()),
            ("101", "Kencom")
        );
        assert_eq!(
            dialled.number.map(|number| number.to_string()).as_deref(),
            Some("KTS-2026-0001")
        );
        assert_eq!(
            members::kin_of(&mut conn, amina.id)
                .await
                .unwrap()
                .unwrap()
                .name
                .as_str(),
            "Halima Wanjiku"
        );
        let answer = members::check_pin(&pool, &desk, amina.id, "ussd", Secret::new(PIN), now)
            .await
            .unwrap();
        assert_eq!(answer, PinAnswer::Right);

        let kencom = amina.stage;
        let on_duty = members::officers_on_duty(&mut conn, kencom, Role::Coordinator)
            .await
            .unwrap();
        assert_eq!(
            on_duty
                .iter()
                .map(|officer| officer.first_name.as_str())
                .collect::<Vec<_>>(),
            ["Odhiambo", "Wambui"]
        );
        let officials = members::officers_on_duty(&mut conn, kencom, Role::Official)
            .await
            .unwrap();
        assert_eq!(
            officials
                .iter()
                .map(|officer| officer.first_name.as_str())
                .collect::<Vec<_>>(),
            ["Njeri"]
        );
        let nobody = Msisdn::parse("254711000009").unwrap();
        assert_eq!(
            members::at_dial(&mut conn, &nobody).await.unwrap(),
            AtDial::Stranger { language: None }
        );
    }

    #[sqlx::test]
    async fn seeding_twice_is_seeding_once(pool: PgPool) {
        let now: DateTime<Utc> = "2026-11-20T09:00:00Z".parse().unwrap();
        let desk = PinDesk::new(KeyRing::of(Key::new(1, [3; 32])), 1, 100);
        let first = world(&pool, &keys(), &desk, now).await.unwrap();
        let events = sqlx::query_scalar!("select count(*) from event")
            .fetch_one(&pool)
            .await
            .unwrap();
        let second = world(&pool, &keys(), &desk, now + TimeDelta::days(3))
            .await
            .unwrap();
        assert_eq!(
            (first.members, first.stages),
            (second.members, second.stages)
        );
        assert_eq!(
            sqlx::query_scalar!("select count(*) from event")
                .fetch_one(&pool)
                .await
                .unwrap(),
            events
        );
    }
}
