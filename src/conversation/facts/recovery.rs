//! Whether a new PIN was asked for, and who of an official's stage asks for one.

use crate::app::App;
use crate::conversation::Turn;
use crate::conversation::caller::CallingMember;
use crate::fault::Fault;
use crate::members;
use crate::menu::Supplied;
use crate::recovery::{self, ResetStanding, Waiting};

pub(super) async fn standing(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let standing = recovery::reset_of(&mut conn, member.id, app.clock.now()).await?;
    Ok(Supplied::default()
        .condition("reset_open", standing == Some(ResetStanding::Open))
        .condition("reset_granted", standing == Some(ResetStanding::Granted)))
}

pub(super) async fn requests(app: &App, turn: &Turn) -> Result<Supplied, Fault> {
    let waiting = waiting(app, turn).await?;
    Ok(waiting.into_iter().fold(Supplied::default(), |told, one| {
        told.row(
            one.reset.0,
            [
                ("asks_name", name(&one)),
                ("asks_phone", one.msisdn.national()),
            ],
        )
    }))
}

/// The one that was picked; empty when it needs no answer any more.
pub(super) async fn request(app: &App, turn: &Turn, picked: &str) -> Result<Supplied, Fault> {
    let waiting = waiting(app, turn).await?;
    let one = waiting
        .into_iter()
        .find(|one| one.reset.0.to_string() == picked);
    let (name, phone) =
        one.map_or_else(Default::default, |one| (name(&one), one.msisdn.national()));
    Ok(Supplied::default()
        .value("asks_name", name)
        .value("asks_phone", phone))
}

async fn waiting(app: &App, turn: &Turn) -> Result<Vec<Waiting>, Fault> {
    let mut conn = app.pool.acquire().await?;
    let Some(official) = members::official(&mut conn, &turn.msisdn).await? else {
        return Ok(Vec::new());
    };
    let now = app.clock.now();
    recovery::waiting_for(&mut conn, official.officer.id, official.stage, now).await
}

fn name(one: &Waiting) -> String {
    format!("{} {}", one.first_name, one.last_name)
        .chars()
        .take(24)
        .collect()
}
