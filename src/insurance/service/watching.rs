//! What time does to policies: reminders, the warning of a gap, and lapsing. It looks at how things stand and not at what was
//! missed, so that a look that came late, twice or not at all does no harm.

use serde::Serialize;
use uuid::Uuid;

use super::product_of;
use crate::events::Event;
use crate::fault::Fault;
use crate::insurance::cover::{self, Notice};
use crate::insurance::policy::{Policy, PolicyId, Stage};
use crate::insurance::product::Shelf;
use crate::insurance::store;
use crate::insurance::telling;
use crate::work::Work;

/// Looks at the policies whose time has come, at most so many, and says how many there were.
pub async fn attend_due(work: &mut Work, shelf: &Shelf, limit: i64) -> Result<usize, Fault> {
    let now = work.now;
    let due = store::policies::due(work.conn(), now, limit).await?;
    for id in &due {
        let policy = store::policies::lock(work.conn(), *id).await?;
        let policy = policy.ok_or_else(|| Fault::broken(format!("policy {id} has gone")))?;
        attend(work, shelf, policy).await?;
    }
    Ok(due.len())
}

/// The policy's row is held: a premium that came in before has moved the end, and one that comes later brings it back.
async fn attend(work: &mut Work, shelf: &Shelf, policy: Policy) -> Result<(), Fault> {
    let now = work.now;
    let rules = product_of(shelf, &policy)?.rules;
    let end = store::premiums::last_end(work.conn(), policy.id).await?;
    let (Some(end), Stage::Active { .. }) = (end, &policy.stage) else {
        return store::policies::save(work.conn(), &policy, None).await;
    };
    let look = cover::look(end, &rules, now);
    let policy = match look.say {
        Some(Notice::Lapsed) => {
            let lapsed = policy
                .lapse(now)
                .map_err(|why| Fault::broken(format!("a policy to lapse: {why}")))?;
            work.record(PolicyLapsed { policy: lapsed.id }).await?;
            lapsed
        }
        _ => policy,
    };
    store::policies::save(work.conn(), &policy, look.again_at).await?;
    let Some(notice) = look.say else {
        return Ok(());
    };
    if store::policies::note_notice(work.conn(), policy.id, end, notice, now).await? {
        telling::tell_of_end(work, shelf, &policy, end, notice).await?;
    }
    Ok(())
}

#[derive(Serialize)]
struct PolicyLapsed {
    policy: PolicyId,
}

impl Event for PolicyLapsed {
    const NAME: &'static str = "insurance.lapsed";
    fn subject(&self) -> Uuid {
        self.policy.0
    }
}
