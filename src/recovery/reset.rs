//! A forgotten PIN: people who know the member say that it is them, and the member chooses a new one.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::may_be_asked;
use super::rules::{ANSWERS_WITHIN, NEW_PIN_WITHIN, RESETS_A_DAY, Verdict, Voice, verdict};
use super::store::reset as store;
use crate::events::Event;
use crate::fault::Fault;
use crate::members::{self, ChangePinError, Member, MemberId, PinVerifier, Role};
use crate::messages::{self, Class, Message, Values};
use crate::primitives::{Language, Msisdn, StaffName};
use crate::questions::{self, Question};
use crate::stages::StageId;
use crate::work::Work;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ResetId(pub Uuid);

/// How a member's wish for a new PIN stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetStanding {
    /// People have been asked.
    Open,
    /// The new PIN may be chosen.
    Granted,
}

/// Somebody of the official's stage who has forgotten the PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub reset: ResetId,
    pub first_name: String,
    pub last_name: String,
    pub msisdn: Msisdn,
    pub asked_at: DateTime<Utc>,
}

/// Why nobody is asked.
#[derive(Debug, thiserror::Error)]
pub enum AskResetError {
    #[error("people are being asked already")]
    AlreadyAsked,
    #[error("the new PIN may be chosen already")]
    AlreadyGranted,
    #[error("no official is on duty at the stage")]
    NobodyToAsk,
    #[error("people were asked {RESETS_A_DAY} times within a day")]
    TooOften,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why an answer counts for nothing.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error("nobody waits for this answer any more")]
    Gone,
    #[error("the same person cannot answer twice")]
    SamePerson,
    #[error("nobody answers for themselves")]
    Oneself,
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Serialize)]
struct PinResetAsked {
    member: MemberId,
    reset: ResetId,
}

impl Event for PinResetAsked {
    const NAME: &'static str = "pin_reset.asked";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

#[derive(Serialize)]
struct PinResetAnswered {
    member: MemberId,
    reset: ResetId,
    who: String,
    says_yes: bool,
}

impl Event for PinResetAnswered {
    const NAME: &'static str = "pin_reset.answered";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Asks the officials on duty at the member's stage, and the next of kin, whether it is the member who has forgotten the PIN.
/// The same key again is the same request.
pub async fn ask_reset(
    work: &mut Work,
    member: &Member,
    key: &str,
) -> Result<ResetId, AskResetError> {
    let officials = members::officers_on_duty(work.conn(), member.stage, Role::Official).await?;
    let others: Vec<_> = officials
        .into_iter()
        .filter(|official| official.id != member.id)
        .collect();
    if others.is_empty() {
        return Err(AskResetError::NobodyToAsk);
    }
    let reset = open(work, member.id, key).await?;
    for official in &others {
        let values = Values::new()
            .words("name", full_name(member))
            .code("phone", member.msisdn.national());
        let once = format!("pin_reset:{}:{}", reset.0, official.id);
        let to = (&official.msisdn, official.language);
        tell(work, to, "recovery.official_asked", values, once).await?;
    }
    let kin = members::kin_of(work.conn(), member.id).await?;
    // An official who is also the next of kin counts once.
    let kin = kin.filter(|kin| {
        kin.msisdn != member.msisdn && others.iter().all(|one| one.msisdn != kin.msisdn)
    });
    if let Some(kin) = kin
        && may_be_asked(work, &kin.msisdn).await?
    {
        let question = Question::IsItThem { reset: reset.0 };
        questions::ask(work, &kin.msisdn, question, ANSWERS_WITHIN).await?;
        let known = members::caller_language(work.conn(), &kin.msisdn).await?;
        let values = Values::new().words("name", full_name(member));
        let to = (&kin.msisdn, known.unwrap_or(member.language));
        let once = format!("pin_reset:{}:kin", reset.0);
        tell(work, to, "recovery.kin_asked", values, once).await?;
    }
    let once = format!("pin_reset:{}:asked", reset.0);
    let to = (&member.msisdn, member.language);
    tell(work, to, "recovery.reset_asked", Values::new(), once).await?;
    Ok(reset)
}

async fn open(work: &mut Work, member: MemberId, key: &str) -> Result<ResetId, AskResetError> {
    let now = work.now;
    store::expire(work.conn(), member, now).await?;
    if let Some(standing) = reset_of(work.conn(), member, now).await? {
        return Err(match standing {
            ResetStanding::Open => AskResetError::AlreadyAsked,
            ResetStanding::Granted => AskResetError::AlreadyGranted,
        });
    }
    let since = now - ANSWERS_WITHIN;
    if store::asked_since(work.conn(), member, since).await? >= RESETS_A_DAY {
        return Err(AskResetError::TooOften);
    }
    let reset = ResetId(Uuid::now_v7());
    if !store::insert(work.conn(), reset, key, member, now, now + ANSWERS_WITHIN).await? {
        return Err(AskResetError::AlreadyAsked);
    }
    work.record(PinResetAsked { member, reset }).await?;
    Ok(reset)
}

/// Somebody says whether it is the member. What that comes to, which the member is told.
pub async fn answer_reset(
    work: &mut Work,
    reset: ResetId,
    voice: &Voice,
    says_yes: bool,
) -> Result<Verdict, AnswerError> {
    let now = work.now;
    let Some(member) = store::lock_open(work.conn(), reset, now).await? else {
        return Err(AnswerError::Gone);
    };
    if *voice == Voice::Official(member) {
        return Err(AnswerError::Oneself);
    }
    let who = voice.written();
    if !store::insert_voice(work.conn(), reset, &who, says_yes, now).await? {
        return Err(AnswerError::SamePerson);
    }
    work.record(PinResetAnswered {
        member,
        reset,
        who,
        says_yes,
    })
    .await?;
    let verdict = verdict(&store::voices(work.conn(), reset).await?);
    let told = match verdict {
        Verdict::Waiting => return Ok(verdict),
        Verdict::Granted => {
            store::grant(work.conn(), reset, now, now + NEW_PIN_WITHIN).await?;
            "recovery.reset_granted"
        }
        Verdict::Refused => {
            store::end(work.conn(), reset, "refused", now).await?;
            "recovery.reset_refused"
        }
    };
    let member = load(work, member).await?;
    let once = format!("pin_reset:{}:{told}", reset.0);
    let to = (&member.msisdn, member.language);
    tell(work, to, told, Values::new(), once).await?;
    Ok(verdict)
}

/// One of the staff has seen the member. The first asks for the reset where nobody has yet; the second has to be another one.
pub async fn staff_says(
    work: &mut Work,
    member: MemberId,
    name: &StaffName,
    says_yes: bool,
) -> Result<Verdict, AnswerError> {
    let now = work.now;
    store::expire(work.conn(), member, now).await?;
    let reset = match store::open_of(work.conn(), member).await? {
        Some(reset) => reset,
        None => {
            let key = format!("staff:{}", Uuid::now_v7());
            match open(work, member, &key).await {
                Ok(reset) => reset,
                Err(AskResetError::Fault(fault)) => return Err(fault.into()),
                Err(_refused) => return Err(AnswerError::Gone),
            }
        }
    };
    answer_reset(work, reset, &Voice::Staff(name.clone()), says_yes).await
}

/// How the member's wish stands; nothing when there is none.
pub async fn reset_of(
    conn: &mut PgConnection,
    member: MemberId,
    now: DateTime<Utc>,
) -> Result<Option<ResetStanding>, Fault> {
    store::standing(conn, member, now).await
}

/// Who of this stage waits for this official's answer, the longest first.
pub async fn waiting_for(
    conn: &mut PgConnection,
    official: MemberId,
    stage: StageId,
    now: DateTime<Utc>,
) -> Result<Vec<Waiting>, Fault> {
    let who = Voice::Official(official).written();
    store::waiting_for(conn, official, &who, stage, now).await
}

/// The member chooses the new PIN. False when nobody has let them, or not any more.
pub async fn use_reset(
    work: &mut Work,
    member: MemberId,
    verifier: &PinVerifier,
) -> Result<bool, Fault> {
    let now = work.now;
    let Some(reset) = store::lock_granted(work.conn(), member, now).await? else {
        return Ok(false);
    };
    let changed =
        members::change_pin(work, member, verifier)
            .await
            .map_err(|refused| match refused {
                ChangePinError::NotFound => Fault::broken(format!("member {member} has gone")),
                ChangePinError::Fault(fault) => fault,
            })?;
    store::end(work.conn(), reset, "used", now).await?;
    let once = format!("pin_reset:{}:used", reset.0);
    let to = (&changed.msisdn, changed.language);
    tell(work, to, "pin.changed", Values::new(), once).await?;
    Ok(true)
}

async fn load(work: &mut Work, member: MemberId) -> Result<Member, Fault> {
    members::load(work.conn(), member)
        .await?
        .ok_or_else(|| Fault::broken(format!("member {member} has gone")))
}

/// Whoever is asked has to know whom they are asked about.
fn full_name(member: &Member) -> String {
    format!("{} {}", member.first_name, member.last_name)
}

async fn tell(
    work: &mut Work,
    to: (&Msisdn, Language),
    template: &'static str,
    values: Values,
    once: String,
) -> Result<(), Fault> {
    let message = Message {
        key: Some(once),
        ..Message::new(to.0.clone(), to.1, Class::Service, template, values)
    };
    messages::send(work, message).await?;
    Ok(())
}
