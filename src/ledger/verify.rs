//! Looking for what should never be found.

use sqlx::{PgConnection, PgPool};

use crate::fault::Fault;
use crate::primitives::Money;
use crate::work;

/// How often each promise of the ledger was found broken, all counted in one snapshot. All zero is the only good report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Currencies whose accounts do not sum to zero.
    pub unbalanced_currencies: i64,
    /// Accounts whose stated balance is not the sum of their postings.
    pub drifted_accounts: i64,
    /// By how much all of those together, without signs: the figure for a metric.
    pub drift: Money,
    pub below_floor: i64,
    pub empty_journals: i64,
    /// Postings that no journal of their own transaction stands behind, or that name no account.
    pub stray_postings: i64,
    /// In-flight accounts that hold something else than their open reservations.
    pub unexplained_in_flight: i64,
    /// Snapshots from another cluster's count of transactions: `ledger.rewind()` was forgotten after a restore.
    pub foreign_watermarks: i64,
}

impl Report {
    /// True when nothing at all was found.
    pub fn is_sound(&self) -> bool {
        *self == Report::default()
    }
}

/// Checks the whole ledger, however long it takes: ten million postings want more than any request may have.
pub async fn verify_whole(pool: &PgPool) -> Result<Report, Fault> {
    let mut transaction = work::begin(pool).await?;
    sqlx::query!("select set_config('statement_timeout', '600s', true)")
        .fetch_one(&mut *transaction)
        .await?;
    let report = verify(&mut transaction).await?;
    transaction.rollback().await?;
    Ok(report)
}

/// Checks the whole ledger. It reads every posting: for a schedule, not for a request.
pub async fn verify(conn: &mut PgConnection) -> Result<Report, Fault> {
    let found = sqlx::query!(
        r#"select unbalanced_currencies as "unbalanced_currencies!", drifted_accounts as "drifted_accounts!",
                  drift_cents as "drift_cents!", below_floor as "below_floor!", empty_journals as "empty_journals!", stray_postings as "stray_postings!",
                 
                  unexplained_in_flight as "unexplained_in_flight!", foreign_watermarks as "foreign_watermarks!"
           from ledger.verify()"#
    )
    .fetch_one(conn)
    .await?;
    Ok(Report {
        unbalanced_currencies: found.unbalanced_currencies,
        drifted_accounts: found.drifted_accounts,
        drift: Money::from_cents(found.drift_cents),
        below_floor: found.below_floor,
        empty_journals: found.empty_journals,
        stray_postings: found.stray_postings,
        unexplained_in_flight: found.unexplained_in_flight,
        foreign_watermarks: found.foreign_watermarks,
    })
}
