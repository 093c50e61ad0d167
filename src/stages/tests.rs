use chrono::Utc;
use proptest::prelude::*;
use sqlx::PgPool;

use super::*;
use crate::work::{Actor, Work};

fn opening(region: &str, zone: &str, code: &str, name: &str) -> Opening {
    Opening {
        code: StageCode::parse(code).unwrap(),
        name: name.into(),
        zone: zone.into(),
        region: region.into(),
    }
}

#[sqlx::test]
async fn a_stage_is_found_by_its_code_and_by_walking_down_the_country(pool: PgPool) {
    let mut work = Work::begin(&pool, Utc::now(), Actor::System).await.unwrap();
    let railways = open(&mut work, &opening("Nairobi", "CBD", "103", "Railways"))
        .await
        .unwrap();
    let kencom = open(&mut work, &opening("Nairobi", "CBD", "101", "Kencom"))
        .await
        .unwrap();
    open(&mut work, &opening("Nairobi", "Kibera", "131", "Olympic"))
        .await
        .unwrap();
    open(&mut work, &opening("Kisumu", "CBD", "301", "Kenya Re"))
        .await
        .unwrap();

    assert_eq!(
        find_by_code(work.conn(), &StageCode::parse(" 101 ").unwrap())
            .await
            .unwrap(),
        Some(kencom.clone())
    );
    assert_eq!(
        find_by_code(work.conn(), &StageCode::parse("999").unwrap())
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        find(work.conn(), kencom.id).await.unwrap().unwrap().region,
        "Nairobi"
    );

    let regions = regions(work.conn()).await.unwrap();
    assert_eq!(
        regions
            .iter()
            .map(|region| region.name.as_str())
            .collect::<Vec<_>>(),
        ["Kisumu", "Nairobi"]
    );
    let zones = zones(work.conn(), regions[1].id).await.unwrap();
    assert_eq!(
        zones
            .iter()
            .map(|zone| zone.name.as_str())
            .collect::<Vec<_>>(),
        ["CBD", "Kibera"]
    );
    assert_eq!(
        stages_in(work.conn(), zones[0].id).await.unwrap(),
        [kencom, railways]
    );
}

#[sqlx::test]
async fn opening_a_stage_twice_opens_it_once(pool: PgPool) {
    let mut work = Work::begin(&pool, Utc::now(), Actor::System).await.unwrap();
    let first = open(&mut work, &opening("Nairobi", "CBD", "101", "Kencom"))
        .await
        .unwrap();
    let second = open(&mut work, &opening("Nairobi", "CBD", "101", "Kencom"))
        .await
        .unwrap();
    assert_eq!(first, second);
}

#[test]
fn codes_as_people_type_them() {
    for typed in ["101", " 101 ", "1 0 1", "10101"] {
        assert!(StageCode::parse(typed).is_ok(), "{typed}");
    }
    for typed in ["", "10", "101010", "1O1", "-101", "١٠١", "101;"] {
        assert_eq!(StageCode::parse(typed), Err(NotAStageCode), "{typed}");
    }
}

proptest! {
    #[test]
    fn a_code_survives_being_written_and_read(typed in "\\PC{0,12}") {
        if let Ok(code) = StageCode::parse(&typed) {
            prop_assert!(code.as_str().bytes().all(|b| b.is_ascii_digit()));
            prop_assert_eq!(StageCode::parse(code.as_str()), Ok(code));
        }
    }
}
