//! How a membership stands, what it has been, and what its member owes.

use uuid::Uuid;

use crate::app::App;
use crate::conversation::Turn;
use crate::conversation::caller::CallingMember;
use crate::fault::Fault;
use crate::invoices::{self, InvoiceId, What};
use crate::members;
use crate::membership::{self, Standing};
use crate::menu::Supplied;
use crate::primitives::{Language, nairobi_date};

pub(super) async fn membership(
    app: &App,
    turn: &Turn,
    member: &CallingMember,
) -> Result<Supplied, Fault> {
    let (mut conn, now) = (app.pool.acquire().await?, app.clock.now());
    let today = nairobi_date(now);
    let language = members::caller_language(&mut conn, &turn.msisdn).await?;
    let membership = membership::of(&mut conn, member.id, now)
        .await?
        .ok_or_else(|| Fault::broken(format!("member {} has no membership", member.id)))?;
    let standing = membership.standing(today);
    let category = match language == Some(Language::SWAHILI) {
        true => &membership.category.name_sw,
        false => &membership.category.name_en,
    };
    Ok(Supplied::default()
        .value("category", category)
        .value("until", membership.until)
        .value("due_amount", membership.price(today).as_decimal())
        .condition("member_due", matches!(standing, Standing::Due { .. }))
        .condition(
            "member_in_grace",
            matches!(standing, Standing::Grace { .. }),
        )
        .condition("member_lapsed", matches!(standing, Standing::Lapsed { .. })))
}

pub(super) async fn renewals(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let past = membership::history(&mut conn, member.id).await?;
    Ok(past.into_iter().fold(Supplied::default(), |told, past| {
        told.row(
            "",
            [
                ("row_from", past.first_day.to_string()),
                ("row_until", past.last_day.to_string()),
            ],
        )
    }))
}

/// A renewal is among it as soon as it was asked for.
pub(super) async fn owed(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let open = invoices::open_of(&mut conn, member.id).await?;
    Ok(open.into_iter().fold(Supplied::default(), |told, invoice| {
        told.row(
            invoice.id,
            [
                ("row_amount", invoice.amount.as_decimal().to_string()),
                ("row_day", invoice.due_on.to_string()),
            ],
        )
    }))
}

/// One invoice of this member. A renewal costs what it costs today.
pub(super) async fn invoice(
    app: &App,
    member: &CallingMember,
    picked: &str,
) -> Result<Supplied, Fault> {
    let (mut conn, now) = (app.pool.acquire().await?, app.clock.now());
    let today = nairobi_date(now);
    let found = match Uuid::parse_str(picked) {
        Ok(id) => invoices::find(&mut conn, InvoiceId(id)).await?,
        Err(_) => None,
    };
    let invoice = found
        .filter(|invoice| invoice.member == member.id)
        .ok_or_else(|| Fault::broken("an invoice was picked that is not the member's"))?;
    let is_renewal = matches!(invoice.what, What::Renewal { .. });
    let mut amount = invoice.amount;
    if is_renewal && let Some(membership) = membership::of(&mut conn, member.id, now).await? {
        amount = membership.price(today);
    }
    Ok(Supplied::default()
        .value("due_amount", amount.as_decimal())
        .value("due_day", invoice.due_on)
        .value("due_for", invoice.what.reason().unwrap_or_default())
        .condition("due_overdue", invoice.is_overdue(today))
        .condition("due_renewal", is_renewal))
}
