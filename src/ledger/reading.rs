//! The ledger as a book: one line per posting, in the order the journals were begun.

use std::fmt;
use std::ops::Range;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::account::Account;
use super::posting::JournalId;
use crate::fault::Fault;
use crate::primitives::Money;

/// One posting, as somebody who reads the book sees it. It names members by id alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub journal: JournalId,
    pub kind: String,
    pub at: DateTime<Utc>,
    /// Kind and owner, such as `fund 101`.
    pub debit: String,
    pub credit: String,
    pub amount: Money,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line {
            journal: JournalId(journal),
            kind,
            debit,
            credit,
            amount,
            ..
        } = self;
        write!(
            f,
            "#{journal} {kind}: KES {amount} from {debit} to {credit}"
        )
    }
}

/// What the ledger has taken in from M-PESA from `from` on and before `to`, by what caused it and in cents; causes whose movements
/// come to nothing are left out. Money that only comes back from a payout is none that somebody paid.
pub async fn came_by_mpesa(
    conn: &mut PgConnection,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<(Uuid, i64)>, Fault> {
    let rows = sqlx::query!(
        r#"select j.cause, sum(case when p.debit_id = m.id then p.cents else -p.cents end)::bigint as "cents!"
           from ledger.account m
           join ledger.journal j on j.at >= $1 and j.at < $2 and j.resolves is null
           join ledger.posting p on p.journal_id = j.id
             and (p.debit_id = m.id or p.credit_id = m.id and j.kind = 'suspense_released')
           where m.kind = 'mpesa_paybill' and m.owner = ''
           group by j.cause
           having sum(case when p.debit_id = m.id then p.cents else -p.cents end) <> 0"#,
        from,
        to
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.cause, row.cents)).collect())
}

/// The lines of the journals with higher ids than this one, at most a thousand.
///
/// Journals commit in another order than they are numbered: this is for showing a book to a person. Whoever must not miss a line
/// listens for the business's events.
pub async fn lines_after(conn: &mut PgConnection, journal: JournalId) -> Result<Vec<Line>, Fault> {
    let rows = sqlx::query!(
        r#"select j.id, j.kind, j.at, p.cents,
                  rtrim(d.kind || ' ' || d.owner) as "debit!", rtrim(c.kind || ' ' || c.owner) as "credit!"
           from ledger.journal j
           join ledger.posting p on p.journal_id = j.id
           join ledger.account d on d.id = p.debit_id
           join ledger.account c on c.id = p.credit_id
           where j.id > $1 order by j.id, p.leg limit 1000"#,
        journal.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Line {
            journal: JournalId(row.id),
            kind: row.kind,
            at: row.at,
            debit: row.debit,
            credit: row.credit,
            amount: Money::from_cents(row.cents),
        })
        .collect())
}

/// What one journal did to one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    pub journal: JournalId,
    pub at: DateTime<Utc>,
    /// Negative when it left the account.
    pub moved: Money,
}

/// What the journals of this time did to an account, by their numbers; a journal that moved nothing in the end is left out.
///
/// A journal is of the time at which its deed began. Whoever must not miss one asks for a time that is long over.
pub async fn movements_of(
    conn: &mut PgConnection,
    account: &Account,
    during: Range<DateTime<Utc>>,
) -> Result<Vec<Movement>, Fault> {
    let rows = sqlx::query!(
        r#"select j.id as "id!", j.at as "at!", moved.cents as "cents!"
           from (select journal_id, sum(cents)::bigint as cents
                 from (select p.journal_id, p.cents from ledger.posting p join ledger.account a on a.id = p.credit_id
                       where a.kind = $1 and a.owner = $2
                       union all
                       select p.journal_id, -p.cents from ledger.posting p join ledger.account a on a.id = p.debit_id
                       where a.kind = $1 and a.owner = $2) legs
                 group by journal_id) moved
           join ledger.journal j on j.id = moved.journal_id
           where j.at >= $3 and j.at < $4 and moved.cents <> 0 order by j.id"#,
        account.kind(),
        account.owner(),
        during.start,
        during.end
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Movement {
            journal: JournalId(row.id),
            at: row.at,
            moved: Money::from_cents(row.cents),
        })
        .collect())
}

/// When an account was touched first.
pub async fn first_movement(
    conn: &mut PgConnection,
    account: &Account,
) -> Result<Option<DateTime<Utc>>, Fault> {
    Ok(sqlx::query_scalar!(
        "select min(j.at) from ledger.journal j
         where j.id in (select p.journal_id from ledger.posting p join ledger.account a on a.id in (p.credit_id, p.debit_id)
                        where a.kind = $1 and a.owner = $2)",
        account.kind(),
        account.owner()
    )
    .fetch_one(conn)
    .await?)
}
