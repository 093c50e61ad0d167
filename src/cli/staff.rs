//! `kwastage staff`: who may sign in at the desk.

use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::{Subcommand, ValueEnum};

use super::members::begin;
use crate::app::App;
use crate::audit::{self, Act};
use crate::clock::Clock;
use crate::config::Config;
use crate::primitives::NAIROBI;
use crate::staff::{self, Account, AccountName, Authenticator, Change, Invitation, Role};
use crate::stages::{self, StageCode};
use crate::work::Work;

#[derive(Debug, Subcommand)]
pub enum Staff {
    /// Makes an account and prints the word its owner enrols with.
    Add {
        /// 3 to 32 small letters, digits, dots, dashes or underscores.
        name: String,
        #[arg(long, value_enum)]
        role: Post,
        /// The code of the stage that an official or a coordinator works for.
        #[arg(long)]
        stage: Option<String>,
    },
    /// Asks somebody in anew who has lost the password or the authenticator.
    Reset { name: String },
    /// Gives an account another role.
    Change {
        name: String,
        #[arg(long, value_enum)]
        role: Post,
        #[arg(long)]
        stage: Option<String>,
    },
    /// Shuts an account; whatever it has open is ended at once.
    Disable { name: String },
    /// Opens a shut account again.
    Enable { name: String },
    /// Prints what an authenticator with this secret shows now, for the demo and for who has no app at hand.
    Digits { secret: String },
    /// Lists the accounts.
    List,
}

/// A role as it is written at the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Post {
    SuperAdmin,
    Admin,
    Finance,
    Staff,
    Assessor,
    StageOfficial,
    Coordinator,
    Viewer,
}

impl From<Post> for Role {
    fn from(post: Post) -> Role {
        match post {
            Post::SuperAdmin => Role::SuperAdmin,
            Post::Admin => Role::Admin,
            Post::Finance => Role::Finance,
            Post::Staff => Role::Staff,
            Post::Assessor => Role::Assessor,
            Post::StageOfficial => Role::StageOfficial,
            Post::Coordinator => Role::Coordinator,
            Post::Viewer => Role::Viewer,
        }
    }
}

pub async fn run(config: Arc<Config>, asked: Staff) -> anyhow::Result<()> {
    if let Staff::Digits { secret } = &asked {
        let authenticator = Authenticator::from_base32(secret).context("not a secret")?;
        println!("{}", authenticator.code_at(Clock::System.now())?.expose());
        return Ok(());
    }
    let app = App::build(config, Clock::System).await?;
    if let Staff::List = asked {
        return list(&app).await;
    }
    let mut work = begin(&app).await?;
    match asked {
        Staff::List | Staff::Digits { .. } => {}
        Staff::Add { name, role, stage } => {
            let name = AccountName::parse(&name)?;
            let stage = stage_of(&mut work, stage.as_deref()).await?;
            let invited = staff::invite(&mut work, &name, role.into(), stage).await?;
            note(&mut work, "staff.invite", &invited.account).await?;
            work.commit().await?;
            tell(&invited);
        }
        Staff::Reset { name } => {
            let account = find(&mut work, &name).await?;
            let invited = staff::invite_again(&mut work, account.id).await?;
            note(&mut work, "staff.invite_again", &invited.account).await?;
            work.commit().await?;
            tell(&invited);
        }
        Staff::Change { name, role, stage } => {
            let stage = stage_of(&mut work, stage.as_deref()).await?;
            let post = Some((role.into(), stage));
            let account = change(
                &mut work,
                &name,
                Change {
                    post,
                    enabled: None,
                },
            )
            .await?;
            work.commit().await?;
            println!("{} is {} now.", account.name, account.role.as_str());
        }
        Staff::Disable { name } => set_enabled(work, &name, false).await?,
        Staff::Enable { name } => set_enabled(work, &name, true).await?,
    }
    Ok(())
}

async fn list(app: &App) -> anyhow::Result<()> {
    const PAGE: i64 = 100;
    let mut conn = app.pool.acquire().await?;
    let mut after = String::new();
    loop {
        let accounts = staff::accounts(&mut conn, &after, PAGE).await?;
        for account in &accounts {
            let stage = match account.stage {
                Some(stage) => stages::find(&mut conn, stage).await?,
                None => None,
            };
            let stage = stage
                .map(|stage| format!(" of {}", stage.name))
                .unwrap_or_default();
            println!(
                "{}  {}{stage}  {}",
                account.name,
                account.role.as_str(),
                account.state.as_str()
            );
        }
        match accounts.last() {
            Some(last) => after.clone_from(&last.name),
            None => return Ok(()),
        }
    }
}

async fn set_enabled(mut work: Work, name: &str, enabled: bool) -> anyhow::Result<()> {
    let change_it = Change {
        post: None,
        enabled: Some(enabled),
    };
    let account = change(&mut work, name, change_it).await?;
    work.commit().await?;
    println!("{} is {}.", account.name, account.state.as_str());
    Ok(())
}

async fn change(work: &mut Work, name: &str, wanted: Change) -> anyhow::Result<Account> {
    let account = find(work, name).await?;
    // Whoever sits at the house's own terminal may all of it.
    let (_, after) = staff::change(work, None, account.id, None, wanted).await?;
    note(work, "staff.change", &after).await?;
    Ok(after)
}

async fn find(work: &mut Work, name: &str) -> anyhow::Result<Account> {
    let account = staff::account_by_name(work.conn(), &AccountName::parse(name)?).await?;
    account.with_context(|| format!("no account is called {name}"))
}

async fn stage_of(work: &mut Work, code: Option<&str>) -> anyhow::Result<Option<stages::StageId>> {
    let Some(code) = code else {
        return Ok(None);
    };
    let stage = stages::find_by_code(work.conn(), &StageCode::parse(code)?).await?;
    ensure!(stage.is_some(), "no stage has the code {code}");
    Ok(stage.map(|stage| stage.id))
}

async fn note(work: &mut Work, action: &'static str, account: &Account) -> anyhow::Result<()> {
    let after = (account.name.as_str(), account.role, account.state);
    let act = Act::on(action, "staff", account.id)
        .at(account.stage)
        .after(&after)?;
    Ok(audit::write(work, &super::members::trail(), act).await?)
}

fn tell(invited: &Invitation) {
    let until = invited.until.with_timezone(&NAIROBI).format("%d/%m %H:%M");
    println!(
        "{} may enrol until {until} with the word",
        invited.account.name
    );
    println!("  {}", invited.word.expose());
    println!("at /docs: POST /enrolments, then POST /enrolments/confirmations.");
}
