//! What an official's screens show: their draft, the posts that wait, and how their broadcasts went.

use crate::app::App;
use crate::broadcasts;
use crate::conversation::Turn;
use crate::conversation::caller::CallingMember;
use crate::fault::Fault;
use crate::members;
use crate::menu::Supplied;
use crate::work::{Actor, Work};

/// Broadcasts shown of one official.
const SHOWN: i64 = 6;
/// Characters of a post in the list.
const GIST: usize = 24;

/// What the first screen offers.
pub(super) async fn at_a_glance(
    app: &App,
    turn: &Turn,
    member: &CallingMember,
) -> Result<Supplied, Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    let official = members::official(work.conn(), &turn.msisdn).await?;
    let draft = broadcasts::open_draft(&mut work, member.id).await?;
    let waiting = match &official {
        Some(official) => broadcasts::waiting_posts(work.conn(), official.stage)
            .await?
            .len(),
        None => 0,
    };
    let sacco = official.and_then(|official| official.sacco);
    Ok(Supplied::default()
        .value("their_sacco", sacco.as_deref().unwrap_or_default())
        .value("posts_waiting", waiting)
        .condition("has_sacco", sacco.is_some())
        .condition("has_draft", draft.is_some())
        .condition("has_posts", waiting > 0))
}

/// The draft that waits for a yes.
pub(super) async fn draft(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    let draft = broadcasts::open_draft(&mut work, member.id).await?;
    let there = draft.is_some();
    let told = match draft {
        Some(draft) => Supplied::default()
            .value("draft", draft.id)
            .value("people", draft.recipients)
            .value("parts", draft.segments)
            .value("cost", draft.cost.as_decimal())
            .value("draft_says", gist(&draft.words, 40)),
        None => Supplied::default()
            .value("draft", "")
            .value("people", 0)
            .value("parts", 0)
            .value("cost", 0)
            .value("draft_says", ""),
    };
    Ok(told.condition("has_draft", there))
}

/// The posts of the official's stage that wait, picked by their numbers.
pub(super) async fn posts(app: &App, turn: &Turn) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let Some(official) = members::official(&mut conn, &turn.msisdn).await? else {
        return Ok(Supplied::default());
    };
    let waiting = broadcasts::waiting_posts(&mut conn, official.stage).await?;
    Ok(waiting
        .into_iter()
        .fold(Supplied::default(), |told, (post, author)| {
            let columns = [("post_by", author), ("gist", gist(&post.words, GIST))];
            told.row(post.number, columns)
        }))
}

/// One post in full; nothing once somebody else has decided about it.
pub(super) async fn post(app: &App, turn: &Turn, number: &str) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let official = members::official(&mut conn, &turn.msisdn).await?;
    let waiting = match official {
        Some(official) => broadcasts::waiting_posts(&mut conn, official.stage).await?,
        None => Vec::new(),
    };
    let picked = waiting
        .into_iter()
        .find(|(post, _)| post.number.to_string() == number);
    let (says, author) = picked.map_or_else(
        || ("...".to_owned(), "-".to_owned()),
        |(post, author)| (post.words, author),
    );
    Ok(Supplied::default()
        .value("post_by", author)
        .value("post_says", says))
}

/// How the official's last broadcasts went.
pub(super) async fn sent(app: &App, member: &CallingMember) -> Result<Supplied, Fault> {
    let mut conn = app.pool.acquire().await?;
    let sent = broadcasts::sent_by(&mut conn, member.id, SHOWN).await?;
    Ok(sent
        .into_iter()
        .fold(Supplied::default(), |told, standing| {
            told.row(
                "",
                [
                    ("day", standing.day.to_string()),
                    ("messages", standing.messages.to_string()),
                    ("delivered", standing.delivered.to_string()),
                    ("failed", standing.failed.to_string()),
                ],
            )
        }))
}

/// The first characters, with dots where there is more.
fn gist(words: &str, chars: usize) -> String {
    if words.chars().count() <= chars {
        return words.to_owned();
    }
    let short: String = words.chars().take(chars.saturating_sub(3)).collect();
    format!(
        "{}...",
        short.trim_end_matches(|c: char| !c.is_alphanumeric())
    )
}
