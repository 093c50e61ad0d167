//! Who is calling, as known when the session opened.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::emergencies;
use crate::fault::Fault;
use crate::members::{self, AtDial, DialledMember, MemberId, StatusWord};
use crate::menu::{self, Menus, Moved, Name, Opening, Session};
use crate::primitives::{Language, Msisdn, nairobi_date};
use crate::stages::StageId;

/// Looking the caller up may take this part of a hop's budget: whoever raises an alarm with the dial needs the rest.
const PART_OF_THE_BUDGET: u32 = 4;

/// What a session remembers of its caller, so that later hops need not ask again. Deeds ask again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    pub(super) member: Option<CallingMember>,
    language: Option<Language>,
    /// The database was away at the dial.
    offline: bool,
    /// Open cases this phone was alerted to.
    #[serde(default)]
    cases: i64,
}

/// A caller who is a member, whatever their status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallingMember {
    pub id: MemberId,
    pub stage: StageId,
    first_name: String,
    stage_name: String,
    number: String,
    status: StatusWord,
    fee_paid: bool,
    /// Answers the emergencies of a stage, on duty or off.
    #[serde(default)]
    coordinates: bool,
    /// Absent in sessions of the release before.
    #[serde(default)]
    is_official: bool,
    /// Was refused so long ago that they may ask again, like anybody.
    #[serde(default)]
    may_ask_again: bool,
}

impl CallingMember {
    pub(super) fn stage_name(&self) -> &str {
        &self.stage_name
    }
}

impl Caller {
    /// As they chose it; none of a phone nobody knows, or whom nobody can look up.
    pub fn language(&self) -> Option<Language> {
        self.language
    }

    /// One query about the phone. With the database away the caller is nobody we know, and may still raise an alarm.
    pub async fn at_dial(app: &App, msisdn: &Msisdn) -> Caller {
        // A task of its own: a question that is not answered in time is asked to its end, and its connection stays whole.
        let asking = tokio::spawn({
            let (app, msisdn) = (app.clone(), msisdn.clone());
            async move { Caller::known(&app, &msisdn).await }
        });
        let patience = app.config.ussd.hop_budget / PART_OF_THE_BUDGET;
        let known = match tokio::time::timeout(patience, asking).await {
            Ok(Ok(known)) => known,
            Ok(Err(_broken)) => Err(Fault::broken("the question broke")),
            Err(_elapsed) => Err(Fault::broken("Postgres does not answer in time")),
        };
        match known {
            Ok(caller) => caller,
            Err(fault) => {
                tracing::error!(%fault, "Nobody can be looked up at a dial");
                Caller {
                    member: None,
                    language: None,
                    offline: true,
                    cases: 0,
                }
            }
        }
    }

    async fn known(app: &App, msisdn: &Msisdn) -> Result<Caller, Fault> {
        let mut conn = app.pool.acquire().await?;
        let at_dial = members::at_dial(&mut conn, msisdn).await?;
        let cases = emergencies::asked_count(&mut conn, msisdn).await?;
        Ok(match at_dial {
            AtDial::Member(member) => Caller {
                language: Some(member.language),
                member: Some(CallingMember::at(*member, app.clock.now())),
                offline: false,
                cases,
            },
            AtDial::Stranger { language } => Caller {
                language,
                member: None,
                offline: false,
                cases,
            },
        })
    }

    /// The first screen of a call.
    pub fn open(&self, app: &App, menus: &Menus, shelved: Option<Session>) -> Moved {
        let mut globals: Vec<(Name, String)> = vec![
            ("code".into(), app.config.ussd.code.clone()),
            (
                "fee".into(),
                app.config.fees.registration.as_decimal().to_string(),
            ),
        ];
        let mut conditions = Vec::new();
        if let Some(member) = &self.member {
            globals.push(("name".into(), member.first_name.clone()));
            globals.push(("stage".into(), member.stage_name.clone()));
            globals.push(("member_no".into(), member.number.clone()));
            conditions.extend(member.conditions());
        }
        globals.push(("open_cases".into(), self.cases.to_string()));
        if self.cases > 0 {
            conditions.push("has_cases");
        }
        if self.offline {
            conditions.push("offline");
        }
        let language = self.language.unwrap_or_else(|| menus.default_language());
        menu::open(
            menus,
            Opening {
                language,
                today: nairobi_date(app.clock.now()),
                conditions: &conditions,
                globals,
                shelved,
            },
        )
    }
}

impl CallingMember {
    fn conditions(&self) -> impl Iterator<Item = &'static str> {
        let fee_due =
            !self.fee_paid && matches!(self.status, StatusWord::Pending | StatusWord::Approved);
        [
            ("registered", !self.may_ask_again),
            (
                "refused",
                self.status == StatusWord::Refused && !self.may_ask_again,
            ),
            ("active", self.status == StatusWord::Active),
            ("suspended", self.status == StatusWord::Suspended),
            ("fee_due", fee_due),
            ("coordinator", self.coordinates),
            (
                "official",
                self.is_official && self.status == StatusWord::Active,
            ),
        ]
        .into_iter()
        .filter_map(|(condition, holds)| holds.then_some(condition))
    }
}

impl CallingMember {
    fn at(member: DialledMember, now: DateTime<Utc>) -> CallingMember {
        let refused_at = member.refused_at;
        CallingMember {
            id: member.id,
            stage: member.stage,
            first_name: member.first_name.as_str().to_owned(),
            stage_name: member.stage_name,
            number: member
                .number
                .map(|number| number.to_string())
                .unwrap_or_default(),
            status: member.status,
            fee_paid: member.fee_paid,
            coordinates: member.coordinates,
            is_official: member.is_official,
            may_ask_again: refused_at.is_some_and(|at| at + members::ASKS_AGAIN_AFTER <= now),
        }
    }
}
