//! Many are hurt: the people of one stage will not do, and nobody waits to find that out.

use super::alerting::{Recipient, alert};
use super::file;
use super::model::{Case, Rung};
use super::nearby;
use super::store::alerts;
use crate::fault::Fault;
use crate::members::{self, Role};
use crate::stages::{self, Nearness};
use crate::work::Work;

/// From so many hurt people on, zone and region are alerted with the stage.
const MANY: i32 = 5;
/// People of a zone or a region who are told at once: further away, many more are a crowd and not a help.
const FAR_AWAY_MAX: usize = 40;

/// Alerts the coordinators of the zone and the region, and asks the riders nearby, when so many are hurt. Said again, it
/// changes nothing.
pub(super) async fn widen_if_many(work: &mut Work, case: &Case) -> Result<(), Fault> {
    let Some(stage) = case.stage else {
        return Ok(());
    };
    if case.injured.is_none_or(|injured| injured < MANY)
        || file::has(work, case.id, "many_hurt").await?
    {
        return Ok(());
    }
    let said = case.injured.map(|injured| injured.to_string());
    file::note(
        work,
        case.id,
        "many_hurt",
        Some(&case.msisdn),
        said.as_deref(),
    )
    .await?;
    let near = stages::near(work.conn(), stage).await?;
    let reporter = members::at_dial(work.conn(), &case.msisdn).await?;
    for (nearness, rung) in [
        (Nearness::SameZone, Rung::Zone),
        (Nearness::SameRegion, Rung::Region),
    ] {
        let there: Vec<_> = near
            .iter()
            .filter(|(_, how_near)| *how_near == nearness)
            .map(|(stage, _)| *stage)
            .collect();
        let told = alerts::of_case(work.conn(), case.id).await?;
        let mut new: Vec<Recipient> = Vec::new();
        for (_, officer) in
            members::officers_on_duty_at(work.conn(), &there, Role::Coordinator).await?
        {
            let is_known = told.iter().any(|one| one.msisdn == officer.msisdn)
                || new.iter().any(|one| one.msisdn == officer.msisdn)
                || officer.msisdn == case.msisdn;
            if !is_known && new.len() < FAR_AWAY_MAX {
                new.push(Recipient {
                    msisdn: officer.msisdn,
                    language: officer.language,
                    name: Some(officer.first_name.as_str().to_owned()),
                    member: Some(officer.id.0),
                });
            }
        }
        alert(work, case, rung, &new, &reporter).await?;
    }
    nearby::ask_nearby(work, case).await?;
    Ok(())
}
