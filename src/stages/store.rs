//! The tables `region`, `zone` and `stage`.

use sqlx::PgConnection;

use super::model::{Nearness, Opening, Region, RegionId, Stage, StageCode, StageId, Zone, ZoneId};
use crate::fault::Fault;
use crate::work::Work;

/// Every region, by name.
pub async fn regions(conn: &mut PgConnection) -> Result<Vec<Region>, Fault> {
    let rows = sqlx::query!("select id, name from region order by name")
        .fetch_all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| Region {
            id: RegionId(row.id),
            name: row.name,
        })
        .collect())
}

/// The zones of a region, by name.
pub async fn zones(conn: &mut PgConnection, region: RegionId) -> Result<Vec<Zone>, Fault> {
    let rows = sqlx::query!(
        "select id, name from zone where region_id = $1 order by name",
        region.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Zone {
            id: ZoneId(row.id),
            name: row.name,
        })
        .collect())
}

/// The stages of a zone, by name.
pub async fn stages_in(conn: &mut PgConnection, zone: ZoneId) -> Result<Vec<Stage>, Fault> {
    sqlx::query_as!(
        StageRow,
        "select stage.id, stage.code, stage.name, zone.name as zone, region.name as region
         from stage join zone on zone.id = stage.zone_id join region on region.id = zone.region_id
         where stage.zone_id = $1 order by stage.name",
        zone.0
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Stage::try_from)
    .collect()
}

/// The stage of a code as riders type it.
pub async fn find_by_code(
    conn: &mut PgConnection,
    code: &StageCode,
) -> Result<Option<Stage>, Fault> {
    sqlx::query_as!(
        StageRow,
        "select stage.id, stage.code, stage.name, zone.name as zone, region.name as region
         from stage join zone on zone.id = stage.zone_id join region on region.id = zone.region_id
         where stage.code = $1",
        code.as_str()
    )
    .fetch_optional(conn)
    .await?
    .map(Stage::try_from)
    .transpose()
}

pub async fn find(conn: &mut PgConnection, id: StageId) -> Result<Option<Stage>, Fault> {
    sqlx::query_as!(
        StageRow,
        "select stage.id, stage.code, stage.name, zone.name as zone, region.name as region
         from stage join zone on zone.id = stage.zone_id join region on region.id = zone.region_id
         where stage.id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Stage::try_from)
    .transpose()
}

/// Whether another stage of the same zone has this name already.
pub async fn is_name_taken(conn: &mut PgConnection, opening: &Opening) -> Result<bool, Fault> {
    let taken = sqlx::query_scalar!(
        r#"select exists (
               select from stage join zone on zone.id = stage.zone_id join region on region.id = zone.region_id
               where region.name = $1 and zone.name = $2 and stage.name = $3 and stage.code <> $4) as "taken!""#,
        opening.region,
        opening.zone,
        opening.name,
        opening.code.as_str()
    )
    .fetch_one(conn)
    .await?;
    Ok(taken)
}

/// Every stage by its code behind this one, or only the one that somebody works for.
pub async fn list(
    conn: &mut PgConnection,
    after: &str,
    only: Option<StageId>,
    limit: i64,
) -> Result<Vec<Stage>, Fault> {
    sqlx::query_as!(
        StageRow,
        "select stage.id, stage.code, stage.name, zone.name as zone, region.name as region
         from stage join zone on zone.id = stage.zone_id join region on region.id = zone.region_id
         where stage.code > $1 and ($2::integer is null or stage.id = $2) order by stage.code limit $3",
        after,
        only.map(|stage| stage.0),
        limit
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Stage::try_from)
    .collect()
}

/// The stages of these ids.
pub async fn of_ids(conn: &mut PgConnection, ids: &[StageId]) -> Result<Vec<Stage>, Fault> {
    let ids: Vec<i32> = ids.iter().map(|id| id.0).collect();
    sqlx::query_as!(
        StageRow,
        "select stage.id, stage.code, stage.name, zone.name as zone, region.name as region
         from stage join zone on zone.id = stage.zone_id join region on region.id = zone.region_id
         where stage.id = any($1)",
        &ids
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Stage::try_from)
    .collect()
}

/// The stages of the same region, this one included, each with how near it is.
pub async fn near(conn: &mut PgConnection, id: StageId) -> Result<Vec<(StageId, Nearness)>, Fault> {
    let rows = sqlx::query!(
        r#"select other.id, other.zone_id = stage.zone_id as "same_zone!"
           from stage join zone on zone.id = stage.zone_id
           join zone as zone_there on zone_there.region_id = zone.region_id
           join stage as other on other.zone_id = zone_there.id
           where stage.id = $1 order by other.id"#,
        id.0
    )
    .fetch_all(conn)
    .await?;
    let nearness = |there: i32, same_zone| match (there == id.0, same_zone) {
        (true, _) => Nearness::Here,
        (_, true) => Nearness::SameZone,
        _ => Nearness::SameRegion,
    };
    Ok(rows
        .into_iter()
        .map(|row| (StageId(row.id), nearness(row.id, row.same_zone)))
        .collect())
}

/// Writes a stage down, with its zone and region where they are new. A code that is already taken stays where
/// it is and its stage is answered, so that opening the same stage twice is an ordinary thing.
pub async fn open(work: &mut Work, opening: &Opening) -> Result<Stage, Fault> {
    sqlx::query!(
        "insert into region (name) values ($1) on conflict do nothing",
        opening.region
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "insert into zone (region_id, name) select id, $2 from region where name = $1 on conflict do nothing",
        opening.region,
        opening.zone
    )
    .execute(work.conn())
    .await?;
    sqlx::query!(
        "insert into stage (zone_id, code, name)
         select zone.id, $3, $4 from zone join region on region.id = zone.region_id where region.name = $1 and zone.name = $2
         on conflict (code) do nothing",
        opening.region,
        opening.zone,
        opening.code.as_str(),
        opening.name
    )
    .execute(work.conn())
    .await?;
    find_by_code(work.conn(), &opening.code)
        .await?
        .ok_or_else(|| {
            Fault::broken(format!(
                "stage {} is missing right after it was opened",
                opening.code
            ))
        })
}

struct StageRow {
    id: i32,
    code: String,
    name: String,
    zone: String,
    region: String,
}

impl TryFrom<StageRow> for Stage {
    type Error = Fault;
    fn try_from(row: StageRow) -> Result<Stage, Fault> {
        let code = StageCode::parse(&row.code)
            .map_err(|_| Fault::broken(format!("stage {} has no proper code", row.id)))?;
        Ok(Stage {
            id: StageId(row.id),
            code,
            name: row.name,
            zone: row.zone,
            region: row.region,
        })
    }
}
