//! One voice to many phones, in KwaStage's own name.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::stages;
use crate::api::access::Access;
use crate::api::desk::Desk;
use crate::api::once::{Once, OnceKey};
use crate::api::reading::{Body, Fields};
use crate::api::refusals;
use crate::api::resource::Resource;
use crate::audit::Act;
use crate::broadcasts::{self, Audience, Wording};
use crate::fault::Fault;
use crate::http::Problem;
use crate::primitives::Money;
use crate::staff::Permission;

pub(super) fn resource() -> Resource {
    Resource::of(
        "broadcasts",
        "One voice to many phones, in KwaStage's own name.",
    )
    .route(Access::Needs(Permission::SendBroadcasts), routes!(preview))
    .route(Access::Needs(Permission::SendBroadcasts), routes!(send))
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Broadcast {
    to: To,
    #[serde(default)]
    kind: Kind,
    /// 5 to 220 characters of the text message alphabet.
    #[schema(example = "Meeting at Kencom on Saturday at 10.")]
    words: String,
}

/// Active members only, and nobody who has said STOP.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum To {
    Everyone,
    /// The stage's code.
    Stage(String),
    /// The SACCO's name.
    Sacco(String),
}

/// The lane it travels in.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// What concerns members.
    #[default]
    Notice,
    /// Counted with promotions.
    News,
}

#[derive(Serialize, ToSchema)]
struct PreviewView {
    recipients: u32,
    /// Messages that one person gets.
    segments: u32,
    #[schema(value_type = String, example = "160.80")]
    cost: Money,
    words: String,
}

#[derive(Serialize, ToSchema)]
struct Sent {
    id: Uuid,
    recipients: u32,
    /// When it begins to go out, where that is not now: the end of the quiet hours.
    later: Option<DateTime<Utc>>,
}

/// Preview
///
/// To how many people it would go and what it costs. Nothing is sent.
#[utoipa::path(post, path = "/broadcasts/previews", request_body = Broadcast, responses((status = 200, body = PreviewView)))]
async fn preview(desk: Desk, Body(asked): Body<Broadcast>) -> Result<Json<PreviewView>, Problem> {
    // Dropped at the end: a preview leaves nothing.
    let mut deed = desk.begin().await?;
    let (words, audience) = read(deed.work.conn(), &asked).await?;
    let (rules, templates) = (desk.app.broadcast_rules(), &desk.app.templates);
    let kind = asked.kind.into();
    let preview =
        broadcasts::preview(&mut deed.work, &rules, templates, kind, audience, words).await?;
    Ok(Json(PreviewView {
        recipients: preview.recipients,
        segments: preview.segments,
        cost: preview.cost,
        words: preview.words,
    }))
}

/// Send
#[utoipa::path(post, path = "/broadcasts", params(("idempotency-key" = String, Header, example = "3f1c2a7e-meeting")),
    request_body = Broadcast, responses((status = 201, body = Sent)))]
async fn send(
    desk: Desk,
    key: OnceKey,
    Body(asked): Body<Broadcast>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let mut deed = desk.begin().await?;
    let (words, audience) = read(deed.work.conn(), &asked).await?;
    let once = match Once::claim(&desk, &mut deed, key, "broadcasts.send", &asked).await? {
        Ok(once) => once,
        Err(answer) => return Ok((StatusCode::CREATED, Json(answer))),
    };
    let (rules, templates) = (desk.app.broadcast_rules(), &desk.app.templates);
    let stage = match &audience {
        Audience::Stage(stage) => Some(*stage),
        _ => None,
    };
    let kind = asked.kind.into();
    let confirmed =
        broadcasts::send_from_desk(&mut deed.work, &rules, templates, kind, audience, words)
            .await?;
    let sent = Sent {
        id: confirmed.id.0,
        recipients: confirmed.recipients,
        later: confirmed.later,
    };
    once.answered(&mut deed, &sent).await?;
    let act = Act::on("broadcast.send", "broadcast", confirmed.id).at(stage);
    deed.commit(act.after(&asked)?).await?;
    let sent = serde_json::to_value(sent).map_err(Fault::from)?;
    Ok((StatusCode::CREATED, Json(sent)))
}

async fn read(conn: &mut PgConnection, asked: &Broadcast) -> Result<(Wording, Audience), Problem> {
    let mut fields = Fields::default();
    let Some(words) = fields.read("words", Wording::parse(&asked.words)) else {
        return Err(fields.refused());
    };
    let audience = match &asked.to {
        To::Everyone => Audience::Everyone,
        To::Stage(code) => Audience::Stage(stages::by_code(conn, "to.stage", code).await?.id),
        To::Sacco(name) => match fields.text("to.sacco", name, 2..=60) {
            Some(name) => Audience::Sacco(name),
            None => return Err(fields.refused()),
        },
    };
    let nothing = asked.words.contains('\0');
    if nothing {
        return Err(refusals::invalid().with_field("words", "text only"));
    }
    Ok((words, audience))
}

impl From<Kind> for broadcasts::Kind {
    fn from(kind: Kind) -> broadcasts::Kind {
        match kind {
            Kind::Notice => broadcasts::Kind::Notice,
            Kind::News => broadcasts::Kind::News,
        }
    }
}
