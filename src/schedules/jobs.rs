//! The ticks that look at due days and at arrears, one member and one transaction after the other. A crash in between leaves the
//! member to be looked at again, and nothing done.

use chrono::{DateTime, Utc};

use super::rule::{self, AboutArrears, Decision, Facts};
use super::service::{self, ArrearsDue, Held, Step, Taken};
use crate::app::App;
use crate::contributing::{
    self, Contribute, ContributeError, Destination, SHILLINGS_MAX, SHILLINGS_MIN, dial_to_pay,
};
use crate::fault::Fault;
use crate::members::{self, Member, MemberId, StatusWord};
use crate::messages::{self, Class, Message, Values};
use crate::payments;
use crate::primitives::{Money, nairobi_date};
use crate::stages;
use crate::welfare::{self, Status};
use crate::work::{Actor, Work};

/// Members one tick looks at: some ten seconds of work. What is left waits for the next.
const AT_ONCE: usize = 2_000;

/// Looks at every schedule that is due.
pub async fn look_at_due_days(app: App) -> Result<(), Fault> {
    for _ in 0..AT_ONCE {
        let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
        let Some(held) = service::hold_next(&mut work).await? else {
            return Ok(());
        };
        look_at_due_day(&app, &mut work, held).await?;
        work.commit().await?;
    }
    Ok(())
}

/// Reminds whoever is a week behind, once a week.
pub async fn remind_of_arrears(app: App) -> Result<(), Fault> {
    let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
    service::watch_newcomers(&mut work).await?;
    work.commit().await?;
    for _ in 0..AT_ONCE {
        let mut work = Work::begin(&app.pool, app.clock.now(), Actor::System).await?;
        let Some(due) = service::next_arrears(&mut work).await? else {
            return Ok(());
        };
        look_at_arrears(&app, &mut work, due).await?;
        work.commit().await?;
    }
    Ok(())
}

async fn look_at_due_day(app: &App, work: &mut Work, held: Held) -> Result<(), Fault> {
    let now = work.now;
    let member = load(work, held.member).await?;
    let due = welfare::due_now(work.conn(), held.member, nairobi_date(now)).await?;
    let done = match due {
        Some(due) => service::done(work.conn(), held.member, due.day).await?,
        None => Vec::new(),
    };
    let mut facts = Facts {
        mode: held.mode,
        since: held.since,
        is_active: member.status.word() == StatusWord::Active,
        due: due.map(|due| (due.day, due.owed)),
        done,
        payment_open: payments::is_anything_open(work.conn(), held.member).await?,
        now,
    };
    let next = match rule::decide(&facts, held.member) {
        Decision::LookAt(at) => at,
        Decision::Remind { due_on, owed } => {
            let values = words(app, work, &member, owed).await?.money("amount", owed);
            let step = step(held, due_on, owed, Taken::Reminded);
            take(work, &member, step, "reminder.due_today", values).await?;
            facts.done.push(rule::Done::Reminded);
            next_look(&facts, held)
        }
        Decision::GiveUp { due_on, owed } => {
            let values = words(app, work, &member, owed).await?.money("amount", owed);
            let step = step(held, due_on, owed, Taken::GaveUp);
            take(work, &member, step, "schedule.gave_up", values).await?;
            facts.done.push(rule::Done::GaveUp);
            next_look(&facts, held)
        }
        Decision::Push {
            due_on,
            owed,
            attempt,
        } => {
            let asked = push(app, work, &member, held, (due_on, owed, attempt)).await?;
            match asked {
                Some(()) => facts.done.push(rule::Done::Pushed {
                    on: nairobi_date(now),
                }),
                // Nothing to be asked for, or not now: the same as a payment that is open.
                None => facts.payment_open = true,
            }
            next_look(&facts, held)
        }
    };
    service::look_again(work, held.member, next).await
}

/// Asks M-PESA, in this transaction: the step and the request are one. None when M-PESA cannot be asked now.
async fn push(
    app: &App,
    work: &mut Work,
    member: &Member,
    held: Held,
    (due_on, owed, attempt): (chrono::NaiveDate, Money, i16),
) -> Result<Option<()>, Fault> {
    let limits = (
        Money::from_shillings(SHILLINGS_MIN),
        Money::from_shillings(SHILLINGS_MAX),
    );
    let Some(amount) = rule::amount_to_ask(owed, limits.0, limits.1) else {
        return Ok(None);
    };
    let asked = Contribute {
        payer: member.msisdn.clone(),
        into: Destination::Fund,
        amount,
        key: format!("schedule:{}:{due_on}:{attempt}", held.member),
        ussd_session: None,
    };
    let requested = match contributing::contribute(work, &app.payment_rules, asked).await {
        Ok(contributing) => contributing.requested,
        Err(ContributeError::Fault(fault)) => return Err(fault),
        // Paid, asked or changed this very moment.
        Err(_) => return Ok(None),
    };
    let stage = stages::find(work.conn(), member.stage).await?;
    let stage = stage.ok_or_else(|| Fault::broken("a member's stage is gone"))?;
    let values = Values::new()
        .money("amount", amount)
        .words("stage", stage.name);
    let payment = requested.obligation.0;
    let step = step(held, due_on, amount, Taken::Pushed { attempt, payment });
    take(work, member, step, "schedule.asking", values).await?;
    Ok(Some(()))
}

fn step(held: Held, due_on: chrono::NaiveDate, amount: Money, taken: Taken) -> Step {
    Step {
        member: held.member,
        choice: held.choice,
        due_on,
        amount,
        taken,
    }
}

/// The step and its words, together.
async fn take(
    work: &mut Work,
    member: &Member,
    step: Step,
    template: &'static str,
    values: Values,
) -> Result<(), Fault> {
    service::take_step(work, step).await?;
    let (name, attempt) = match step.taken {
        Taken::Reminded => ("reminded", 1),
        Taken::Pushed { attempt, .. } => ("pushed", attempt),
        Taken::GaveUp => ("gave_up", 1),
    };
    // A reminder can wait for the morning; the word about a prompt comes with the prompt.
    let class = match step.taken {
        Taken::Pushed { .. } => Class::Money,
        Taken::Reminded | Taken::GaveUp => Class::Service,
    };
    let to = (member.msisdn.clone(), member.language);
    let message = Message {
        key: Some(format!(
            "schedule:{}:{}:{name}:{attempt}",
            step.member, step.due_on
        )),
        about: Some(step.member),
        ..Message::new(to.0, to.1, class, template, values)
    };
    messages::send(work, message).await?;
    Ok(())
}

/// When to look again after something was done; the rule says so itself, knowing what was done.
fn next_look(facts: &Facts, held: Held) -> DateTime<Utc> {
    match rule::decide(facts, held.member) {
        Decision::LookAt(at) => at,
        _ => facts.now + rule::LOOK_AGAIN,
    }
}

async fn look_at_arrears(app: &App, work: &mut Work, due: ArrearsDue) -> Result<(), Fault> {
    let now = work.now;
    let member = load(work, due.member).await?;
    let standing = welfare::standing_of(work.conn(), due.member, nairobi_date(now)).await?;
    let behind = match standing.map(|standing| standing.status) {
        Some(Status::Behind { by, since }) if member.status.word() == StatusWord::Active => {
            Some((by, since))
        }
        _ => None,
    };
    let since = behind.map(|(_, since)| since);
    let about = rule::about_arrears(since, due.reminded_at, due.member, now);
    let (AboutArrears::Remind, Some((by, since))) = (about, behind) else {
        let AboutArrears::LookAt(at) = about else {
            return Err(Fault::broken("a reminder of no arrears"));
        };
        return service::note_arrears(work, due.member, at, false).await;
    };
    let values = words(app, work, &member, by)
        .await?
        .money("arrears", by)
        .date("since", since);
    let message = Message {
        key: Some(format!("arrears:{}:{}", due.member, nairobi_date(now))),
        about: Some(due.member),
        ..Message::new(
            member.msisdn.clone(),
            member.language,
            Class::Service,
            "reminder.behind",
            values,
        )
    };
    messages::send(work, message).await?;
    let next = match rule::about_arrears(Some(since), Some(now), due.member, now) {
        AboutArrears::LookAt(at) => at,
        AboutArrears::Remind => return Err(Fault::broken("reminded twice on one day")),
    };
    service::note_arrears(work, due.member, next, true).await
}

/// The stage, and the one step in which so much is paid.
async fn words(app: &App, work: &mut Work, member: &Member, owed: Money) -> Result<Values, Fault> {
    let stage = stages::find(work.conn(), member.stage).await?;
    let stage = stage.ok_or_else(|| Fault::broken("a member's stage is gone"))?;
    Ok(Values::new()
        .words("stage", stage.name)
        .code("dial", dial_to_pay(&app.config.ussd.code, owed)))
}

async fn load(work: &mut Work, member: uuid::Uuid) -> Result<Member, Fault> {
    members::load(work.conn(), MemberId(member))
        .await?
        .ok_or_else(|| Fault::broken(format!("member {member} has gone")))
}
