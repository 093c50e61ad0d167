//! Members who offered to come when somebody of their stage is hurt.

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::MemberId;
use super::store;
use super::words::Name;
use crate::events::Event;
use crate::fault::Fault;
use crate::primitives::{Language, Msisdn};
use crate::stages::StageId;
use crate::work::Work;

/// When a member may be asked to help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Helping {
    Never,
    ByDay,
    /// At night as well.
    Always,
}

/// A member who offered to help, and how to reach them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    pub id: MemberId,
    pub first_name: Name,
    pub msisdn: Msisdn,
    pub language: Language,
    /// May be asked at night too.
    pub nights: bool,
}

#[derive(Serialize)]
struct MemberHelps {
    member: MemberId,
    helping: Helping,
}

impl Event for MemberHelps {
    const NAME: &'static str = "member.helps";
    fn subject(&self) -> Uuid {
        self.member.0
    }
}

/// Keeps whether this member may be asked to help. The same again changes nothing.
pub async fn offer_help(work: &mut Work, member: MemberId, helping: Helping) -> Result<(), Fault> {
    let now = work.now;
    if store::save_helping(work.conn(), member, helping, now).await? {
        work.record(MemberHelps { member, helping }).await?;
    }
    Ok(())
}

/// Whether this member may be asked to help.
pub async fn helping(conn: &mut PgConnection, member: MemberId) -> Result<Helping, Fault> {
    store::helping(conn, member).await
}

/// The active members of this stage who offered to help. Who offered last is first: they are the likeliest to mean it
/// still.
pub async fn helpers_of(conn: &mut PgConnection, stage: StageId) -> Result<Vec<Helper>, Fault> {
    store::helpers_of(conn, stage).await
}

impl Helping {
    pub fn parse(word: &str) -> Option<Helping> {
        match word {
            "never" => Some(Helping::Never),
            "by_day" => Some(Helping::ByDay),
            "always" => Some(Helping::Always),
            _ => None,
        }
    }
}
