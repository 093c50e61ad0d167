//! A member proves it with the PIN, and changes it.

use chrono::{DateTime, Utc};
use metrics::counter;
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use tracing::{info, warn};
use uuid::Uuid;

use crate::events::Event;
use crate::fault::Fault;
use crate::members::credentials::{Credential, note_credential_change};
use crate::members::keys::MemberKeys;
use crate::members::model::MemberId;
use crate::members::national_id::NationalId;
use crate::members::pin::{self, DeskError, PinDesk, PinGuard, PinOwner, PinVerifier, TRIES};
use crate::members::store;
use crate::primitives::{Language, Msisdn, Secret};
use crate::work::Work;

/// What became of a typed PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinAnswer {
    Right,
    /// At least one more try before the lock.
    Wrong {
        tries_left: u32,
    },
    /// This try locked, or it came while locked and was not looked at.
    Locked {
        until: DateTime<Utc>,
    },
    /// Too many PINs at once; the try was not counted.
    Busy,
}

impl PinAnswer {
    fn word(self) -> &'static str {
        match self {
            PinAnswer::Right => "right",
            PinAnswer::Wrong { .. } => "wrong",
            PinAnswer::Locked { .. } => "locked",
            PinAnswer::Busy => "busy",
        }
    }
}

/// How often a try that met another one of the same member starts over.
const MEETINGS: usize = 3;

/// Looks at one typed PIN. `route` is the way in (`ussd`, `sms`, ...), at most 32 characters; each counts for itself.
///
/// The try is counted, and the count committed, before the PIN is looked at: many tries at once are then no more than
/// one after another, and a deed that is refused afterwards cannot take the count back with it. That is why this is
/// the one deed that takes the pool and not a [`Work`].
pub async fn check_pin(
    pool: &PgPool,
    desk: &PinDesk,
    member: MemberId,
    route: &str,
    typed: Secret,
    now: DateTime<Utc>,
) -> Result<PinAnswer, Fault> {
    let (answer, _) = count_and_look(pool, desk, Door::Ordinary, member, route, typed, now).await?;
    // One try on each of a million members locks nobody; it shows here.
    counter!("kwastage_pin_checks_total", "route" => route.to_owned(), "answer" => answer.word())
        .increment(1);
    Ok(answer)
}

/// As [`check_pin`], at the door where an alarm is stopped: the PIN that says that somebody makes the member type it is
/// right there too, and true comes with it. Both PINs take as long, and count as the same.
pub async fn check_stopping_pin(
    pool: &PgPool,
    desk: &PinDesk,
    member: MemberId,
    route: &str,
    typed: Secret,
    now: DateTime<Utc>,
) -> Result<(PinAnswer, bool), Fault> {
    let (answer, under_duress) =
        count_and_look(pool, desk, Door::OfAlarms, member, route, typed, now).await?;
    counter!("kwastage_pin_checks_total", "route" => route.to_owned(), "answer" => answer.word())
        .increment(1);
    Ok((answer, under_duress))
}

/// What a PIN opens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Ordinary,
    /// Where the PIN under duress is heard as well.
    OfAlarms,
}

async fn count_and_look(
    pool: &PgPool,
    desk: &PinDesk,
    door: Door,
    member: MemberId,
    route: &str,
    typed: Secret,
    now: DateTime<Utc>,
) -> Result<(PinAnswer, bool), Fault> {
    // Nearly everybody comes without a wrong try behind them: one trip counts this one and fetches what to check it against.
    let none_yet = PinGuard::default();
    if let Ok(charged) = none_yet.charge(now)
        && let Some(verifier) = store::charge_first(pool, member, route, charged).await?
    {
        let tried = Tried {
            before: none_yet,
            charged,
            verifier,
        };
        return look(pool, desk, door, member, route, typed, tried).await;
    }
    for _ in 0..MEETINGS {
        let Some((verifier, guard)) = store::pin(pool, member, route).await? else {
            return Ok((nobodys(desk, member, typed).await?, false));
        };
        let charged = match guard.charge(now) {
            Ok(charged) => charged,
            Err(until) => return Ok((PinAnswer::Locked { until }, false)),
        };
        if store::exchange_guard(pool, member, route, guard, charged).await? {
            let tried = Tried {
                before: guard,
                charged,
                verifier,
            };
            return look(pool, desk, door, member, route, typed, tried).await;
        }
    }
    Ok((PinAnswer::Busy, false))
}

/// A try that is counted and committed, and not looked at yet.
struct Tried {
    before: PinGuard,
    charged: PinGuard,
    verifier: Option<PinVerifier>,
}

async fn look(
    pool: &PgPool,
    desk: &PinDesk,
    door: Door,
    member: MemberId,
    route: &str,
    typed: Secret,
    tried: Tried,
) -> Result<(PinAnswer, bool), Fault> {
    let Tried {
        before,
        charged,
        verifier,
    } = tried;
    let looked = match door {
        Door::Ordinary => desk
            .verify(member, verifier, typed)
            .await
            .map(|right| (right, false)),
        Door::OfAlarms => either(desk, member, verifier, typed).await,
    };
    match looked {
        Ok((right, under_duress)) if right || under_duress => {
            store::clear_guard(pool, member, route).await?;
            Ok((PinAnswer::Right, under_duress))
        }
        Ok(_) => Ok((told_wrong(member, route, charged), false)),
        Err(refused) => {
            // Nobody has looked at the PIN. Should another try have been counted meanwhile, this one stays counted.
            store::exchange_guard(pool, member, route, charged, before).await?;
            match refused {
                DeskError::Busy => Ok((PinAnswer::Busy, false)),
                DeskError::Fault(fault) => Err(fault),
            }
        }
    }
}

/// Whether it is the member's PIN, and whether it is the one under duress. Both are always looked at.
async fn either(
    desk: &PinDesk,
    member: MemberId,
    verifier: Option<PinVerifier>,
    typed: Secret,
) -> Result<(bool, bool), DeskError> {
    let own = pin::own_behind(&typed);
    let right = desk.verify(member, verifier.clone(), typed).await?;
    let under_duress = desk.verify(member, verifier, own).await?;
    Ok((right, under_duress && !right))
}

/// The same answer at the same cost where there is no member to count for.
async fn nobodys(desk: &PinDesk, member: MemberId, typed: Secret) -> Result<PinAnswer, Fault> {
    match desk.verify(member, None, typed).await {
        Ok(_) => Ok(PinAnswer::Wrong {
            tries_left: TRIES - 1,
        }),
        Err(DeskError::Busy) => Ok(PinAnswer::Busy),
        Err(DeskError::Fault(fault)) => Err(fault),
    }
}

fn told_wrong(member: MemberId, route: &str, charged: PinGuard) -> PinAnswer {
    let failures = charged.failures;
    match charged.locked_until {
        Some(until) => {
            warn!(target: "security", { member.id = %member, route, failures, %until }, "A wrong PIN has locked the member out on this route");
            PinAnswer::Locked { until }
        }
        None => {
            warn!(target: "security", { member.id = %member, route, failures }, "Wrong PIN");
            PinAnswer::Wrong {
                tries_left: charged.tries_left(),
            }
        }
    }
}

/// What a new PIN of this member must not look like.
pub async fn pin_owner(
    conn: &mut PgConnection,
    keys: &MemberKeys,
    member: MemberId,
) -> Result<Option<PinOwner>, Fault> {
    let Some((msisdn, sealed, birth_date)) = store::sealed_national_id(conn, member).await? else {
        return Ok(None);
    };
    let national_id = NationalId::open(&sealed, &keys.sealing, member)?;
    Ok(Some(PinOwner {
        msisdn,
        national_id: Some(national_id),
        birth_date,
    }))
}

/// Whom to tell that the PIN is a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinChanged {
    pub msisdn: Msisdn,
    pub language: Language,
}

#[derive(Debug, thiserror::Error)]
pub enum ChangePinError {
    #[error("there is no such member")]
    NotFound,
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Serialize)]
struct MemberPinChanged {
    member: MemberId,
}

impl Event for MemberPinChanged {
    const NAME: &'static str = "member.pin_changed";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Keeps a new PIN; wrong tries at the old one are forgotten. The caller has had the old one checked in the same call, or people say
/// who the member is; payouts cool off from the moment this sets.
pub async fn change_pin(
    work: &mut Work,
    member: MemberId,
    verifier: &PinVerifier,
) -> Result<PinChanged, ChangePinError> {
    let now = work.now;
    let (msisdn, language) = store::reach(work.conn(), member)
        .await?
        .ok_or(ChangePinError::NotFound)?;
    store::save_pin(work.conn(), member, verifier, now).await?;
    store::forget_tries(work.conn(), member).await?;
    note_credential_change(work, member, Credential::Pin).await?;
    work.record(MemberPinChanged { member }).await?;
    info!(target: "security", { member.id = %member }, "PIN changed");
    Ok(PinChanged { msisdn, language })
}
