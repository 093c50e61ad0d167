//! What members want to say to their stage, and the official who reads it first.

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{
    Audience, BroadcastId, Kind, Post, PostId, Rules, Verdict, Wording, WordingRefused,
};
use super::service::{begin, measure, official};
use super::store::{self, Broadcast, State, posts};
use super::telling::{tell_member, the_member};
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, AtDial, MemberId, Role, StatusWord};
use crate::messages::{self, Class, Message, Templates, Values};
use crate::primitives::{Msisdn, nairobi_date, nairobi_day_start};
use crate::stages::StageId;
use crate::work::Work;

/// A post that now waits for an official.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub number: u32,
    /// Officials who were asked.
    pub officials: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error("not an active member")]
    NotAMember,
    /// They say it themselves, with TELL.
    #[error("an official posts nothing")]
    IsAnOfficial,
    #[error(transparent)]
    Wording(#[from] WordingRefused),
    #[error("no more than {max} posts a day")]
    TooManyToday { max: u32 },
    #[error("the stage has no official on duty")]
    NobodyToAsk,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What became of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    PutUp {
        recipients: u32,
    },
    Refused,
    /// Somebody was faster, or it has waited too long.
    Already,
}

#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    #[error("not an official on duty")]
    NotAnOfficial,
    #[error("their stage has no such post")]
    NotFound,
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Serialize)]
struct PostDecided {
    post: PostId,
    put_up: bool,
    by: MemberId,
}

impl Event for PostDecided {
    const NAME: &'static str = "post.decided";
    fn subject(&self) -> Uuid {
        self.post.0
    }
}

/// Writes a member's words down and asks the officials of their stage about them. The same key again is the same post.
pub async fn post(
    work: &mut Work,
    rules: &Rules,
    phone: &Msisdn,
    typed: &str,
    key: &str,
) -> Result<Posted, PostError> {
    let member = match members::at_dial(work.conn(), phone).await? {
        AtDial::Member(member) if member.status == StatusWord::Active => member,
        _ => return Err(PostError::NotAMember),
    };
    if members::official(work.conn(), phone).await?.is_some() {
        return Err(PostError::IsAnOfficial);
    }
    let words = Wording::parse_post(typed)?;
    let officials = members::officers_on_duty(work.conn(), member.stage, Role::Official).await?;
    if officials.is_empty() {
        return Err(PostError::NobodyToAsk);
    }
    let since = nairobi_day_start(nairobi_date(work.now));
    posts::lock_stage(work.conn(), member.stage).await?;
    if let Some(number) = posts::number_of(work.conn(), key).await? {
        return Ok(Posted {
            number,
            officials: officials.len(),
        });
    }
    if posts::count_since(work.conn(), member.id, since).await? >= rules.posts_per_day {
        return Err(PostError::TooManyToday {
            max: rules.posts_per_day,
        });
    }
    let id = PostId(Uuid::now_v7());
    let now = work.now;
    let number = posts::insert(
        work.conn(),
        id,
        key,
        member.stage,
        member.id,
        words.as_str(),
        now,
    )
    .await?;
    for official in &officials {
        let values = Values::new()
            .words("who", member.first_name.as_str())
            .words("text", words.as_str())
            .count("number", number);
        let message = Message {
            key: Some(format!("post:{id}:asked:{}", official.id)),
            about: Some(id.0),
            ..Message::new(
                official.msisdn.clone(),
                official.language,
                Class::Service,
                "post.asked",
                values,
            )
        };
        messages::send(work, message).await?;
    }
    Ok(Posted {
        number,
        officials: officials.len(),
    })
}

/// An official's answer to a post of their stage. The first one counts, and the member hears of it.
pub async fn decide(
    work: &mut Work,
    rules: &Rules,
    templates: &Templates,
    phone: &Msisdn,
    number: u32,
    verdict: Verdict,
) -> Result<Decided, DecideError> {
    let official = official(work.conn(), phone)
        .await?
        .ok_or(DecideError::NotAnOfficial)?;
    let (post, is_waiting) = posts::lock(work.conn(), official.stage.id, number)
        .await?
        .ok_or(DecideError::NotFound)?;
    if !is_waiting {
        return Ok(Decided::Already);
    }
    let (decided, broadcast) = match verdict {
        Verdict::Refuse => (Decided::Refused, None),
        Verdict::PutUp => {
            let broadcast = put_up(work, rules, templates, &post).await?;
            let recipients = broadcast.recipients;
            (Decided::PutUp { recipients }, Some(broadcast.id))
        }
    };
    let now = work.now;
    posts::mark_decided(work.conn(), post.id, official.id, broadcast, now).await?;
    work.record(PostDecided {
        post: post.id,
        put_up: broadcast.is_some(),
        by: official.id,
    })
    .await?;
    let (template, values) = match &decided {
        Decided::PutUp { recipients } => {
            ("post.put_up", Values::new().count("people", *recipients))
        }
        _ => {
            let values = Values::new().words("official", official.first_name.as_str());
            ("post.refused", values)
        }
    };
    tell_member(work, post.member, template, values, &post.key("decided")).await?;
    Ok(decided)
}

/// The posts of a stage that wait for an official, the oldest first, each with its author's first name.
pub async fn waiting_posts(
    conn: &mut PgConnection,
    stage: StageId,
) -> Result<Vec<(Post, String)>, Fault> {
    let mut named = Vec::new();
    for post in posts::waiting(conn, stage).await? {
        let author = the_member(conn, post.member).await?;
        named.push((post, author.first_name.as_str().to_owned()));
    }
    Ok(named)
}

async fn put_up(
    work: &mut Work,
    rules: &Rules,
    templates: &Templates,
    post: &Post,
) -> Result<Broadcast, Fault> {
    let mut broadcast = Broadcast {
        id: BroadcastId(Uuid::now_v7()),
        key: format!("post:{}", post.id),
        author: Some(post.member),
        stage: Some(post.stage),
        audience: Audience::Stage(post.stage),
        kind: Kind::Post,
        words: post.words.clone(),
        recipients: 0,
        segments: 1,
        cost: Default::default(),
        state: State::Sending,
        made_at: work.now,
        written_to: None,
    };
    measure(work, rules, templates, &mut broadcast).await?;
    let now = work.now;
    store::insert(work.conn(), &broadcast, Some(now)).await?;
    begin(work, rules, &broadcast).await?;
    Ok(broadcast)
}

impl Post {
    /// Names what is said once about this post.
    pub(super) fn key(&self, what: &str) -> String {
        format!("post:{}:{what}", self.id)
    }
}
