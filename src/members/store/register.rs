//! The register of members, as the desk looks through it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{MemberRow, keys_of};
use crate::fault::Fault;
use crate::members::model::{Member, StatusWord, Who};
use crate::stages::StageId;

/// Which members are looked for; what is none is not asked for.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// A phone, a member number, an id, or how the names begin.
    pub text: Option<String>,
    pub status: Option<StatusWord>,
    pub stage: Option<StageId>,
    /// Only who joined before this one.
    pub after: Option<(DateTime<Utc>, Uuid)>,
}

/// Members, the newest first.
pub async fn search(
    conn: &mut PgConnection,
    search: &Search,
    limit: i64,
) -> Result<Vec<Member>, Fault> {
    let text = search.text.as_deref().map(str::trim).unwrap_or_default();
    let who = Who::parse(text);
    let (id, phone, year, serial) = match &who {
        Some(who) => keys_of(who),
        None => (None, None, None, None),
    };
    let lower = text.to_lowercase();
    let mut words = lower.split_whitespace().filter(|_| who.is_none());
    let (first, second) = (words.next(), words.next());
    let (at, after) = search.after.unzip();
    sqlx::query_as!(
        MemberRow,
        "select id, msisdn, language, first_name, last_name, birth_date, stage_id, status, reason, joined_at, approved_at, fee_paid_at,
                fee_payment, number_year, number_serial
         from member
         where ($1::boolean or id = $2 or msisdn = $3 or (number_year = $4 and number_serial = $5))
           and ($6::text is null or starts_with(lower(first_name), $6) or ($7::text is null and starts_with(lower(last_name), $6)))
           and ($7::text is null or starts_with(lower(last_name), $7))
           and ($8::text is null or status = $8)
           and ($9::integer is null or stage_id = $9)
           and ($10::timestamptz is null or (joined_at, id) < ($10, $11))
         order by joined_at desc, id desc limit $12",
        who.is_none(),
        id,
        phone,
        year,
        serial,
        first,
        second,
        search.status.map(StatusWord::as_str),
        search.stage.map(|stage| stage.0),
        at,
        after,
        limit
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Member::try_from)
    .collect()
}

/// How many members there are of each status that anybody has.
pub async fn counts(conn: &mut PgConnection) -> Result<Vec<(StatusWord, i64)>, Fault> {
    let rows = sqlx::query!(
        r#"select status, count(*) as "count!" from member group by status order by status"#
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let status = StatusWord::parse(&row.status);
            let status = status.ok_or_else(|| Fault::broken("a member has no proper status"))?;
            Ok((status, row.count))
        })
        .collect()
}
