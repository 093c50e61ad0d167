//! Somebody at the demo's desk.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use crate::fault::Fault;
use crate::primitives::Secret;
use crate::staff::{self, AccountName, Authenticator, PasswordDesk, Role, StaffKeys};
use crate::work::{Actor, Work};

/// What somebody types to come in.
#[derive(Debug)]
pub struct DeskAccount {
    pub name: &'static str,
    pub password: Secret,
    pub authenticator: Authenticator,
}

const NAME: &str = "demo";
/// Digits count once: it enrols with those before the present ones, so that whoever is quick can sign in at once.
const A_STEP: TimeDelta = TimeDelta::seconds(30);

/// Makes the account with everything it may, or asks its owner in anew. The password is new each time.
pub async fn desk_account(
    pool: &PgPool,
    keys: &StaffKeys,
    desk: &PasswordDesk,
    now: DateTime<Utc>,
) -> Result<DeskAccount, Fault> {
    let told = |why: &dyn std::fmt::Display| Fault::broken(format!("the demo's desk: {why}"));
    let name = AccountName::parse(NAME).map_err(|why| told(&why))?;
    let mut work = Work::begin(pool, now, Actor::System).await?;
    let known = staff::account_by_name(work.conn(), &name).await?;
    let invited = match known {
        Some(account) => staff::invite_again(&mut work, account.id).await,
        None => staff::invite(&mut work, &name, Role::SuperAdmin, None).await,
    };
    let word = invited.map_err(|why| told(&why))?.word;
    let begun = staff::begin_enrolment(&mut work, keys, &word).await;
    let authenticator = begun.map_err(|why| told(&why))?.authenticator;
    let random: [u8; 6] = rand::random();
    let password = Secret::new(format!("pikipiki-{}", hex::encode(random)));
    let code = authenticator.code_at(now - A_STEP)?;
    let enrolled = staff::enrol(&mut work, keys, desk, &word, password.clone(), &code).await;
    enrolled.map_err(|why| told(&why))?;
    work.commit().await?;
    Ok(DeskAccount {
        name: NAME,
        password,
        authenticator,
    })
}
