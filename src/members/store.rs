//! The tables `caller`, `member`, `next_of_kin`, `consent`, `member_pin`, `pin_guard`, `stage_role`, `duty_swap`, `duty_gap`, `helper` and `credential_change`.
//!
//! The rows of the two busiest reads, a dial and a PIN, are in `store/dial.rs` and `store/pin.rs`.

mod changes;
mod credentials;
mod dial;
mod helpers;
mod officers;
mod pin;
mod register;
pub(super) mod roster;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Kin, Member, MemberId, Status, StatusWord, Who};
use super::number::MemberNumber;
use super::service::joining::{Consent, Join};
use super::words::{Name, Reason, Relation};
use crate::fault::Fault;
use crate::primitives::{Language, Msisdn};
use crate::stages::StageId;

pub(super) use changes::{ask_again, has_index, save_category, save_msisdn};
pub(super) use credentials::{insert_credential_change, latest_credential_change};
pub use dial::{AtDial, DialledMember, at_dial, caller_language};
pub(super) use dial::{note_caller_language, save_caller_language, save_member_language};
pub(super) use helpers::{helpers_of, helping, save_helping};
pub(super) use officers::{officers, officers_on_duty_at, official, remove_role, save_role};
pub(super) use pin::{charge_first, clear_guard, exchange_guard, forget_tries, pin, save_pin};
pub use register::{Search, counts, search};

/// False when somebody is already there with this key, phone, national id or id.
pub(super) async fn insert(
    conn: &mut PgConnection,
    asked: &Join,
    sealed: &[u8],
    index: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let inserted = sqlx::query!(
        "insert into member (id, joining_key, msisdn, language, first_name, last_name, national_id_sealed, national_id_index,
                             birth_date, stage_id, status, joined_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'pending', $11)
         on conflict do nothing",
        asked.id.0,
        asked.key,
        asked.msisdn.digits(),
        asked.language.as_str(),
        asked.first_name.as_str(),
        asked.last_name.as_str(),
        sealed,
        index.as_slice(),
        asked.birth_date,
        asked.stage.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Whom a joining rider collides with.
pub(super) enum There {
    ByKey(MemberId),
    ByPhone,
    ByNationalId,
    Nobody,
}

pub(super) async fn who_is_there(
    conn: &mut PgConnection,
    key: &str,
    msisdn: &Msisdn,
    index: &[u8; 32],
) -> Result<There, Fault> {
    let rows = sqlx::query!(
        r#"select id, joining_key = $1 as "by_key!", msisdn = $2 as "by_phone!"
           from member where joining_key = $1 or msisdn = $2 or national_id_index = $3"#,
        key,
        msisdn.digits(),
        index.as_slice()
    )
    .fetch_all(conn)
    .await?;
    Ok(
        match (
            rows.iter().find(|row| row.by_key),
            rows.iter().any(|row| row.by_phone),
            rows.is_empty(),
        ) {
            (Some(row), _, _) => There::ByKey(MemberId(row.id)),
            (None, true, _) => There::ByPhone,
            (None, false, false) => There::ByNationalId,
            (None, false, true) => There::Nobody,
        },
    )
}

pub(super) async fn is_index_taken(
    conn: &mut PgConnection,
    index: &[u8; 32],
    but_for: Option<MemberId>,
) -> Result<bool, Fault> {
    let taken = sqlx::query_scalar!(
        r#"select exists (select 1 from member where national_id_index = $1 and id is distinct from $2) as "taken!""#,
        index.as_slice(),
        but_for.map(|member| member.0)
    )
    .fetch_one(conn)
    .await?;
    Ok(taken)
}

pub(super) async fn insert_consent(
    conn: &mut PgConnection,
    member: MemberId,
    language: Language,
    consent: &Consent,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into consent (member_id, text_version, language, channel, session_id, given_at) values ($1, $2, $3, $4, $5, $6)",
        member.0,
        consent.version,
        language.as_str(),
        consent.channel,
        consent.session,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn save_kin(
    conn: &mut PgConnection,
    member: MemberId,
    kin: &Kin,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "insert into next_of_kin (member_id, name, relation, msisdn, changed_at) values ($1, $2, $3, $4, $5)
         on conflict (member_id) do update set name = $2, relation = $3, msisdn = $4, changed_at = $5",
        member.0,
        kin.name.as_str(),
        kin.relation.as_str(),
        kin.msisdn.digits(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The next of kin a member has named.
pub async fn kin_of(conn: &mut PgConnection, member: MemberId) -> Result<Option<Kin>, Fault> {
    let row = sqlx::query!(
        "select name, relation, msisdn from next_of_kin where member_id = $1",
        member.0
    )
    .fetch_optional(conn)
    .await?;
    let broken = || Fault::broken(format!("the next of kin of member {member} makes no sense"));
    row.map(|row| {
        Ok(Kin {
            name: Name::parse(&row.name).map_err(|_| broken())?,
            relation: Relation::parse(&row.relation).map_err(|_| broken())?,
            msisdn: Msisdn::parse(&row.msisdn).map_err(|_| broken())?,
        })
    })
    .transpose()
}

pub async fn load(conn: &mut PgConnection, id: MemberId) -> Result<Option<Member>, Fault> {
    find(conn, &Who::Id(id)).await
}

/// The member with this id, phone or number.
pub async fn find(conn: &mut PgConnection, who: &Who) -> Result<Option<Member>, Fault> {
    let (id, phone, year, serial) = keys_of(who);
    sqlx::query_as!(
        MemberRow,
        "select id, msisdn, language, first_name, last_name, birth_date, stage_id, status, reason, joined_at, approved_at, fee_paid_at,
                fee_payment, number_year, number_serial
         from member where id = $1 or msisdn = $2 or (number_year = $3 and number_serial = $4)",
        id,
        phone,
        year,
        serial
    )
    .fetch_optional(conn)
    .await?
    .map(Member::try_from)
    .transpose()
}

/// The member's phone whose SHA-256 this is, in hexadecimal, as M-PESA tells of payers.
pub async fn phone_of_hash(conn: &mut PgConnection, hash: &str) -> Result<Option<Msisdn>, Fault> {
    let phone = sqlx::query_scalar!(
        "select msisdn from member where encode(sha256(msisdn::bytea), 'hex') = $1",
        hash
    )
    .fetch_optional(conn)
    .await?;
    phone
        .map(|phone| Msisdn::parse(&phone).map_err(|_| Fault::broken("a member without a phone")))
        .transpose()
}

/// As [`find`], and holds the row until the end of the work.
pub(super) async fn lock(conn: &mut PgConnection, who: &Who) -> Result<Option<Member>, Fault> {
    lock_row(conn, who).await?.map(Member::try_from).transpose()
}

/// The member and the payment the fee came in with, if it did.
pub(super) async fn lock_for_fee(
    conn: &mut PgConnection,
    id: MemberId,
) -> Result<(Member, Option<Uuid>), Fault> {
    let row = lock_row(conn, &Who::Id(id))
        .await?
        .ok_or_else(|| Fault::broken(format!("there is no member {id} to pay a fee for")))?;
    let paid_with = row.fee_payment;
    Ok((Member::try_from(row)?, paid_with))
}

async fn lock_row(conn: &mut PgConnection, who: &Who) -> Result<Option<MemberRow>, Fault> {
    let (id, phone, year, serial) = keys_of(who);
    Ok(sqlx::query_as!(
        MemberRow,
        "select id, msisdn, language, first_name, last_name, birth_date, stage_id, status, reason, joined_at, approved_at, fee_paid_at,
                fee_payment, number_year, number_serial
         from member where id = $1 or msisdn = $2 or (number_year = $3 and number_serial = $4)
         for update",
        id,
        phone,
        year,
        serial
    )
    .fetch_optional(conn)
    .await?)
}

/// Whoever waits for an approval, the longest first.
pub async fn pending(conn: &mut PgConnection) -> Result<Vec<Member>, Fault> {
    sqlx::query_as!(
        MemberRow,
        "select id, msisdn, language, first_name, last_name, birth_date, stage_id, status, reason, joined_at, approved_at, fee_paid_at,
                fee_payment, number_year, number_serial
         from member where status = 'pending' order by joined_at, id"
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Member::try_from)
    .collect()
}

/// Of a refusal the moment is kept too: asking again takes its time.
pub(super) async fn save_status(
    conn: &mut PgConnection,
    member: &Member,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "update member set status = $2, reason = $3, approved_at = $4, refused_at = case when $2 = 'refused' then $5::timestamptz end
         where id = $1",
        member.id.0,
        member.status.word().as_str(),
        member.status.reason().map(Reason::as_str),
        member.status.approved_at(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn save_fee(
    conn: &mut PgConnection,
    member: &Member,
    payment: Uuid,
) -> Result<(), Fault> {
    sqlx::query!(
        "update member set fee_paid_at = $2, fee_payment = $3, status = $4 where id = $1",
        member.id.0,
        member.fee_paid_at,
        payment,
        member.status.word().as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn reach(
    conn: &mut PgConnection,
    id: MemberId,
) -> Result<Option<(Msisdn, Language)>, Fault> {
    let row = sqlx::query!("select msisdn, language from member where id = $1", id.0)
        .fetch_optional(conn)
        .await?;
    row.map(|row| Ok((msisdn(&row.msisdn, id)?, language(&row.language, id)?)))
        .transpose()
}

type SealedNationalId = (Msisdn, Vec<u8>, Option<NaiveDate>);

pub(super) async fn sealed_national_id(
    conn: &mut PgConnection,
    id: MemberId,
) -> Result<Option<SealedNationalId>, Fault> {
    let row = sqlx::query!(
        "select msisdn, national_id_sealed, birth_date from member where id = $1",
        id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok((
            msisdn(&row.msisdn, id)?,
            row.national_id_sealed,
            row.birth_date,
        ))
    })
    .transpose()
}

/// One caller at a time gives numbers; the others wait here and then see what it has given.
pub(super) async fn lock_numbering(conn: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('member.number', 0)) as locked")
        .fetch_one(conn)
        .await?;
    Ok(())
}

/// Approved and without a number, in the order of approval. A row that somebody is at work on waits for the next batch.
pub(super) async fn lock_unnumbered(
    conn: &mut PgConnection,
    at_most: i64,
) -> Result<Vec<(MemberId, DateTime<Utc>)>, Fault> {
    let rows = sqlx::query!(
        r#"select id, approved_at as "approved_at!" from member where number_serial is null and approved_at is not null
           order by approved_at, id limit $1 for update skip locked"#,
        at_most
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (MemberId(row.id), row.approved_at))
        .collect())
}

/// The last serial taken in each of these years that has any.
pub(super) async fn last_numbers(
    conn: &mut PgConnection,
    years: &[i32],
) -> Result<BTreeMap<i32, i32>, Fault> {
    let rows = sqlx::query!(
        // One look at the end of the index for each year, however many numbers it holds.
        r#"select asked.year as "year!", (select max(number_serial) from member where number_year = asked.year) as last
           from (select distinct unnest($1::integer[]) as year) as asked"#,
        years
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((row.year, row.last?)))
        .collect())
}

pub(super) async fn save_numbers(
    conn: &mut PgConnection,
    numbered: &[(MemberId, MemberNumber)],
) -> Result<(), Fault> {
    let ids: Vec<Uuid> = numbered.iter().map(|(member, _)| member.0).collect();
    let years: Vec<i32> = numbered.iter().map(|(_, number)| number.year()).collect();
    let serials: Vec<i32> = numbered.iter().map(|(_, number)| number.serial()).collect();
    sqlx::query!(
        "update member set number_year = given.year, number_serial = given.serial
         from unnest($1::uuid[], $2::integer[], $3::integer[]) as given (id, year, serial)
         where member.id = given.id",
        &ids,
        &years,
        &serials
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn keys_of(who: &Who) -> (Option<Uuid>, Option<&str>, Option<i32>, Option<i32>) {
    match who {
        Who::Id(id) => (Some(id.0), None, None, None),
        Who::Phone(msisdn) => (None, Some(msisdn.digits()), None, None),
        Who::Number(number) => (None, None, Some(number.year()), Some(number.serial())),
    }
}

struct MemberRow {
    id: Uuid,
    msisdn: String,
    language: String,
    first_name: String,
    last_name: String,
    birth_date: Option<NaiveDate>,
    stage_id: i32,
    status: String,
    reason: Option<String>,
    joined_at: DateTime<Utc>,
    approved_at: Option<DateTime<Utc>>,
    fee_paid_at: Option<DateTime<Utc>>,
    fee_payment: Option<Uuid>,
    number_year: Option<i32>,
    number_serial: Option<i32>,
}

impl TryFrom<MemberRow> for Member {
    type Error = Fault;
    fn try_from(row: MemberRow) -> Result<Member, Fault> {
        let id = MemberId(row.id);
        let reason = || {
            row.reason
                .as_deref()
                .and_then(|reason| Reason::parse(reason).ok())
        };
        let status = match (StatusWord::parse(&row.status), row.approved_at, reason()) {
            (Some(StatusWord::Pending), None, None) => Status::Pending,
            (Some(StatusWord::Approved), Some(at), None) => Status::Approved { at },
            (Some(StatusWord::Active), Some(approved_at), None) => Status::Active { approved_at },
            (Some(StatusWord::Suspended), Some(approved_at), Some(reason)) => Status::Suspended {
                approved_at,
                reason,
            },
            (Some(StatusWord::Refused), None, Some(reason)) => Status::Refused { reason },
            _ => {
                return Err(Fault::broken(format!(
                    "the status of member {id} makes no sense"
                )));
            }
        };
        Ok(Member {
            id,
            msisdn: msisdn(&row.msisdn, id)?,
            language: language(&row.language, id)?,
            first_name: name(&row.first_name, id)?,
            last_name: name(&row.last_name, id)?,
            birth_date: row.birth_date,
            stage: StageId(row.stage_id),
            joined_at: row.joined_at,
            fee_paid_at: row.fee_paid_at,
            status,
            number: number(row.number_year, row.number_serial, id)?,
        })
    }
}

fn msisdn(text: &str, id: MemberId) -> Result<Msisdn, Fault> {
    Msisdn::parse(text).map_err(|_| Fault::broken(format!("the phone of member {id} is none")))
}

fn language(text: &str, id: MemberId) -> Result<Language, Fault> {
    Language::parse(text).map_err(|_| Fault::broken(format!("the language of member {id} is none")))
}

fn name(text: &str, id: MemberId) -> Result<Name, Fault> {
    Name::parse(text).map_err(|_| Fault::broken(format!("a name of member {id} is none")))
}

fn number(
    year: Option<i32>,
    serial: Option<i32>,
    id: MemberId,
) -> Result<Option<MemberNumber>, Fault> {
    let number = year
        .zip(serial)
        .map(|(year, serial)| MemberNumber::new(year, serial));
    number
        .transpose()
        .map_err(|_| Fault::broken(format!("the number of member {id} is none")))
}
