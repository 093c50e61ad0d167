//! Calls to people who are to answer an alarm: placed once, spoken in their language, answered with one key.
//!
//! A call that was picked up is no answer: mailboxes pick up too. Only a key is.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::clock::CALL_LOST_AFTER;
use super::file;
use super::model::{Case, EmergencyKind};
use super::store::{alerts, calls, cases};
use crate::fault::Fault;
use crate::jobs::Job;
use crate::members::{self, AtDial};
use crate::messages::Values;
use crate::primitives::{Language, Msisdn};
use crate::work::Work;

/// A call that the provider was not reached for is tried again for so long; then the next wave is nearer than another try.
const PLACED_WITHIN: TimeDelta = TimeDelta::seconds(45);
/// Keys that mean nothing, and wishes to hear it again, before the call ends and another person is called.
const ASKED_MAX: i32 = 6;

/// Place this call at the provider.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct PlaceCall {
    pub call: Uuid,
}

impl Job for PlaceCall {
    const NAME: &'static str = "emergencies.call";
    fn key(&self) -> Option<String> {
        Some(self.call.to_string())
    }
}

/// What came of asking the provider for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placing {
    /// It is being dialled, under this id. Not even ringing yet.
    Queued { session: String },
    /// Certainly not dialled, and another try would be no better.
    Refused(String),
    /// Nothing left us.
    NotReached,
    /// It may be ringing: the answer was lost, late or unreadable.
    Unclear(String),
}

/// What a request about a call tells. The provider's words for it are the channel's to read.
#[derive(Clone, Debug)]
pub struct OnCall {
    /// The provider's id of the call.
    pub session: String,
    /// Our own, where it comes back.
    pub reference: Option<Uuid>,
    /// Whom we called.
    pub called: Option<Msisdn>,
}

/// What the call says next.
#[derive(Clone, Debug, PartialEq)]
pub struct Spoken {
    pub language: Language,
    /// Names of messages and what fills them, one after the other.
    pub lines: Vec<(&'static str, Values)>,
    /// A key is awaited afterwards.
    pub asks: bool,
}

/// How a call ended, in our words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// It was picked up, and no key said anything.
    Over,
    Unanswered,
    Busy,
    Unreachable,
    Rejected,
    /// Nobody has this number.
    BadNumber,
    /// The provider's or the network's trouble.
    Lost,
}

impl CallEnd {
    fn as_str(self) -> &'static str {
        match self {
            CallEnd::Over => "no_key",
            CallEnd::Unanswered => "unanswered",
            CallEnd::Busy => "busy",
            CallEnd::Unreachable => "unreachable",
            CallEnd::Rejected => "rejected",
            CallEnd::BadNumber => "bad_number",
            CallEnd::Lost => "lost",
        }
    }
}

/// Takes a planned call in hand: its phone, to be dialled after this transaction. None when it was taken before, even by one
/// that died, or when nobody needs it any more.
pub async fn take(work: &mut Work, call: Uuid) -> Result<Option<Msisdn>, Fault> {
    let now = work.now;
    let Some(case) = calls::case_of(work.conn(), call).await? else {
        return Ok(None);
    };
    let case = cases::lock(work.conn(), case).await?;
    let (Some(case), Some(row)) = (case, calls::lock(work.conn(), call).await?) else {
        return Ok(None);
    };
    if row.placed || row.ended {
        return Ok(None);
    }
    let came = alerts::responders(work.conn(), case.id).await?;
    let is_on_it = |msisdn: &Msisdn| {
        let theirs = |there: &&super::Responder| there.msisdn == *msisdn && there.left_at.is_none();
        came.iter().any(|there| theirs(&there))
    };
    if !case.state.is_open() || is_on_it(&row.msisdn) {
        calls::end(work.conn(), call, "not_needed", now).await?;
        return Ok(None);
    }
    if now > row.planned_at + PLACED_WITHIN {
        calls::end(work.conn(), call, "not_placed", now).await?;
        calls::wake_clock(work.conn(), case.id, now).await?;
        return Ok(None);
    }
    if calls::is_in_another(work.conn(), call, &row.msisdn, now - CALL_LOST_AFTER).await? {
        calls::end(work.conn(), call, CallEnd::Busy.as_str(), now).await?;
        calls::wake_clock(work.conn(), case.id, now).await?;
        return Ok(None);
    }
    calls::set_placed(work.conn(), call, Some(now)).await?;
    Ok(Some(row.msisdn))
}

/// Writes down what the provider made of it. True when it should be tried again.
pub async fn placed(work: &mut Work, call: Uuid, placing: &Placing) -> Result<bool, Fault> {
    let now = work.now;
    let Some(case) = calls::case_of(work.conn(), call).await? else {
        return Ok(false);
    };
    match placing {
        Placing::Queued { session } => calls::set_session(work.conn(), call, session).await?,
        Placing::Refused(_) => {
            cases::lock(work.conn(), case).await?;
            calls::end(work.conn(), call, "not_placed", now).await?;
            calls::wake_clock(work.conn(), case, now).await?;
        }
        Placing::NotReached => {
            calls::set_placed(work.conn(), call, None).await?;
            return Ok(true);
        }
        // If it rings, its requests will find it by the phone; if not, the clock gives it up.
        Placing::Unclear(_) => {}
    }
    Ok(false)
}

/// They picked up, or pressed a key. What the call says then; none for a call we know nothing of.
pub async fn heard(
    work: &mut Work,
    on: &OnCall,
    key: Option<char>,
) -> Result<Option<Spoken>, Fault> {
    let Some((case, call)) = locked(work, on).await? else {
        return Ok(None);
    };
    let Some(row) = calls::lock(work.conn(), call).await? else {
        return Ok(None);
    };
    let now = work.now;
    let say = |lines, asks| {
        Ok(Some(Spoken {
            language: row.language,
            lines,
            asks,
        }))
    };
    if !case.state.is_open() {
        calls::end(work.conn(), call, "not_needed", now).await?;
        return say(vec![("voice.over", Values::new())], false);
    }
    let pressed = key.map(String::from).unwrap_or_default();
    calls::note_asked(work.conn(), call, &pressed, now).await?;
    match key {
        Some('1') => {
            super::acknowledge::by_call(work, &case, &row.msisdn).await?;
            calls::end(work.conn(), call, "accepted", now).await?;
            let phone = spelt(&case.msisdn.national());
            let values = Values::new().code("phone", phone);
            say(vec![("voice.accepted", values)], false)
        }
        Some('3') => {
            calls::decline(work.conn(), case.id, &row.msisdn, now).await?;
            file::note(work, case.id, "declined", Some(&row.msisdn), None).await?;
            calls::end(work.conn(), call, "declined", now).await?;
            calls::wake_clock(work.conn(), case.id, now).await?;
            say(vec![("voice.declined", Values::new())], false)
        }
        _ if row.asked >= ASKED_MAX => say(vec![("voice.no_key", Values::new())], false),
        Some('2') | None => {
            let lines = told(work, &case).await?;
            say(lines, true)
        }
        Some(_) => {
            let mut lines = vec![("voice.wrong_key", Values::new())];
            lines.extend(told(work, &case).await?);
            say(lines, true)
        }
    }
}

/// The call is over. Told twice, the first time counts.
pub async fn hung_up(work: &mut Work, on: &OnCall, end: CallEnd) -> Result<(), Fault> {
    let now = work.now;
    let Some((case, call)) = locked(work, on).await? else {
        return Ok(());
    };
    if calls::end(work.conn(), call, end.as_str(), now).await? {
        calls::wake_clock(work.conn(), case.id, now).await?;
    }
    Ok(())
}

/// The case first and then the call, as everybody locks them.
async fn locked(work: &mut Work, on: &OnCall) -> Result<Option<(Case, Uuid)>, Fault> {
    let since = work.now - CALL_LOST_AFTER;
    let found = calls::find(
        work.conn(),
        &on.session,
        on.reference,
        on.called.as_ref(),
        since,
    )
    .await?;
    let Some((case, call)) = found else {
        return Ok(None);
    };
    let Some(case) = cases::lock(work.conn(), case).await? else {
        return Ok(None);
    };
    calls::set_session(work.conn(), call, &on.session).await?;
    Ok(Some((case, call)))
}

/// The alarm for the ear: who, what and where as far as it is known, and the keys.
async fn told(work: &mut Work, case: &Case) -> Result<Vec<(&'static str, Values)>, Fault> {
    let number = Values::new().code("case", spelt(&case.number.serial.to_string()));
    let mut lines = vec![match members::at_dial(work.conn(), &case.msisdn).await? {
        AtDial::Member(member) => (
            "voice.alert",
            number
                .words("name", member.first_name.as_str())
                .words("stage", &member.stage_name),
        ),
        AtDial::Stranger { .. } => ("voice.alert_stranger", number),
    }];
    if let Some(kind) = case.kind {
        lines.push(("voice.what", Values::new().phrase("kind", spoken(kind))));
    }
    if let Some(place) = &case.place {
        lines.push(("voice.where", Values::new().words("place", place)));
    }
    lines.push(("voice.keys", Values::new()));
    Ok(lines)
}

/// Digits one by one, for a voice that would read a number otherwise: `4 2`.
fn spelt(digits: &str) -> String {
    digits
        .chars()
        .map(String::from)
        .collect::<Vec<_>>()
        .join(" ")
}

fn spoken(kind: EmergencyKind) -> &'static str {
    match kind {
        EmergencyKind::Accident => "spoken.accident",
        EmergencyKind::Medical => "spoken.medical",
        EmergencyKind::Death => "spoken.death",
        EmergencyKind::Theft => "spoken.theft",
        EmergencyKind::Mechanical => "spoken.mechanical",
        EmergencyKind::Other => "spoken.other",
    }
}
