//! What time does to memberships and invoices: reminders, the lapse, overdue fines. Looks at the state and says what was not said
//! yet; each member in a transaction of its own, so that a crash between two of them loses and repeats nothing.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::app::App;
use crate::fault::Fault;
use crate::invoices;
use crate::members::{self, MemberId, StatusWord};
use crate::membership::{self, Looked, Reminder};
use crate::messages::{self, Class, Message, Values};
use crate::primitives::nairobi_date;
use crate::work::{Actor, Work};

/// One run looks at so many; what is left waits for the next.
const AT_MOST: i64 = 500;

/// Begins memberships of new members, reminds of their end, and marks what is overdue. Repeating it is harmless.
pub async fn tend(app: App) -> Result<(), Fault> {
    tend_at(&app.pool, app.clock.now()).await
}

/// As [`tend`], as of this moment.
pub async fn tend_at(pool: &PgPool, now: DateTime<Utc>) -> Result<(), Fault> {
    let mut work = begin(pool, now).await?;
    membership::begin_missing(&mut work, AT_MOST).await?;
    work.commit().await?;
    let mut conn = pool.acquire().await?;
    let due = membership::members_to_look_at(&mut conn, now, AT_MOST).await?;
    drop(conn);
    for member in due {
        let mut work = begin(pool, now).await?;
        if let Some(looked) = membership::look_at(&mut work, member).await? {
            remind(&mut work, looked).await?;
        }
        work.commit().await?;
    }
    tell_overdue(pool, now).await
}

async fn begin(pool: &PgPool, now: DateTime<Utc>) -> Result<Work, Fault> {
    Work::begin(pool, now, Actor::System).await
}

async fn remind(work: &mut Work, looked: Looked) -> Result<(), Fault> {
    let Looked {
        membership,
        reminder: Some(reminder),
    } = looked
    else {
        return Ok(());
    };
    let amount = membership.price(nairobi_date(work.now));
    let values = Values::new().money("amount", amount);
    let (template, values) = match reminder {
        Reminder::Month | Reminder::Week | Reminder::Day => {
            ("renewal.due", values.date("until", membership.until))
        }
        Reminder::Lapsed => ("renewal.lapsed", values),
    };
    let once = format!(
        "membership:{}:{}:{}",
        membership.member,
        membership.until,
        reminder.as_str()
    );
    tell(work, membership.member, template, values, once).await
}

async fn tell_overdue(pool: &PgPool, now: DateTime<Utc>) -> Result<(), Fault> {
    let mut work = begin(pool, now).await?;
    let today = nairobi_date(work.now);
    for invoice in invoices::fall_overdue(&mut work, today, AT_MOST).await? {
        let values = Values::new()
            .money("amount", invoice.amount)
            .words("reason", invoice.what.reason().unwrap_or_default())
            .date("due", invoice.due_on);
        let once = format!("invoice:{}:overdue", invoice.id);
        tell(&mut work, invoice.member, "invoice.overdue", values, once).await?;
    }
    work.commit().await
}

/// Who is suspended is not pressed for money as well.
async fn tell(
    work: &mut Work,
    member: MemberId,
    template: &'static str,
    values: Values,
    once: String,
) -> Result<(), Fault> {
    let member = members::load(work.conn(), member)
        .await?
        .ok_or_else(|| Fault::broken(format!("member {member} has gone")))?;
    if member.status.word() != StatusWord::Active {
        return Ok(());
    }
    let message = Message {
        key: Some(once),
        about: Some(member.id.0),
        ..Message::new(
            member.msisdn,
            member.language,
            Class::Service,
            template,
            values,
        )
    };
    messages::send(work, message).await?;
    Ok(())
}
