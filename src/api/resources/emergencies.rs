//! The board of alarms, and the file of each.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::stages::{self, Named, StageRef};
use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::page::Page;
use crate::api::reading::{Body, Fields, Path};
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::audit::Act;
use crate::emergencies::{self, CaseFile, Look, Responder};
use crate::http::Problem;
use crate::staff::Permission;

/// Ended cases stay on the board for so long.
const ENDED_ARE_SHOWN: TimeDelta = TimeDelta::hours(24);

pub(super) fn resource() -> Resource {
    Resource::of("emergencies", "The board of alarms, and the file of each.")
        .route(Access::Needs(Permission::ReadEmergencies), routes!(board))
        .route(Access::Needs(Permission::ReadEmergencies), routes!(show))
        .route(Access::Needs(Permission::NoteEmergencies), routes!(note))
        .route(Access::Needs(Permission::CloseEmergencies), routes!(close))
}

#[derive(Serialize, ToSchema)]
struct CaseView {
    id: Uuid,
    /// What people say and text.
    #[schema(example = 42)]
    number: i64,
    #[schema(example = "E-2026-00042")]
    long_number: String,
    /// `reported`, `acknowledged`, `responding`, `resolved`, `closed`, `cancelled` or `joined`.
    #[schema(example = "acknowledged")]
    state: &'static str,
    #[schema(example = "critical")]
    priority: &'static str,
    /// None while nobody has said what happened.
    #[schema(example = "accident")]
    kind: Option<&'static str>,
    #[schema(example = "City Market")]
    place: Option<String>,
    stage: Option<StageRef>,
    /// The first name, where they are a member.
    reporter: Option<String>,
    /// Masked.
    #[schema(example = "2547•••001")]
    phone: String,
    injured: Option<i32>,
    /// Nothing on the reporter's phone may show that an alarm was raised.
    silent: bool,
    needed: i32,
    /// How many phones were alerted.
    alerted: usize,
    on_it: Vec<ResponderView>,
    raised_at: DateTime<Utc>,
    acknowledged_at: Option<DateTime<Utc>>,
    responding_at: Option<DateTime<Utc>>,
    resolved_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, ToSchema)]
struct ResponderView {
    #[schema(example = "Wambui")]
    first_name: String,
    #[schema(example = "2547•••003")]
    phone: String,
    accepted_at: DateTime<Utc>,
    /// Minutes to the place, as they said.
    minutes: Option<i32>,
    arrived_at: Option<DateTime<Utc>>,
    left_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, ToSchema)]
struct CaseFileView {
    case: CaseView,
    /// Everybody who is or was on it.
    responders: Vec<ResponderView>,
    /// What happened and what was said, oldest first.
    timeline: Vec<LineView>,
}

#[derive(Serialize, ToSchema)]
struct LineView {
    at: DateTime<Utc>,
    /// A word such as `accepted`, or `sms`.
    #[schema(example = "accepted")]
    what: String,
    /// Masked; null where it was the house's own doing.
    #[schema(example = "2547•••003")]
    who: Option<String>,
    said: Option<String>,
    /// How far a message has come, such as `delivered`.
    state: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    /// 2 to 240 characters.
    #[schema(
        example = "Ambulance from Kenyatta National is on its way",
        min_length = 2,
        max_length = 240
    )]
    words: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Closing {
    /// 5 to 300 characters for the book.
    #[schema(
        example = "the rider is in hospital, the family knows",
        min_length = 5,
        max_length = 300
    )]
    why: String,
}

/// Show the board
///
/// Every alarm that somebody still waits in, and those that ended within a day; oldest first.
#[utoipa::path(get, path = "/emergencies", responses((status = 200, body = Page<CaseView>)))]
async fn board(desk: Desk) -> Result<Json<Page<CaseView>>, Problem> {
    let mut conn = desk.conn().await?;
    let mut looks = emergencies::open_cases(&mut conn, desk.now() - ENDED_ARE_SHOWN).await?;
    looks.retain(|look| desk.officer.sees(look.case.stage));
    let named = stages::named(&mut conn, looks.iter().filter_map(|look| look.case.stage)).await?;
    Ok(Json(Page {
        data: looks
            .into_iter()
            .map(|look| CaseView::of(look, &named))
            .collect(),
        next: None,
    }))
}

/// Show a case file
#[utoipa::path(get, path = "/emergencies/{number}", params(("number" = i64, Path, example = 42)), responses((status = 200, body = CaseFileView)))]
async fn show(desk: Desk, Path(number): Path<i64>) -> Result<Json<CaseFileView>, Problem> {
    let mut conn = desk.conn().await?;
    let file = seen(&desk, &mut conn, number).await?;
    let named = stages::named(&mut conn, file.look.case.stage).await?;
    Ok(Json(CaseFileView::of(file, &named)))
}

/// Write a note into the file
#[utoipa::path(post, path = "/emergencies/{number}/notes", params(("number" = i64, Path, example = 42)), request_body = Note, responses((status = 201)))]
async fn note(
    desk: Desk,
    Path(number): Path<i64>,
    Body(asked): Body<Note>,
) -> Result<StatusCode, Problem> {
    let mut fields = Fields::default();
    let Some(words) = fields.text("words", &asked.words, 2..=240) else {
        return Err(fields.refused());
    };
    let mut deed = desk.begin().await?;
    let file = seen(&desk, deed.work.conn(), number).await?;
    let author = &desk.officer.name;
    if !emergencies::note_from_desk(&mut deed.work, number, author, &words).await? {
        return Err(refusals::not_found("emergency"));
    }
    let act = Act::on("emergency.note", "emergency", number).at(file.look.case.stage);
    deed.commit(act.after(&words)?).await?;
    Ok(StatusCode::CREATED)
}

/// Close an alarm that has been dealt with
#[utoipa::path(post, path = "/emergencies/{number}/closure", params(("number" = i64, Path, example = 42)), request_body = Closing, responses((status = 200, body = CaseFileView)))]
async fn close(
    desk: Desk,
    Path(number): Path<i64>,
    Body(asked): Body<Closing>,
) -> Result<Json<CaseFileView>, Problem> {
    let mut fields = Fields::default();
    let Some(why) = fields.text("why", &asked.why, 5..=300) else {
        return Err(fields.refused());
    };
    let mut deed = desk.begin().await?;
    let before = seen(&desk, deed.work.conn(), number).await?;
    if !emergencies::close(&mut deed.work, number).await? {
        return Err(refusals::conflict(
            "not_open",
            "This alarm has ended already.",
        ));
    }
    let after = seen(&desk, deed.work.conn(), number).await?;
    let act = Act::on("emergency.close", "emergency", number).at(after.look.case.stage);
    let act = act
        .before(&before.look.case.state)?
        .after(&after.look.case.state)?;
    let named = stages::named(deed.work.conn(), after.look.case.stage).await?;
    deed.commit(act.why(why)).await?;
    Ok(Json(CaseFileView::of(after, &named)))
}

/// The case of a number, where it is theirs to see.
async fn seen(desk: &Desk, conn: &mut PgConnection, number: i64) -> Result<CaseFile, Problem> {
    let file = emergencies::file_of(conn, number).await?;
    let file = file.ok_or_else(|| refusals::not_found("emergency"))?;
    desk.sees(file.look.case.stage, "emergency")?;
    Ok(file)
}

impl CaseView {
    fn of(look: Look, named: &Named) -> CaseView {
        let case = look.case;
        CaseView {
            id: case.id.0,
            number: case.number.serial,
            long_number: case.number.to_string(),
            state: case.state.as_str(),
            priority: case.priority.as_str(),
            kind: case.kind.map(|kind| kind.as_str()),
            place: case.place,
            stage: case.stage.and_then(|stage| named.get(&stage).cloned()),
            reporter: look.reporter.map(|(name, _)| name),
            phone: case.msisdn.to_string(),
            injured: case.injured,
            silent: case.silent,
            needed: case.needed,
            alerted: look.alerted.len(),
            on_it: look.people.into_iter().map(ResponderView::from).collect(),
            raised_at: case.raised_at,
            acknowledged_at: case.acknowledged_at,
            responding_at: case.responding_at,
            resolved_at: case.resolved_at,
        }
    }
}

impl CaseFileView {
    fn of(file: CaseFile, named: &Named) -> CaseFileView {
        let entries = file.entries.into_iter().map(|entry| LineView {
            at: entry.at,
            what: entry.what,
            who: entry.who.map(|phone| phone.to_string()),
            said: entry.said,
            state: None,
        });
        let messages = file.messages.into_iter().map(|message| LineView {
            at: message.at,
            what: "sms".to_owned(),
            who: Some(message.to.to_string()),
            said: Some(message.template),
            state: Some(message.state),
        });
        let mut timeline: Vec<LineView> = entries.chain(messages).collect();
        timeline.sort_by_key(|line| line.at);
        CaseFileView {
            case: CaseView::of(file.look, named),
            responders: file
                .responders
                .into_iter()
                .map(ResponderView::from)
                .collect(),
            timeline,
        }
    }
}

impl From<Responder> for ResponderView {
    fn from(one: Responder) -> ResponderView {
        ResponderView {
            first_name: one.first_name,
            phone: one.msisdn.to_string(),
            accepted_at: one.accepted_at,
            minutes: one.minutes,
            arrived_at: one.arrived_at,
            left_at: one.left_at,
        }
    }
}
