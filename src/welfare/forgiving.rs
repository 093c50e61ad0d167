//! Forgiving arrears: of one member, or of everybody at a stage. What it comes to is worked out once, for each member, and stays.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::plans::of_stage;
use super::store::{self, forgiving, plans::lock_stage};
use super::waiver::{Because, Forgiven, waived};
use crate::events::Event;
use crate::fault::Fault;
use crate::primitives::{MaskedName, Money, nairobi_date};
use crate::work::Work;

/// What somebody in charge forgives.
#[derive(Clone, Debug)]
pub struct Forgive {
    /// Names the deed: the same again is the same forgiveness.
    pub id: Uuid,
    pub stage: i32,
    /// Everybody at the stage where nobody is named.
    pub member: Option<Uuid>,
    pub what: Forgiven,
    pub because: Because,
    pub by: Forgiver,
}

/// Who forgives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgiver {
    /// An official of the stage; that they are one, their caller has made sure of.
    Official(Uuid),
    /// Somebody at the command line.
    Staff(String),
}

/// What was forgiven, in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgave {
    pub id: Uuid,
    pub members: Vec<(Uuid, Money)>,
    /// False when it had been done before.
    pub fresh: bool,
}

/// Why nothing was forgiven.
#[derive(Debug, thiserror::Error)]
pub enum ForgiveError {
    #[error("nobody meant by this owes anything")]
    NothingOwed,
    #[error("nobody forgives their own arrears")]
    Oneself,
    #[error("that is not an amount somebody can be forgiven")]
    Amount,
    #[error("the member is not of this stage")]
    OtherStage,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// One line of what was forgiven at a stage, as every member may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgivenLine {
    pub at: DateTime<Utc>,
    /// Nobody where it was for the whole stage.
    pub person: Option<MaskedName>,
    pub members: i64,
    pub amount: Money,
    pub because: String,
}

impl Forgave {
    pub fn total(&self) -> Money {
        self.members.iter().map(|(_, amount)| *amount).sum()
    }
}

/// Forgives arrears as they stand now. An official who forgives a whole stage is left out of it.
pub async fn forgive(work: &mut Work, forgive: Forgive) -> Result<Forgave, ForgiveError> {
    let by_member = match &forgive.by {
        Forgiver::Official(member) => Some(*member),
        Forgiver::Staff(_) => None,
    };
    if forgive.member.is_some() && forgive.member == by_member {
        return Err(ForgiveError::Oneself);
    }
    if let Forgiven::Amount(amount) = forgive.what
        && !(MIN..=MAX).contains(&amount.cents())
    {
        return Err(ForgiveError::Amount);
    }
    lock_stage(work.conn(), forgive.stage).await?;
    let known = forgiving::waivers_of(work.conn(), forgive.id).await?;
    if !known.is_empty() {
        return Ok(Forgave {
            id: forgive.id,
            members: known,
            fresh: false,
        });
    }
    let today = nairobi_date(work.now);
    let everybody = store::everybody(work.conn(), forgive.stage, forgive.member).await?;
    if forgive.member.is_some() && everybody.is_empty() {
        return Err(ForgiveError::OtherStage);
    }
    let members: Vec<(Uuid, Money)> = everybody
        .into_iter()
        .filter(|(member, _)| Some(*member) != by_member)
        .map(|(member, facts)| {
            let since = nairobi_date(facts.approved_at);
            let given = waived(forgive.what, &facts.schedule, since, facts.settled(), today);
            (member, given)
        })
        .filter(|(_, given)| given.is_positive())
        .collect();
    if members.is_empty() {
        return Err(ForgiveError::NothingOwed);
    }
    let now = work.now;
    // A day that has not come is forgiven as far as anything fell due.
    let what = match forgive.what {
        Forgiven::Through(day) => Forgiven::Through(day.min(today)),
        amount => amount,
    };
    forgiving::insert(
        work.conn(),
        &Forgive {
            what,
            ..forgive.clone()
        },
        now,
    )
    .await?;
    forgiving::insert_waivers(work.conn(), forgive.id, &members, by_member).await?;
    let forgave = Forgave {
        id: forgive.id,
        members,
        fresh: true,
    };
    work.record(ArrearsForgiven {
        stage: forgive.stage,
        member: forgive.member,
        forgiveness: forgive.id,
        members: forgave.members.len(),
        cents: forgave.total().cents(),
    })
    .await?;
    Ok(forgave)
}

/// Everything that was ever forgiven to a member.
pub async fn forgiven_to(conn: &mut PgConnection, member: Uuid) -> Result<Money, Fault> {
    forgiving::forgiven_to(conn, member).await
}

/// What was forgiven at a stage last, newest first.
pub async fn forgiven_at(
    conn: &mut PgConnection,
    stage: i32,
    limit: i64,
) -> Result<Vec<ForgivenLine>, Fault> {
    forgiving::lines(conn, stage, limit).await
}

/// How many at a stage are behind, and by how much together; one of them may be left out.
pub async fn arrears_at(
    conn: &mut PgConnection,
    stage: i32,
    but: Option<Uuid>,
    today: NaiveDate,
) -> Result<(usize, Money), Fault> {
    let everybody = store::everybody(conn, stage, None).await?;
    let behind: Vec<Money> = everybody
        .into_iter()
        .filter(|(member, _)| Some(*member) != but)
        .map(|(_, facts)| {
            let since = nairobi_date(facts.approved_at);
            let (schedule, settled) = (&facts.schedule, facts.settled());
            waived(everything(today), schedule, since, settled, today)
        })
        .filter(|by| by.is_positive())
        .collect();
    Ok((behind.len(), behind.into_iter().sum()))
}

/// A day of which everything is arrears by now: all of what somebody owes.
pub fn everything(today: NaiveDate) -> Forgiven {
    Forgiven::Through(today.pred_opt().unwrap_or(today))
}

/// A shilling, and a million of them, in cents.
const MIN: i64 = 100;
const MAX: i64 = 100_000_000;

#[derive(Serialize)]
struct ArrearsForgiven {
    stage: i32,
    member: Option<Uuid>,
    forgiveness: Uuid,
    members: usize,
    cents: i64,
}

impl Event for ArrearsForgiven {
    const NAME: &'static str = "welfare.forgiven";
    fn subject(&self) -> Uuid {
        self.member.unwrap_or_else(|| of_stage(self.stage))
    }
}
