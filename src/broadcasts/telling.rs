//! What a broadcast says, and what its sender hears of it afterwards.

use sqlx::PgConnection;

use super::model::{Kind, POST_KEPT, TOLD_AFTER_MAX};
use super::store::{self, Broadcast, posts};
use crate::fault::Fault;
use crate::members::{self, Member, MemberId};
use crate::messages::{self, Class, Message, Tally, Values};
use crate::stages;
use crate::work::Work;

/// Tells each official whose broadcast has come to its end how many it reached, once. What the operators have not
/// reported within an hour of the last message is told as not known. Lets posts go that nobody has looked at.
pub async fn tell_of_the_finished(work: &mut Work) -> Result<(), Fault> {
    for broadcast in store::lock_written(work.conn()).await? {
        let tally = messages::tally(work.conn(), broadcast.id.0).await?;
        let waited_long = tally
            .last_moved_at
            .is_none_or(|at| work.now - at > TOLD_AFTER_MAX);
        if tally.waiting > 0 || (tally.on_their_way > 0 && !waited_long) {
            continue;
        }
        let now = work.now;
        store::mark_told(work.conn(), broadcast.id, now).await?;
        if let Some(author) = broadcast.author.filter(|_| broadcast.kind != Kind::Post) {
            tell_author(work, &broadcast, author, &tally).await?;
        }
    }
    let (since, now) = (work.now - POST_KEPT, work.now);
    for post in posts::expire(work.conn(), since, now).await? {
        tell_member(
            work,
            post.member,
            "post.expired",
            Values::new(),
            &post.key("expired"),
        )
        .await?;
    }
    Ok(())
}

async fn tell_author(
    work: &mut Work,
    broadcast: &Broadcast,
    author: MemberId,
    tally: &Tally,
) -> Result<(), Fault> {
    let values = Values::new()
        .count("messages", tally.messages())
        .count("delivered", tally.delivered)
        .count("failed", tally.failed)
        .count("unknown", tally.on_their_way);
    let key = format!("broadcast:{}:report", broadcast.id);
    tell_member(work, author, "broadcast.report", values, &key).await
}

/// Says something to a member about what they sent, once for each key.
pub(super) async fn tell_member(
    work: &mut Work,
    member: MemberId,
    template: &'static str,
    values: Values,
    key: &str,
) -> Result<(), Fault> {
    let Member {
        msisdn, language, ..
    } = the_member(work.conn(), member).await?;
    let message = Message {
        key: Some(key.to_owned()),
        about: Some(member.0),
        ..Message::new(msisdn, language, Class::Service, template, values)
    };
    messages::send(work, message).await?;
    Ok(())
}

/// What fills the template of a broadcast: its words, and who says them where.
pub(super) async fn values_of(
    conn: &mut PgConnection,
    broadcast: &Broadcast,
) -> Result<Values, Fault> {
    let values = Values::new().words("text", broadcast.words.as_str());
    let (Some(author), Some(stage)) = (broadcast.author, broadcast.stage) else {
        return Ok(values);
    };
    let author = the_member(conn, author).await?;
    let stage = stages::find(conn, stage).await?;
    Ok(values
        .words("who", author.first_name.as_str())
        .words("stage", stage.map(|stage| stage.name).unwrap_or_default()))
}

pub(super) async fn the_member(conn: &mut PgConnection, id: MemberId) -> Result<Member, Fault> {
    members::load(conn, id)
        .await?
        .ok_or_else(|| Fault::broken(format!("member {id} has gone")))
}
