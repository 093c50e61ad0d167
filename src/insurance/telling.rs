//! What holders are told by text.

use chrono::{DateTime, Utc};

use super::cover::{Notice, Period};
use super::policy::Policy;
use super::product::Shelf;
use super::service::paying::Came;
use super::store;
use crate::fault::Fault;
use crate::members::{self, Member, MemberId};
use crate::messages::{self, Class, Message, Values};
use crate::primitives::{Money, nairobi_date};
use crate::work::Work;

/// What became of a premium: the cover with its proof, or that the money is in the wallet. `once` names the payment; `receipt` is
/// its check code.
pub async fn tell_of_premium(
    work: &mut Work,
    shelf: &Shelf,
    came: &Came,
    amount: Money,
    receipt: &str,
    once: &str,
) -> Result<(), Fault> {
    let member = holder(work, &came.policy).await?;
    let (template, values) = match (came.period, came.policy.stage.issued()) {
        (Some(period), Some(issued)) => {
            let values = Values::new()
                .words("product", called(shelf, &came.policy, &member))
                .date("until", nairobi_date(period.ends_at))
                .code("number", issued.number.to_string())
                .code("proof", issued.code.as_str())
                .money("amount", amount - came.to_wallet)
                .code("code", receipt);
            match came.gap {
                None => ("insurance.covered", values),
                Some(Period { starts_at, ends_at }) => (
                    "insurance.covered_after_gap",
                    values
                        .date("gap_from", nairobi_date(starts_at))
                        .date("gap_to", nairobi_date(ends_at)),
                ),
            }
        }
        _ => {
            let values = Values::new()
                .words("product", called(shelf, &came.policy, &member))
                .money("amount", came.to_wallet)
                .code("code", receipt);
            ("insurance.to_wallet", values)
        }
    };
    let message = Message {
        key: Some(format!("premium:{once}:receipt")),
        about: Some(came.policy.id.0),
        ..Message::new(
            member.msisdn,
            member.language,
            Class::Money,
            template,
            values,
        )
    };
    messages::send(work, message).await?;
    Ok(())
}

/// The end of a cover comes near, is here, or has been so long ago that the policy lapsed.
pub(super) async fn tell_of_end(
    work: &mut Work,
    shelf: &Shelf,
    policy: &Policy,
    end: DateTime<Utc>,
    notice: Notice,
) -> Result<(), Fault> {
    let now = work.now;
    let member = holder(work, policy).await?;
    let product = super::service::product_of(shelf, policy)?;
    let values = Values::new()
        .words("product", called(shelf, policy, &member))
        .date("end", nairobi_date(end))
        .money("price", policy.price);
    let (template, values) = match notice {
        Notice::Ending => {
            let cover = store::premiums::cover_of(work.conn(), policy.id).await?;
            let streak = cover.streak(now);
            ("insurance.ending", values.count("streak", streak))
        }
        Notice::Ended if now <= end + product.rules.grace => {
            let hours = product.rules.grace.num_hours();
            let hours = u32::try_from(hours).unwrap_or_default();
            ("insurance.ended_in_grace", values.count("hours", hours))
        }
        Notice::Ended => ("insurance.ended", values),
        Notice::Lapsed => ("insurance.lapsed", values),
    };
    let message = Message {
        key: Some(format!(
            "cover:{}:{}:{}",
            policy.id,
            end.timestamp(),
            notice.as_str()
        )),
        about: Some(policy.id.0),
        ..Message::new(
            member.msisdn,
            member.language,
            Class::Service,
            template,
            values,
        )
    };
    messages::send(work, message).await?;
    Ok(())
}

/// The policy was cancelled, and so much has come back.
pub(super) async fn tell_of_cancelling(
    work: &mut Work,
    shelf: &Shelf,
    policy: &Policy,
    back: Money,
) -> Result<(), Fault> {
    let member = holder(work, policy).await?;
    let values = Values::new().words("product", called(shelf, policy, &member));
    let (template, values) = match back.is_positive() {
        true => ("insurance.cancelled", values.money("amount", back)),
        false => ("insurance.cancelled_without_refund", values),
    };
    let message = Message {
        key: Some(format!("policy:{}:cancelled", policy.id)),
        about: Some(policy.id.0),
        ..Message::new(
            member.msisdn,
            member.language,
            Class::Money,
            template,
            values,
        )
    };
    messages::send(work, message).await?;
    Ok(())
}

async fn holder(work: &mut Work, policy: &Policy) -> Result<Member, Fault> {
    members::load(work.conn(), MemberId(policy.member))
        .await?
        .ok_or_else(|| Fault::broken(format!("the holder of policy {} has gone", policy.id)))
}

fn called(shelf: &Shelf, policy: &Policy, member: &Member) -> String {
    let product = shelf.product(&policy.product);
    product.map_or_else(String::new, |product| {
        product.called.in_language(member.language).to_owned()
    })
}
