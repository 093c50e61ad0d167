//! What screens show beside their own words: one query each.

mod coordinator;
mod dues;
mod insurance;
mod loans;
mod notices;
mod plans;
mod recovery;

use super::Turn;
use super::caller::{Caller, CallingMember};
use crate::app::App;
use crate::fault::Fault;
use crate::ledger::{self, Account};
use crate::members::{self, Helping};
use crate::menu::Supplied;
use crate::primitives::nairobi_date;
use crate::stages::{self, RegionId, ZoneId};
use crate::wallet::{self, What};
use crate::welfare::{self, Direction, Status};

/// Fetches what a screen wants. `needs` are the kept values the fact reads.
pub(super) async fn fetch(
    app: &App,
    turn: &Turn,
    caller: &Caller,
    fact: &str,
    needs: &[(&str, String)],
) -> Result<Supplied, Fault> {
    let need = |name: &str| {
        needs
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value.as_str())
    };
    match fact {
        "standing" => standing(app, member(caller, fact)?).await,
        "fund" => fund(app, member(caller, fact)?).await,
        "wallet" => wallet_lines(app, caller, member(caller, fact)?).await,
        "recipients" => recipients(app, member(caller, fact)?).await,
        name if name.starts_with("loan_") => {
            loans::fetch(app, caller, member(caller, fact)?, fact, needs).await
        }
        "kin" => kin(app, member(caller, fact)?).await,
        "helping" => helping(app, member(caller, fact)?).await,
        "regions" => regions(app).await,
        "zones" => zones(app, id(need("region"), turn)?).await,
        "notices" => notices::at_a_glance(app, turn, member(caller, fact)?).await,
        "draft" => notices::draft(app, member(caller, fact)?).await,
        "posts" => notices::posts(app, turn).await,
        "post" => notices::post(app, turn, need("post")).await,
        "sent" => notices::sent(app, member(caller, fact)?).await,
        "stages" => stages_of(app, id(need("zone"), turn)?).await,
        "schedule" => plans::schedule(app, member(caller, fact)?).await,
        "fund_rules" => plans::fund_rules(app, member(caller, fact)?, caller.language()).await,
        "fund_months" => plans::fund_months(app, member(caller, fact)?).await,
        "forgiven" => plans::forgiven(app, member(caller, fact)?).await,
        "stage_arrears" => plans::stage_arrears(app, turn).await,
        "preferences" => plans::preferences(app, turn).await,
        "open_cases" => coordinator::open_cases(app, turn).await,
        "case" => coordinator::case(app, turn, need("case_no")).await,
        "takers" => coordinator::takers(app, turn, need("case_no")).await,
        "taker" => coordinator::named(app, "taker_name", need("taker")).await,
        "swap_with" => coordinator::named(app, "coordinator_name", need("swap_to")).await,
        "pin_reset" => recovery::standing(app, member(caller, fact)?).await,
        "pin_requests" => recovery::requests(app, turn).await,
        "pin_request" => recovery::request(app, turn, need("pin_request")).await,
        "membership" => dues::membership(app, turn, member(caller, fact)?).await,
        "renewals" => dues::renewals(app, member(caller, fact)?).await,
        "owed" => dues::owed(app, member(caller, fact)?).await,
        "invoice" => dues::invoice(app, member(caller, fact)?, need("due")).await,
        "duty" => coordinator::duty(app, turn).await,
        "coordinators" => coordinator::coordinators(app, turn).await,
        "insurance" | "categories" | "products" | "product" | "covers" | "excludes" | "prices"
        | "question" | "quote" | "breakdown" | "policies" | "policy" | "premium" | "premiums" => {
            let looking = insurance::Looking {
                app,
                member: member(caller, fact)?,
                language: caller.language(),
            };
            looking.at(fact, &need).await
        }
        other => Err(Fault::broken(format!("no query answers the fact {other}"))),
    }
}

fn member<'c>(caller: &'c Caller, fact: &str) -> Result<&'c CallingMember, Fault> {
    caller
        .member
        .as_ref()
        .ok_or_else(|| Fault::broken(format!("{fact} was asked for a caller who is no member")))
}

fn id(value: &str, turn: &Turn) -> Result<i32, Fault> {
    value.parse().map_err(|_| {
        Fault::broken(format!(
            "session {} picked a row without an id",
            turn.session.as_str()
        ))
    })
}

async fn standing(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let standing =
        welfare::standing_of(&mut conn, member.id.0, nairobi_date(app.clock.now())).await?;
    let (arrears, suggested) = match standing.map(|standing| (standing.status, standing.suggested))
    {
        Some((Status::Behind { by, .. }, suggested)) => (Some(by), Some(suggested)),
        Some((Status::PaidUp { .. }, suggested)) => (None, Some(suggested)),
        None => (None, None),
    };
    Ok(Supplied::default()
        .value("arrears", arrears.unwrap_or_default().as_decimal())
        .value("suggested", suggested.unwrap_or_default().as_decimal())
        .condition("behind", arrears.is_some())
        .condition("suggests", suggested.is_some() && arrears.is_none()))
}

async fn fund(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let statement = welfare::fund_statement(&mut conn, member.stage.0, app.clock.now()).await?;
    let told = Supplied::default()
        .value("fund_balance", statement.balance.as_decimal())
        .value("month_in", statement.month_in.as_decimal())
        .value("month_out", statement.month_out.as_decimal());
    Ok(statement.last.into_iter().fold(told, |told, movement| {
        let moved = match movement.direction {
            Direction::In => movement.amount,
            Direction::Out => -movement.amount,
        };
        told.row(
            "",
            [
                ("day", nairobi_date(movement.at).to_string()),
                ("who", movement.person.to_string()),
                ("moved", moved.as_decimal().to_string()),
            ],
        )
    }))
}

/// The balance and the last lines. Whom money went to or came from stands masked: somebody may be looking on.
async fn wallet_lines(
    app: &App,
    caller: &Caller,
    member: &CallingMember,
) -> Result<Supplied, Fault> {
    let menus = app.menus.current();
    let language = caller
        .language()
        .unwrap_or_else(|| menus.default_language());
    let named = |name: &str| menus.phrase(name, language).to_owned();
    let mut conn = app.pool.acquire().await?;
    let balance = ledger::balance(&mut conn, Account::Wallet(member.id.0)).await?;
    let lines = wallet::lines(&mut conn, member.id.0).await?;
    let told = Supplied::default().value("wallet", balance.as_decimal());
    Ok(lines.into_iter().fold(told, |told, line| {
        let who = match (line.what, line.other) {
            (What::TopUp | What::PaidTwice | What::Withdrawn, _) => "M-PESA".to_owned(),
            // M-PESA's own word, known in both languages.
            (What::WithdrawalReturned, _) => "M-PESA reversal".to_owned(),
            (What::LoanOverpaid, _) => "M-PESA".to_owned(),
            (What::Loan | What::LoanRepaid, _) => named("wallet.loan"),
            (What::LoanFee, _) => named("wallet.loan_fee"),
            (What::Contribution, _) => member.stage_name().to_owned(),
            (What::Dues, _) => "KwaStage".to_owned(),
            (What::Premium | What::PremiumRefund, _) => "Bima".to_owned(),
            (What::Sent | What::Received, other) => {
                other.map_or_else(String::new, |name| name.to_string())
            }
        };
        told.row(
            "",
            [
                ("day", nairobi_date(line.at).to_string()),
                ("who", who),
                ("moved", line.amount.as_decimal().to_string()),
            ],
        )
    }))
}

async fn recipients(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let recipients = wallet::last_recipients(&mut conn, member.id.0).await?;
    Ok(recipients
        .into_iter()
        .fold(Supplied::default(), |told, recipient| {
            let phone = recipient.msisdn.national();
            let ending = &phone[phone.len().saturating_sub(3)..];
            let name: String = recipient.first_name.chars().take(14).collect();
            told.row(
                recipient.member,
                [
                    ("recent_name", name),
                    ("recent_phone", format!("07..{ending}")),
                ],
            )
        }))
}

async fn kin(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let kin = members::kin_of(&mut conn, member.id).await?;
    let name = kin.as_ref().map_or("", |kin| kin.name.as_str());
    Ok(Supplied::default()
        .value("kin_now", name)
        .condition("has_kin", kin.is_some()))
}

async fn helping(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let helping = members::helping(&mut conn, member.id).await?;
    Ok(Supplied::default()
        .condition("helps", helping != Helping::Never)
        .condition("helps_at_night", helping == Helping::Always))
}

async fn regions(app: &App) -> Result<Supplied, Fault> {
    let regions = stages::regions(&mut *app.pool.acquire().await?).await?;
    Ok(regions
        .into_iter()
        .fold(Supplied::default(), |told, region| {
            told.row(region.id.0, [("region_name", region.name)])
        }))
}

async fn zones(app: &App, region: i32) -> Result<Supplied, Fault> {
    let zones = stages::zones(&mut *app.pool.acquire().await?, RegionId(region)).await?;
    Ok(zones.into_iter().fold(Supplied::default(), |told, zone| {
        told.row(zone.id.0, [("zone_name", zone.name)])
    }))
}

async fn stages_of(app: &App, zone: i32) -> Result<Supplied, Fault> {
    let found = stages::stages_in(&mut *app.pool.acquire().await?, ZoneId(zone)).await?;
    Ok(found.into_iter().fold(Supplied::default(), |told, stage| {
        let code = stage.code.as_str().to_owned();
        told.row(
            &code,
            [("stage_name", stage.name), ("stage_no", code.clone())],
        )
    }))
}
