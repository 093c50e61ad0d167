//! Premiums. Each adds a period behind the cover there is, under the policy's row; the same payment again is the same premium.

use chrono::{DateTime, Datelike, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{product_of, refused};
use crate::events::Event;
use crate::fault::Fault;
use crate::insurance::cover::{self, Paid, Period, TERMS_MAX};
use crate::insurance::number::{PolicyNumber, ProofCode};
use crate::insurance::policy::{Issued, NotPayable, Policy, PolicyId};
use crate::insurance::product::Shelf;
use crate::insurance::store;
use crate::insurance::store::premiums::NewPremium;
use crate::ledger::{self, Key, postings::insurance as postings};
use crate::primitives::{Money, nairobi_date};
use crate::wallet::{self, Sent, Source, Spend, SpendError, What};
use crate::work::Work;

/// Where a premium is paid from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PremiumFrom {
    Wallet,
    Mpesa,
}

/// What so many terms cost, and until when they would cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub amount: Money,
    pub terms: u32,
    pub until: DateTime<Utc>,
}

/// Why a premium cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    #[error("the member has no such policy")]
    NoSuchPolicy,
    #[error(transparent)]
    NotPayable(#[from] NotPayable),
    #[error("1 to {TERMS_MAX} terms, and no more money than may be paid at once")]
    TooMany,
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What became of money for a policy.
#[derive(Clone, Debug)]
pub struct Came {
    pub policy: Policy,
    /// None where the policy takes no premium any more.
    pub period: Option<Period>,
    /// There was no cover from the first instant to the second.
    pub gap: Option<Period>,
    /// What paid for nothing and is in the member's wallet.
    pub to_wallet: Money,
}

/// A premium out of the wallet.
#[derive(Clone, Debug)]
pub struct FromWallet {
    pub came: Came,
    pub wallet: Sent,
}

#[derive(Debug, thiserror::Error)]
pub enum PayError {
    #[error(transparent)]
    Price(#[from] PriceError),
    #[error(transparent)]
    Spend(#[from] SpendError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The most that one payment may be: M-PESA's limit, the same out of a wallet.
const AMOUNT_MAX: i64 = 150_000;

/// What so many terms of a member's policy cost now.
pub async fn price_of(
    conn: &mut PgConnection,
    shelf: &Shelf,
    member: Uuid,
    policy: PolicyId,
    terms: u32,
    now: DateTime<Utc>,
) -> Result<Price, PriceError> {
    let held = store::reading::held(&mut *conn, member, policy).await?;
    let policy = held.ok_or(PriceError::NoSuchPolicy)?.policy;
    let until = store::premiums::last_end(conn, policy.id).await?;
    priced(shelf, &policy, until, terms, now)
}

fn priced(
    shelf: &Shelf,
    policy: &Policy,
    until: Option<DateTime<Utc>>,
    terms: u32,
    now: DateTime<Utc>,
) -> Result<Price, PriceError> {
    let rules = &product_of(shelf, policy)?.rules;
    policy.takes_premium(until, rules, now)?;
    let amount = times(policy.price, terms);
    let paid = Paid { at: now, terms };
    let period = cover::next(until, paid, policy.term, rules).ok_or(PriceError::TooMany)?;
    if amount > Money::from_shillings(AMOUNT_MAX) {
        return Err(PriceError::TooMany);
    }
    Ok(Price {
        amount,
        terms,
        until: period.ends_at,
    })
}

/// The member pays for so many terms out of the wallet. A refusal leaves everything as it was.
pub async fn pay_from_wallet(
    work: &mut Work,
    shelf: &Shelf,
    spend: Spend,
    policy: PolicyId,
    terms: u32,
) -> Result<FromWallet, PayError> {
    let wallet = wallet::allowed(work, &spend).await?;
    let locked = store::policies::lock(work.conn(), policy).await?;
    let policy = locked
        .filter(|policy| policy.member == spend.member)
        .ok_or(PriceError::NoSuchPolicy)?;
    let until = store::premiums::last_end(work.conn(), policy.id).await?;
    let price = priced(shelf, &policy, until, terms, work.now)?;
    if price.amount != spend.amount {
        return Err(Fault::broken("a premium of another amount than its price").into());
    }
    let came = book(work, shelf, policy, spend.id, terms, PremiumFrom::Wallet).await?;
    Ok(FromWallet { came, wallet })
}

/// Money has come in by M-PESA for a policy. It has been taken, so it is never refused: whatever pays for no whole term, or
/// for a policy that is over, is the member's own and goes to the wallet.
pub async fn premium_came(
    work: &mut Work,
    shelf: &Shelf,
    payment: Uuid,
    policy: PolicyId,
    amount: Money,
) -> Result<Came, Fault> {
    let policy = store::policies::lock(work.conn(), policy)
        .await?
        .ok_or_else(|| Fault::broken(format!("policy {policy} has gone")))?;
    if let Some((_, period)) = store::premiums::find(work.conn(), payment).await? {
        return Ok(Came {
            policy,
            period: Some(period),
            gap: None,
            to_wallet: Money::ZERO,
        });
    }
    let until = store::premiums::last_end(work.conn(), policy.id).await?;
    let rules = &product_of(shelf, &policy)?.rules;
    let whole = u32::try_from(amount.cents() / policy.price.cents().max(1)).unwrap_or(TERMS_MAX);
    let takes = policy.takes_premium(until, rules, work.now).is_ok();
    let terms = if takes { whole.min(TERMS_MAX) } else { 0 };
    let rest = amount - times(policy.price, terms);
    let came = match terms {
        0 => Came {
            policy,
            period: None,
            gap: None,
            to_wallet: Money::ZERO,
        },
        _ => book(work, shelf, policy, payment, terms, PremiumFrom::Mpesa).await?,
    };
    if rest.is_positive() {
        let key = Key::of("premium_rest", payment);
        wallet::credit(
            work,
            came.policy.member,
            payment,
            rest,
            Source::PaidTwice,
            key,
        )
        .await?;
    }
    Ok(Came {
        to_wallet: rest,
        ..came
    })
}

/// Books a premium for a policy whose row is held and which takes it.
async fn book(
    work: &mut Work,
    shelf: &Shelf,
    policy: Policy,
    payment: Uuid,
    terms: u32,
    from: PremiumFrom,
) -> Result<Came, Fault> {
    let now = work.now;
    let rules = product_of(shelf, &policy)?.rules;
    let until = store::premiums::last_end(work.conn(), policy.id).await?;
    let paid = Paid { at: now, terms };
    let period = cover::next(until, paid, policy.term, &rules)
        .ok_or_else(|| Fault::broken(format!("{terms} terms of policy {}", policy.id)))?;
    let (amount, commission) = (times(policy.price, terms), times(policy.commission, terms));
    let issued = match policy.stage.issued() {
        Some(issued) => issued.clone(),
        None => issue(work).await?,
    };
    let policy = policy
        .paid(|| issued)
        .map_err(|why| Fault::broken(format!("a premium that was taken: {why}")))?;
    let look_at = cover::first_look(period.ends_at, &rules, now);
    store::policies::save(work.conn(), &policy, Some(look_at)).await?;

    let unpostable = |why| Fault::broken(format!("a premium that cannot be posted: {why}"));
    let posting = match from {
        PremiumFrom::Wallet => {
            postings::premium_from_wallet(payment, policy.member, &policy.insurer, amount)
        }
        PremiumFrom::Mpesa => postings::premium_received(payment, &policy.insurer, amount),
    };
    let posting = posting.map_err(unpostable)?;
    let posted = ledger::post(work, posting, Key::of("premium", payment))
        .await
        .map_err(refused)?;
    if commission.is_positive() {
        let earned = postings::commission_earned(payment, &policy.insurer, commission);
        let earned = earned.map_err(unpostable)?;
        ledger::post(work, earned, Key::of("commission", payment))
            .await
            .map_err(refused)?;
    }
    let premium = NewPremium {
        payment,
        policy: policy.id,
        amount,
        commission,
        paid_from: from.as_str(),
        terms,
        follows_end: until,
        period,
        journal: posted.journal,
    };
    store::premiums::insert(work.conn(), &premium, now).await?;
    if from == PremiumFrom::Wallet {
        wallet::note(work, policy.member, What::Premium, amount, posted.journal).await?;
    }
    work.record(PremiumPaid {
        policy: policy.id,
        cents: amount.cents(),
        until: period.ends_at,
    })
    .await?;
    let gap = until
        .filter(|end| *end < period.starts_at)
        .map(|end| Period {
            starts_at: end,
            ends_at: period.starts_at,
        });
    Ok(Came {
        policy,
        period: Some(period),
        gap,
        to_wallet: Money::ZERO,
    })
}

/// The number and code that come with the first premium.
async fn issue(work: &mut Work) -> Result<Issued, Fault> {
    let serial = store::policies::next_serial(work.conn()).await?;
    let number = PolicyNumber {
        year: nairobi_date(work.now).year(),
        serial,
    };
    loop {
        let Some(code) = ProofCode::drawn(&rand::random::<[u8; 32]>()) else {
            continue;
        };
        if !store::policies::is_code_taken(work.conn(), &code).await? {
            return Ok(Issued {
                number,
                code,
                at: work.now,
            });
        }
    }
}

fn times(money: Money, terms: u32) -> Money {
    Money::from_cents(money.cents().saturating_mul(i64::from(terms)))
}

impl PremiumFrom {
    fn as_str(self) -> &'static str {
        match self {
            PremiumFrom::Wallet => "wallet",
            PremiumFrom::Mpesa => "mpesa",
        }
    }
}

#[derive(Serialize)]
struct PremiumPaid {
    policy: PolicyId,
    cents: i64,
    until: DateTime<Utc>,
}

impl Event for PremiumPaid {
    const NAME: &'static str = "insurance.premium_paid";
    fn subject(&self) -> Uuid {
        self.policy.0
    }
}
