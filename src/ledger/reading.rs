//! The ledger as a book: one line per posting, in the order the journals were begun.

use std::fmt;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

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
