//! Posting, reading and rolling: one round trip each to the functions of `migrations/0002_ledger.sql`.

use std::fmt::Display;

use sqlx::{PgConnection, PgPool};

use super::account::Account;
use super::posting::{JournalId, NotAPosting, Posting};
use crate::fault::Fault;
use crate::primitives::Money;
use crate::work::Work;

/// What makes a journal the same journal when it is asked for again: who counts, and what is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    scope: &'static str,
    id: String,
}

impl Key {
    /// For example `Key::of("payment", payment_id)`. The scope has 1 to 32 characters, the id 1 to 128.
    pub fn of(scope: &'static str, id: impl Display) -> Key {
        Key {
            scope,
            id: id.to_string(),
        }
    }
}

/// A journal that stands in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    pub journal: JournalId,
    /// False when it stood there already: an ordinary answer to a repeat.
    pub fresh: bool,
}

/// Why a posting was refused. The transaction it was tried in is spent: nothing of it can be committed.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error("the key was used for another posting")]
    KeyReused,
    #[error("an account would fall below its floor")]
    Overdrawn,
    #[error("the earlier journal has been resolved by another")]
    AlreadyResolved,
    #[error(transparent)]
    NotAPosting(#[from] NotAPosting),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Writes one journal with all its legs, once per key.
pub async fn post(work: &mut Work, posting: Posting, key: Key) -> Result<Posted, PostError> {
    let now = work.now;
    let debit_kinds: Vec<String> = posting
        .legs()
        .iter()
        .map(|leg| leg.debit.kind().to_owned())
        .collect();
    let debit_owners: Vec<String> = posting.legs().iter().map(|leg| leg.debit.owner()).collect();
    let credit_kinds: Vec<String> = posting
        .legs()
        .iter()
        .map(|leg| leg.credit.kind().to_owned())
        .collect();
    let credit_owners: Vec<String> = posting
        .legs()
        .iter()
        .map(|leg| leg.credit.owner())
        .collect();
    let cents: Vec<i64> = posting
        .legs()
        .iter()
        .map(|leg| leg.amount.cents())
        .collect();
    let written = sqlx::query!(
        r#"select journal as "journal!", fresh as "fresh!"
           from ledger.post($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"#,
        posting.kind(),
        key.scope,
        key.id,
        posting.cause(),
        now,
        posting.resolves().map(|journal| journal.0),
        &debit_kinds,
        &debit_owners,
        &credit_kinds,
        &credit_owners,
        &cents
    )
    .fetch_one(work.conn())
    .await
    .map_err(refusal_or_fault)?;
    Ok(Posted {
        journal: JournalId(written.journal),
        fresh: written.fresh,
    })
}

/// What an account holds; zero for one that nothing has touched. Exact whatever else is being posted.
pub async fn balance(conn: &mut PgConnection, account: Account) -> Result<Money, Fault> {
    let cents = sqlx::query_scalar!(
        r#"select ledger.balance($1, $2) as "cents!""#,
        account.kind(),
        account.owner()
    )
    .fetch_one(conn)
    .await?;
    Ok(Money::from_cents(cents))
}

/// What several accounts hold, in the order asked, in one round trip.
pub async fn balances<const N: usize>(
    conn: &mut PgConnection,
    accounts: [Account; N],
) -> Result<[Money; N], Fault> {
    let kinds: Vec<String> = accounts
        .iter()
        .map(|account| account.kind().to_owned())
        .collect();
    let owners: Vec<String> = accounts.iter().map(Account::owner).collect();
    let cents = sqlx::query_scalar!(
        r#"select ledger.balance(kind, owner) as "cents!"
           from unnest($1::text[], $2::text[]) with ordinality as asked (kind, owner, place) order by place"#,
        &kinds,
        &owners
    )
    .fetch_all(conn)
    .await?;
    let balances: Vec<Money> = cents.into_iter().map(Money::from_cents).collect();
    balances
        .try_into()
        .map_err(|_| Fault::broken("an account was asked for and not answered"))
}

/// Folds every tail of at least `TAIL_ROWS_MIN` postings into its snapshot and says how many were folded. Balances do not change
/// by it; reading them becomes cheap again. For a worker every few seconds: each account is rolled in a transaction of its own.
pub async fn roll_due(pool: &PgPool) -> Result<usize, Fault> {
    let due = sqlx::query_scalar!(
        r#"select s.account_id from ledger.snapshot s
           where (select count(*) from (select from ledger.posting where credit_id = s.account_id and xid >= s.upto limit $1) c)
               + (select count(*) from (select from ledger.posting where debit_id = s.account_id and xid >= s.upto limit $1) d) >= $1"#,
        TAIL_ROWS_MIN
    )
    .fetch_all(pool)
    .await?;
    let mut rolled = 0;
    for account in due {
        let folded = sqlx::query_scalar!(r#"select ledger.roll($1) as "folded!""#, account)
            .fetch_one(pool)
            .await?;
        rolled += usize::from(folded);
    }
    Ok(rolled)
}

/// A tail this short is read in well under a millisecond.
const TAIL_ROWS_MIN: i64 = 1_000;

fn refusal_or_fault(error: sqlx::Error) -> PostError {
    let refused = error
        .as_database_error()
        .map(|refusal| (refusal.code(), refusal.constraint()));
    match refused {
        Some((Some(code), _)) if code == "KW409" => PostError::KeyReused,
        Some((_, Some("no_overdraft"))) => PostError::Overdrawn,
        Some((_, Some("resolved_once"))) => PostError::AlreadyResolved,
        _ => PostError::Fault(error.into()),
    }
}
