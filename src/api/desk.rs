//! The officer at the desk: what a handler has at hand.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use sqlx::Postgres;
use sqlx::pool::PoolConnection;

use super::arriving::Caller;
use super::deed::Deed;
use super::refusals;
use crate::app::App;
use crate::audit::{Actor, Trail};
use crate::fault::Fault;
use crate::http::Problem;
use crate::staff::{AccountId, Device, Officer, SessionId, Standing};
use crate::stages::StageId;
use crate::work::Work;

/// Somebody who was let through, and the house around them.
pub(super) struct Desk {
    pub app: App,
    pub officer: Officer,
    pub door: Door,
}

/// Where a request comes from, signed in or not.
pub(super) struct Door {
    pub app: App,
    pub device: Device,
    pub now: DateTime<Utc>,
    request: Option<uuid::Uuid>,
}

impl FromRequestParts<App> for Door {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Door, Problem> {
        let caller = parts.extensions.get::<Caller>();
        let caller = caller
            .ok_or_else(|| Problem::from(Fault::broken("a request nobody has seen arrive")))?;
        Ok(Door {
            app: app.clone(),
            device: caller.device.clone(),
            now: caller.now,
            request: caller.request,
        })
    }
}

impl FromRequestParts<App> for Desk {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Desk, Problem> {
        let door = Door::from_request_parts(parts, app).await?;
        let caller = parts.extensions.get::<Caller>();
        let officer = caller.and_then(|caller| caller.officer.clone());
        Ok(Desk {
            app: app.clone(),
            officer: officer.ok_or_else(refusals::not_signed_in)?,
            door,
        })
    }
}

impl Door {
    /// A transaction for something that nobody does under their name yet, such as signing in.
    pub async fn begin(&self) -> Result<Work, Problem> {
        let actor = crate::work::Actor::System;
        Ok(Work::begin(&self.app.pool, self.now, actor).await?)
    }

    /// Who did it and from where, for the book.
    pub fn trail(&self, actor: Actor) -> Trail {
        Trail {
            actor,
            address: Some(self.device.address.clone()),
            request: self.request,
        }
    }
}

impl Desk {
    /// For mere reads.
    pub async fn conn(&self) -> Result<PoolConnection<Postgres>, Problem> {
        Ok(self.app.pool.acquire().await.map_err(Fault::from)?)
    }

    /// For whatever changes something: committing it takes saying what was done.
    pub async fn begin(&self) -> Result<Deed, Problem> {
        let actor = crate::work::Actor::Staff {
            name: self.officer.name.clone(),
        };
        let work = Work::begin(&self.app.pool, self.door.now, actor).await?;
        Ok(Deed::new(work, self.trail()))
    }

    fn trail(&self) -> Trail {
        let (id, name) = (self.officer.id, self.officer.name.clone());
        let actor = match self.officer.standing {
            Standing::Person { .. } => Actor::Person { id, name },
            Standing::Key { .. } => Actor::Key { id, name },
        };
        self.door.trail(actor)
    }

    /// Goes on if something of this stage is theirs to see; otherwise it does not exist.
    pub fn sees(&self, stage: Option<StageId>, what: &'static str) -> Result<(), Problem> {
        if self.officer.sees(stage) {
            Ok(())
        } else {
            Err(refusals::not_found(what))
        }
    }

    /// The person and their session. Routes for people only let nobody else through.
    pub fn person(&self) -> Result<(AccountId, SessionId), Problem> {
        let session = self.officer.session();
        let session = session.ok_or_else(refusals::not_signed_in)?;
        Ok((AccountId(self.officer.id), session))
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.door.now
    }
}
