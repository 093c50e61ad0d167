//! Membership, invoices and getting back in, on a real Postgres: what two hands at once, a repeat and a crash may not do.

mod dues;
mod recovery;
mod terms;

use chrono::{DateTime, Utc};
use kwastage::members::{self, Member, MemberId, Who};
use kwastage::primitives::Msisdn;
use kwastage::work::{Actor, Work};
use sqlx::PgPool;
use uuid::Uuid;

/// Noon of a Friday in Nairobi.
pub const NOON: &str = "2026-11-20T09:00:00Z";

/// Kencom with Amina and Juma, and Njeri and Peter, its officials. All were approved on the first of November.
pub struct World {
    pub pool: PgPool,
    pub amina: MemberId,
    pub juma: MemberId,
    pub njeri: MemberId,
    pub peter: MemberId,
}

impl World {
    pub async fn new(pool: PgPool) -> World {
        let stage: i32 = sqlx::query_scalar(
            "with r as (insert into region (name) values ('Nairobi') returning id),
                  z as (insert into zone (region_id, name) select id, 'CBD' from r returning id)
             insert into stage (zone_id, code, name) select id, '101', 'Kencom' from z returning id",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        let mut ids = Vec::new();
        for (msisdn, name) in [
            ("254711000001", "Amina"),
            ("254711000002", "Juma"),
            ("254711000005", "Njeri"),
            ("254711000006", "Peter"),
        ] {
            ids.push(insert_member(&pool, stage, msisdn, name).await);
        }
        for official in [ids[2], ids[3]] {
            sqlx::query(
                "insert into stage_role (member_id, stage_id, role) values ($1, $2, 'official')",
            )
            .bind(official.0)
            .bind(stage)
            .execute(&pool)
            .await
            .unwrap();
        }
        sqlx::query(
            "insert into next_of_kin values ($1, 'Halima', 'sister', '254722000101', $2::timestamptz)",
        )
        .bind(ids[0].0)
        .bind(instant(NOON))
        .execute(&pool)
        .await
        .unwrap();
        World {
            pool,
            amina: ids[0],
            juma: ids[1],
            njeri: ids[2],
            peter: ids[3],
        }
    }

    pub async fn begin(&self, now: &str) -> Work {
        Work::begin(&self.pool, instant(now), Actor::System)
            .await
            .unwrap()
    }

    pub async fn member(&self, id: MemberId) -> Member {
        let mut conn = self.pool.acquire().await.unwrap();
        members::find(&mut conn, &Who::Id(id))
            .await
            .unwrap()
            .unwrap()
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// What was said with this template, to which phones.
    pub async fn told(&self, template: &str) -> Vec<String> {
        sqlx::query_scalar("select msisdn from outbox where template = $1 order by created_at, id")
            .bind(template)
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }

    /// What the database itself says to this: the name of the constraint that refuses it.
    pub async fn refused(&self, sql: &'static str) -> Option<String> {
        let error = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&self.pool)
            .await
            .err()?;
        let refusal = error.as_database_error()?;
        Some(refusal.constraint().unwrap_or("no constraint").to_owned())
    }
}

async fn insert_member(pool: &PgPool, stage: i32, msisdn: &str, first_name: &str) -> MemberId {
    let id = Uuid::now_v7();
    sqlx::query(
        "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index,
                             stage_id, status, joined_at, approved_at, fee_paid_at, fee_payment)
         values ($1, 'test:' || $2, $2, 'en', $3, 'Otieno', sha512($2::text::bytea), sha256($2::text::bytea), $4, 'active',
                 '2026-11-01T06:00:00Z', '2026-11-01T06:00:00Z', '2026-11-01T06:00:00Z', $1)",
    )
    .bind(id)
    .bind(msisdn)
    .bind(first_name)
    .bind(stage)
    .execute(pool)
    .await
    .unwrap();
    MemberId(id)
}

pub fn instant(written: &str) -> DateTime<Utc> {
    written.parse().unwrap()
}

pub fn phone(written: &str) -> Msisdn {
    Msisdn::parse(written).unwrap()
}
