//! Terms that begin, are renewed, and end unless they are.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{Category, Membership, Reminder, Renewal};
use super::store;
use crate::events::Event;
use crate::fault::Fault;
use crate::invoices::{self, Invoice, Issue, What};
use crate::members::MemberId;
use crate::primitives::nairobi_date;
use crate::work::Work;

/// One renewal of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    pub at: DateTime<Utc>,
    pub first_day: NaiveDate,
    pub last_day: NaiveDate,
    pub returned: bool,
}

/// Why there is nothing to renew.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    #[error("who was not approved has no membership")]
    NoMembership,
    #[error("it is paid for a whole period ahead")]
    NotDue { until: NaiveDate },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What a look at a membership has found to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    pub membership: Membership,
    pub reminder: Option<Reminder>,
}

#[derive(Serialize)]
struct MembershipRenewed {
    member: MemberId,
    invoice: Uuid,
    last_day: NaiveDate,
    returned: bool,
}

impl Event for MembershipRenewed {
    const NAME: &'static str = "membership.renewed";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

#[derive(Serialize)]
struct MembershipReminded {
    member: MemberId,
    what: &'static str,
    last_day: NaiveDate,
}

impl Event for MembershipReminded {
    const NAME: &'static str = "membership.reminded";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// A member's membership; nothing before the approval.
pub async fn of(
    conn: &mut PgConnection,
    member: MemberId,
    now: DateTime<Utc>,
) -> Result<Option<Membership>, Fault> {
    store::find(conn, member, nairobi_date(now)).await
}

/// As [`of`], and nobody else renews or looks at it before this work is over.
pub async fn lock(work: &mut Work, member: MemberId) -> Result<Option<Membership>, Fault> {
    let today = nairobi_date(work.now);
    let Some(begun) = store::find(work.conn(), member, today).await? else {
        return Ok(None);
    };
    store::begin(work.conn(), &begun, begun.first_look(today)).await?;
    store::lock(work.conn(), member).await?;
    // Read again under the lock.
    store::find(work.conn(), member, today).await
}

/// The kinds of member there are.
pub async fn categories(conn: &mut PgConnection) -> Result<Vec<Category>, Fault> {
    store::categories(conn).await
}

/// Renewals, the latest first.
pub async fn history(conn: &mut PgConnection, member: MemberId) -> Result<Vec<Past>, Fault> {
    store::history(conn, member).await
}

/// The invoice by which the member renews as of now. An open one for another amount or another year gives way to it.
pub async fn renewal_invoice(work: &mut Work, member: MemberId) -> Result<Invoice, RenewError> {
    let membership = lock(work, member).await?.ok_or(RenewError::NoMembership)?;
    let today = nairobi_date(work.now);
    if !membership.may_renew(today) {
        return Err(RenewError::NotDue {
            until: membership.until,
        });
    }
    Ok(invoice_for(work, &membership, today).await?)
}

async fn invoice_for(
    work: &mut Work,
    membership: &Membership,
    today: NaiveDate,
) -> Result<Invoice, Fault> {
    let amount = membership.price(today);
    let what = What::Renewal {
        after_day: membership.until,
    };
    let is_right = |open: &Invoice| open.amount == amount && open.what == what;
    if let Some(open) = invoices::replace(work, membership.member, is_right).await? {
        return Ok(open);
    }
    let issue = Issue {
        key: format!("renewal:{}", Uuid::now_v7()),
        member: membership.member,
        what,
        amount,
        due_on: membership.pay_until(today),
        by: None,
    };
    let (invoice, _fresh) = invoices::issue(work, issue).await?;
    Ok(invoice)
}

/// A renewal invoice has been paid, by whoever holds the membership. `asked_on` is the day on which its price was told: before
/// the lapse, the membership goes on where it ended, though the money came after it.
pub async fn renewed(
    work: &mut Work,
    invoice: &Invoice,
    asked_on: NaiveDate,
) -> Result<Renewal, Fault> {
    let today = nairobi_date(work.now);
    let membership = store::find(work.conn(), invoice.member, today)
        .await?
        .ok_or_else(|| Fault::broken(format!("member {} has no membership", invoice.member)))?;
    let renewal = membership.renew(asked_on, today);
    let after = Membership {
        until: renewal.last_day,
        ..membership
    };
    let now = work.now;
    store::insert_renewal(work.conn(), invoice, &renewal, now).await?;
    store::save_term(work.conn(), &after, after.next_look(today)).await?;
    work.record(MembershipRenewed {
        member: invoice.member,
        invoice: invoice.id.0,
        last_day: renewal.last_day,
        returned: renewal.returned,
    })
    .await?;
    Ok(renewal)
}

/// Writes down the membership of whoever was approved and has none written down, at most so many; how many there were.
pub async fn begin_missing(work: &mut Work, at_most: i64) -> Result<usize, Fault> {
    let today = nairobi_date(work.now);
    let missing = store::without_one(work.conn(), at_most).await?;
    let found = missing.len();
    for member in missing {
        if let Some(begun) = store::find(work.conn(), member, today).await? {
            store::begin(work.conn(), &begun, begun.first_look(today)).await?;
        }
    }
    Ok(found)
}

/// Whose membership has to be looked at, at most so many.
pub async fn members_to_look_at(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    at_most: i64,
) -> Result<Vec<MemberId>, Fault> {
    store::to_look_at(conn, nairobi_date(now), at_most).await
}

/// Looks at one membership: what is to be said of it now, said at most once for each last day. A renewal that comes first leaves
/// nothing to say; the invoice to renew by is there before the member hears of it.
pub async fn look_at(work: &mut Work, member: MemberId) -> Result<Option<Looked>, Fault> {
    let Some(membership) = lock(work, member).await? else {
        return Ok(None);
    };
    let (now, today) = (work.now, nairobi_date(work.now));
    let mut reminder = membership.reminder(today);
    if let Some(what) = reminder {
        if store::insert_reminder(work.conn(), &membership, what, now).await? {
            invoice_for(work, &membership, today).await?;
            work.record(MembershipReminded {
                member,
                what: what.as_str(),
                last_day: membership.until,
            })
            .await?;
        } else {
            reminder = None;
        }
    }
    store::save_term(work.conn(), &membership, membership.next_look(today)).await?;
    Ok(Some(Looked {
        membership,
        reminder,
    }))
}
