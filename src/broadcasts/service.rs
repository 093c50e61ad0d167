//! Drafting a broadcast and saying yes to it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::{
    Audience, BroadcastId, DRAFT_KEPT, Kind, Official, Preview, Rules, Wording, cost,
};
use super::store::{self, Broadcast, State};
use super::telling::values_of;
use super::writing::WriteRecipients;
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, MemberId};
use crate::messages::{self, Templates};
use crate::primitives::{Msisdn, nairobi_date, nairobi_day_start};
use crate::stages;
use crate::work::Work;

/// What an official wants to say.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What caused it: the same cause again finds the same draft.
    pub key: String,
    /// To the SACCO instead of the stage.
    pub to_sacco: bool,
    pub words: Wording,
}

#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    #[error("not an official on duty")]
    NotAnOfficial,
    #[error("no more than {max} broadcasts a day")]
    TooManyToday { max: u32 },
    /// Nobody but themselves, or no SACCO.
    #[error("nobody would get it")]
    Nobody,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What became of a yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    pub id: BroadcastId,
    pub recipients: u32,
    /// When it begins to go out, where that is not now: the end of the quiet hours.
    pub later: Option<DateTime<Utc>>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// There is no such draft of theirs, any more.
    #[error("there is no such draft")]
    Gone,
    #[error("not an official on duty")]
    NotAnOfficial,
    #[error("no more than {max} broadcasts a day")]
    TooManyToday { max: u32 },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// How a broadcast stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub day: NaiveDate,
    /// Messages there are in all.
    pub messages: u32,
    pub delivered: u32,
    pub failed: u32,
}

#[derive(Serialize)]
struct BroadcastConfirmed {
    broadcast: BroadcastId,
    kind: Kind,
    audience: &'static str,
    recipients: u32,
    segments: u32,
    cost_cents: i64,
}

impl Event for BroadcastConfirmed {
    const NAME: &'static str = "broadcast.confirmed";
    fn subject(&self) -> Uuid {
        self.broadcast.0
    }
}

/// Writes an official's draft down, in place of the one they had, and says what it would be.
pub async fn draft(
    work: &mut Work,
    rules: &Rules,
    templates: &Templates,
    phone: &Msisdn,
    draft: Draft,
) -> Result<Preview, DraftError> {
    let official = official(work.conn(), phone)
        .await?
        .ok_or(DraftError::NotAnOfficial)?;
    if let Some(known) = store::find_by_key(work.conn(), &draft.key).await? {
        return Ok(known.preview());
    }
    if sent_today(work, official.id).await? >= rules.per_day {
        return Err(DraftError::TooManyToday { max: rules.per_day });
    }
    let (kind, audience) = match &official.sacco {
        _ if !draft.to_sacco => (Kind::Notice, Audience::Stage(official.stage.id)),
        Some(sacco) => (Kind::News, Audience::Sacco(sacco.clone())),
        None => return Err(DraftError::Nobody),
    };
    let mut made = Broadcast {
        id: BroadcastId(Uuid::now_v7()),
        key: draft.key,
        author: Some(official.id),
        stage: Some(official.stage.id),
        audience,
        kind,
        words: draft.words.as_str().to_owned(),
        recipients: 0,
        segments: 1,
        cost: Default::default(),
        state: State::Draft,
        made_at: work.now,
        written_to: None,
    };
    measure(work, rules, templates, &mut made).await?;
    if made.recipients == 0 {
        return Err(DraftError::Nobody);
    }
    store::drop_draft_of(work.conn(), official.id).await?;
    store::insert(work.conn(), &made, None).await?;
    Ok(made.preview())
}

/// Says yes to a draft: it goes out as it was shown.
pub async fn confirm(
    work: &mut Work,
    rules: &Rules,
    phone: &Msisdn,
    id: BroadcastId,
) -> Result<Confirmed, ConfirmError> {
    let official = official(work.conn(), phone)
        .await?
        .ok_or(ConfirmError::NotAnOfficial)?;
    let draft = store::lock(work.conn(), id).await?;
    let draft = draft
        .filter(|draft| draft.author == Some(official.id) && draft.state == State::Draft)
        .filter(|draft| work.now - draft.made_at < DRAFT_KEPT)
        .ok_or(ConfirmError::Gone)?;
    // Their one draft is locked, so that no other yes of theirs is counted at the same time.
    if sent_today(work, official.id).await? >= rules.per_day {
        return Err(ConfirmError::TooManyToday { max: rules.per_day });
    }
    let now = work.now;
    store::mark_sending(work.conn(), id, now).await?;
    Ok(begin(work, rules, &draft).await?)
}

/// The draft of an official that still waits for a yes.
pub async fn open_draft(work: &mut Work, author: MemberId) -> Result<Option<Preview>, Fault> {
    let since = work.now - DRAFT_KEPT;
    let draft = store::draft_of(work.conn(), author, since).await?;
    Ok(draft.map(|draft| draft.preview()))
}

/// What the desk would send: as a preview, nothing is written.
pub async fn preview(
    work: &mut Work,
    rules: &Rules,
    templates: &Templates,
    kind: Kind,
    audience: Audience,
    words: Wording,
) -> Result<Preview, Fault> {
    let broadcast = of_the_desk(work, rules, templates, kind, audience, words).await?;
    Ok(broadcast.preview())
}

/// Sends in KwaStage's own name, from the desk.
pub async fn send_from_desk(
    work: &mut Work,
    rules: &Rules,
    templates: &Templates,
    kind: Kind,
    audience: Audience,
    words: Wording,
) -> Result<Confirmed, Fault> {
    let broadcast = of_the_desk(work, rules, templates, kind, audience, words).await?;
    let now = work.now;
    store::insert(work.conn(), &broadcast, Some(now)).await?;
    begin(work, rules, &broadcast).await
}

/// How the last broadcasts of an official stand, the newest first.
pub async fn sent_by(
    conn: &mut PgConnection,
    author: MemberId,
    limit: i64,
) -> Result<Vec<Standing>, Fault> {
    let mut standings = Vec::new();
    for (id, confirmed_at) in store::confirmed_by(conn, author, limit).await? {
        let tally = messages::tally(conn, id.0).await?;
        standings.push(Standing {
            day: nairobi_date(confirmed_at),
            messages: tally.messages(),
            delivered: tally.delivered,
            failed: tally.failed,
        });
    }
    Ok(standings)
}

/// Puts the writing of a broadcast on its way that is in the state `sending`.
pub(super) async fn begin(
    work: &mut Work,
    rules: &Rules,
    broadcast: &Broadcast,
) -> Result<Confirmed, Fault> {
    let id = broadcast.id;
    work.enqueue(WriteRecipients { broadcast: id.0 }).await?;
    work.record(BroadcastConfirmed {
        broadcast: id,
        kind: broadcast.kind,
        audience: broadcast.audience.as_str(),
        recipients: broadcast.recipients,
        segments: broadcast.segments,
        cost_cents: broadcast.cost.cents(),
    })
    .await?;
    let goes_out = rules.quiet.not_before(broadcast.kind.class(), work.now);
    Ok(Confirmed {
        id,
        recipients: broadcast.recipients,
        later: Some(goes_out).filter(|at| *at > work.now),
    })
}

/// Counts the people and the segments, and so the cost.
pub(super) async fn measure(
    work: &mut Work,
    rules: &Rules,
    templates: &Templates,
    broadcast: &mut Broadcast,
) -> Result<(), Fault> {
    let recipients = store::count_recipients(work.conn(), broadcast).await?;
    let values = values_of(work.conn(), broadcast).await?;
    let template = broadcast.kind.template(broadcast.author.is_none());
    let segments = templates
        .segments(template, &values)
        .map_err(|why| Fault::broken(why.to_string()))?;
    broadcast.recipients = recipients;
    broadcast.segments = u32::try_from(segments).unwrap_or(u32::MAX);
    broadcast.cost = cost(recipients, broadcast.segments, rules.segment_price);
    Ok(())
}

async fn of_the_desk(
    work: &mut Work,
    rules: &Rules,
    templates: &Templates,
    kind: Kind,
    audience: Audience,
    words: Wording,
) -> Result<Broadcast, Fault> {
    let id = BroadcastId(Uuid::now_v7());
    let stage = match audience {
        Audience::Stage(stage) => Some(stage),
        _ => None,
    };
    let mut broadcast = Broadcast {
        id,
        key: format!("desk:{id}"),
        author: None,
        stage,
        audience,
        kind,
        words: words.as_str().to_owned(),
        recipients: 0,
        segments: 1,
        cost: Default::default(),
        state: State::Sending,
        made_at: work.now,
        written_to: None,
    };
    measure(work, rules, templates, &mut broadcast).await?;
    Ok(broadcast)
}

/// The official on this phone, if it is one's.
pub(super) async fn official(
    conn: &mut PgConnection,
    phone: &Msisdn,
) -> Result<Option<Official>, Fault> {
    let Some(found) = members::official(conn, phone).await? else {
        return Ok(None);
    };
    let stage = stages::find(conn, found.stage)
        .await?
        .ok_or_else(|| Fault::broken(format!("stage {} has gone", found.stage.0)))?;
    Ok(Some(Official {
        id: found.officer.id,
        first_name: found.officer.first_name,
        msisdn: found.officer.msisdn,
        language: found.officer.language,
        stage,
        sacco: found.sacco,
    }))
}

/// What an official has sent since midnight in Nairobi; posts they put up are not theirs.
async fn sent_today(work: &mut Work, author: MemberId) -> Result<u32, Fault> {
    let since = nairobi_day_start(nairobi_date(work.now));
    store::confirmed_since(work.conn(), author, since).await
}
