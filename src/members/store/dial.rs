//! What a dialled call needs to know of the phone it comes from.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{language, name, number};
use crate::fault::Fault;
use crate::members::model::{MemberId, StatusWord};
use crate::members::number::MemberNumber;
use crate::members::words::Name;
use crate::primitives::{Language, Msisdn};
use crate::stages::{StageCode, StageId};

/// Who is on the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtDial {
    Member(Box<DialledMember>),
    /// Nobody yet; the language is there when the phone chose one before.
    Stranger {
        language: Option<Language>,
    },
}

/// A member as the first screen needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialledMember {
    pub id: MemberId,
    pub first_name: Name,
    pub last_name: Name,
    pub language: Language,
    pub status: StatusWord,
    pub stage: StageId,
    pub stage_code: StageCode,
    pub stage_name: String,
    pub has_pin: bool,
    pub fee_paid: bool,
    pub number: Option<MemberNumber>,
    /// A coordinator of some stage, on duty or off.
    pub coordinates: bool,
    /// On duty as an official, of any stage.
    pub is_official: bool,
    /// Of a refused one.
    pub refused_at: Option<DateTime<Utc>>,
}

/// Who is on the line, in one query: every first hop of every call asks.
pub async fn at_dial(conn: &mut PgConnection, msisdn: &Msisdn) -> Result<AtDial, Fault> {
    let row = sqlx::query!(
        r#"select caller.language as "caller_language?", member.id as "id?", member.first_name as "first_name?",
                  member.last_name as "last_name?", member.language as "language?", member.status as "status?",
                  member.fee_paid_at is not null as "fee_paid!", member.number_year, member.number_serial, member.refused_at as "refused_at?",
                  stage.id as "stage_id?", stage.code as "stage_code?", stage.name as "stage_name?",
                  member_pin.member_id is not null as "has_pin!",
                  exists (select from stage_role where member_id = member.id and role = 'coordinator') as "coordinates!",
                  exists (select from stage_role where stage_role.member_id = member.id and role = 'official' and on_duty) as "is_official!"
           from (select $1::text as msisdn) as dialled
           left join caller on caller.msisdn = dialled.msisdn
           left join member on member.msisdn = dialled.msisdn
           left join stage on stage.id = member.stage_id
           left join member_pin on member_pin.member_id = member.id"#,
        msisdn.digits()
    )
    .fetch_one(conn)
    .await?;
    let Some(id) = row.id.map(MemberId) else {
        let language = row
            .caller_language
            .and_then(|code| Language::parse(&code).ok());
        return Ok(AtDial::Stranger { language });
    };
    let broken = || Fault::broken(format!("member {id} cannot be read for a dial"));
    Ok(AtDial::Member(Box::new(DialledMember {
        id,
        first_name: name(&row.first_name.ok_or_else(broken)?, id)?,
        last_name: name(&row.last_name.ok_or_else(broken)?, id)?,
        language: language(&row.language.ok_or_else(broken)?, id)?,
        status: row
            .status
            .as_deref()
            .and_then(StatusWord::parse)
            .ok_or_else(broken)?,
        stage: StageId(row.stage_id.ok_or_else(broken)?),
        stage_code: row
            .stage_code
            .and_then(|code| StageCode::parse(&code).ok())
            .ok_or_else(broken)?,
        stage_name: row.stage_name.ok_or_else(broken)?,
        has_pin: row.has_pin,
        fee_paid: row.fee_paid,
        number: number(row.number_year, row.number_serial, id)?,
        coordinates: row.coordinates,
        is_official: row.is_official,
        refused_at: row.refused_at,
    })))
}

/// The language this phone is spoken to in, when we know one: the member's, or what a stranger once chose.
pub async fn caller_language(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
) -> Result<Option<Language>, Fault> {
    let row = sqlx::query!(
        r#"select coalesce((select language from member where msisdn = $1), (select language from caller where msisdn = $1)) as language"#,
        msisdn.digits()
    )
    .fetch_one(conn)
    .await?;
    Ok(row.language.and_then(|code| Language::parse(&code).ok()))
}

pub(in crate::members) async fn save_caller_language(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    language: Language,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into caller (msisdn, language) values ($1, $2) on conflict (msisdn) do update set language = $2",
        msisdn.digits(),
        language.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// As [`save_caller_language`], for a phone of which no language is kept.
pub(in crate::members) async fn note_caller_language(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    language: Language,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into caller (msisdn, language) values ($1, $2) on conflict (msisdn) do nothing",
        msisdn.digits(),
        language.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The member whose language this has changed, if it has.
pub(in crate::members) async fn save_member_language(
    conn: &mut PgConnection,
    msisdn: &Msisdn,
    language: Language,
) -> Result<Option<MemberId>, Fault> {
    let row = sqlx::query!(
        "update member set language = $2 where msisdn = $1 and language <> $2 returning id",
        msisdn.digits(),
        language.as_str()
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| MemberId(row.id)))
}
