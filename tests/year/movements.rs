//! Everything that moves money. A new kind is a variant of [`Movement`], a weight in [`Movement::WEIGHTS`], and a function.

use kwastage::contributing::{self, Contribute, ContributeError, Destination};
use kwastage::ledger::Account;
use kwastage::members::{
    Consent, Fee, Join, Kin, MemberId, Name, NationalId, PinOwner, Relation, StrongPin, Who,
};
use kwastage::payments::{self, Purpose, Receipt, Request, RequestError};
use kwastage::primitives::{Language, Money, Msisdn, Secret};
use kwastage::settlement::{self, AllocateError};
use kwastage::stages::StageId;
use kwastage::wallet::{self, Sent, Spend, SpendError};
use kwastage::{members, welcome};
use uuid::Uuid;

use crate::life::{Life, Rider};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// Into the fund of the own stage, by a prompt.
    Contribute,
    /// Into the own wallet, by a prompt.
    TopUp,
    /// To the paybill, unasked, with an account that may name somebody.
    PayPaybill,
    Send,
    ContributeFromWallet,
    Freeze,
    Thaw,
    /// The desk gives suspense to somebody.
    Allocate,
    /// Somebody asks to join, and is approved.
    Join,
    /// An applicant pays the fee.
    PayFee,
}

impl Movement {
    /// How often each is drawn, of the sum of all.
    const WEIGHTS: [(Movement, usize); 10] = [
        (Movement::Contribute, 16),
        (Movement::TopUp, 16),
        (Movement::PayPaybill, 14),
        (Movement::Send, 24),
        (Movement::ContributeFromWallet, 12),
        (Movement::Freeze, 3),
        (Movement::Thaw, 4),
        (Movement::Allocate, 4),
        (Movement::Join, 3),
        (Movement::PayFee, 4),
    ];

    pub fn drawn(life: &mut Life) -> Movement {
        let all = Movement::WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut drawn = life.below(all);
        for (movement, weight) in Movement::WEIGHTS {
            if drawn < weight {
                return movement;
            }
            drawn -= weight;
        }
        unreachable!("the sum of the weights was drawn from")
    }
}

pub async fn perform(life: &mut Life, movement: Movement) {
    match movement {
        Movement::Contribute => ask_by_push(life, Destination::Fund).await,
        Movement::TopUp => ask_by_push(life, Destination::Wallet).await,
        Movement::PayPaybill => pay_paybill(life),
        Movement::Send => send(life).await,
        Movement::ContributeFromWallet => contribute_from_wallet(life).await,
        Movement::Freeze => freeze(life).await,
        Movement::Thaw => thaw(life).await,
        Movement::Allocate => allocate(life).await,
        Movement::Join => join(life).await,
        Movement::PayFee => pay_fee(life).await,
    }
}

async fn ask_by_push(life: &mut Life, into: Destination) {
    let rider = life.a_member();
    let amount = an_amount(life);
    let asked = Contribute {
        payer: phone(&rider),
        into,
        amount,
        key: format!("story:{}", Uuid::now_v7()),
        ussd_session: None,
    };
    let rules = life.app.payment_rules.clone();
    let answer = life
        .insist(async |_, work| contributing::contribute(work, &rules, asked.clone()).await)
        .await;
    match answer {
        // Whoever has an open payment is told so, and nothing comes of it.
        Ok(_) | Err(ContributeError::AlreadyAsked { .. } | ContributeError::JustAsked { .. }) => {}
        Err(refused) => panic!("{refused}"),
    }
}

/// M-PESA knows what was paid; our own row of the attempt says only what for.
pub async fn a_prompt_was_paid(life: &mut Life, reference: &str, cents: i64) {
    let (obligation, purpose, member, stage): (Uuid, String, Uuid, Option<i32>) = sqlx::query_as(
        "select o.id, o.purpose, o.member_id, o.stage_id from attempt a join obligation o on o.id = a.obligation_id
         where a.account_reference = $1",
    )
    .bind(reference)
    .fetch_one(&life.app.pool)
    .await
    .unwrap();
    // Whatever comes for something that is paid already is the member's own.
    let is_first = life.books.paid.insert(obligation);
    match (purpose.as_str(), stage) {
        ("contribution", Some(stage)) if is_first => into_fund(life, member, stage, cents),
        ("registration_fee", _) if is_first && leaves_applicants(life, member) => {
            let (from, to) = (Account::MpesaPaybill, Account::FeeIncome);
            life.books.moved(from, to, cents);
        }
        _ => {
            let (from, to) = (Account::MpesaPaybill, Account::Wallet(member));
            life.books.moved(from, to, cents);
        }
    }
}

fn into_fund(life: &mut Life, member: Uuid, stage: i32, cents: i64) {
    let (from, to) = (Account::MpesaPaybill, Account::Fund(stage));
    life.books.moved(from, to, cents);
    life.books.contributed(member, cents);
}

/// True when the member was an applicant until now.
fn leaves_applicants(life: &mut Life, member: Uuid) -> bool {
    let place = life.applicants.iter().position(|one| one.id == member);
    let Some(place) = place else { return false };
    let rider = life.applicants.remove(place);
    life.members.push(rider);
    true
}

/// What people type where the paybill asks for an account.
fn pay_paybill(life: &mut Life) {
    let rider = life.a_member();
    let national = format!("0{}", &rider.msisdn[3..]);
    let account = match life.below(10) {
        0..4 => national,
        4..6 => format!("WELFARE {national}"),
        6..8 => format!("wallet {national}"),
        8 => "JOHN".to_owned(),
        _ => "0799999999".to_owned(),
    };
    let cents = an_amount(life).cents();
    let provider = life.provider.clone();
    provider.lock().unwrap().somebody_sends(&account, cents);
}

/// As the paybill's account was read: to whom it names, or into suspense.
pub async fn the_paybill_was_paid(life: &mut Life, account: &str, cents: i64) {
    let digits: String = account.chars().filter(char::is_ascii_digit).collect();
    let named = digits.strip_prefix('0').and_then(|national| {
        let msisdn = format!("254{national}");
        let all = life.members.iter().chain(&life.applicants);
        all.into_iter().find(|one| one.msisdn == msisdn).cloned()
    });
    let Some(rider) = named else {
        return life
            .books
            .moved(Account::MpesaPaybill, Account::Suspense, cents);
    };
    if life.applicants.iter().any(|one| one.id == rider.id) {
        assert_eq!(cents, life.app.config.fees.registration.cents());
        leaves_applicants(life, rider.id);
        let (from, to) = (Account::MpesaPaybill, Account::FeeIncome);
        life.books.moved(from, to, cents);
    } else if account.starts_with("wallet") {
        let (from, to) = (Account::MpesaPaybill, Account::Wallet(rider.id));
        life.books.moved(from, to, cents);
    } else {
        into_fund(life, rider.id, rider.stage, cents);
    }
}

async fn send(life: &mut Life) {
    let (from, to) = (life.a_member(), life.a_member());
    let spend = spend(life, &from);
    let answer = life
        .insist(async |_, work| wallet::send(work, spend, to.id).await)
        .await;
    if is_spent(life, &from, "wallet_sent", spend.id, answer).await {
        let (from, to) = (Account::Wallet(from.id), Account::Wallet(to.id));
        life.books.moved(from, to, spend.amount.cents());
    }
}

async fn contribute_from_wallet(life: &mut Life) {
    let rider = life.a_member();
    let spend = spend(life, &rider);
    let answer = life
        .insist(async |_, work| wallet::contribute(work, spend, rider.stage).await)
        .await;
    if is_spent(life, &rider, "payment", spend.id, answer).await {
        let cents = spend.amount.cents();
        let (from, to) = (Account::Wallet(rider.id), Account::Fund(rider.stage));
        life.books.moved(from, to, cents);
        life.books.contributed(rider.id, cents);
    }
}

fn spend(life: &mut Life, from: &Rider) -> Spend {
    Spend {
        id: Uuid::now_v7(),
        member: from.id,
        amount: Money::from_cents(an_amount(life).cents() + life.below(100) as i64),
        limits: life.app.wallet_limits,
    }
}

/// What was answered must be what stands: done is there, refused is not. A deed that was cut off after its commit and asked
/// for again may be refused for want of the very money it has moved: then it was done.
async fn is_spent(
    life: &Life,
    from: &Rider,
    scope: &str,
    id: Uuid,
    answer: Result<Sent, SpendError>,
) -> bool {
    let stands: bool = sqlx::query_scalar(
        "select exists (select from ledger.journal where scope = $1 and key = $2::text)",
    )
    .bind(scope)
    .bind(id)
    .fetch_one(&life.app.pool)
    .await
    .unwrap();
    match answer {
        Ok(_) => assert!(stands, "done, and not there"),
        Err(SpendError::NotEnough { .. } | SpendError::OverLimit { .. }) => {}
        Err(SpendError::Frozen | SpendError::ToOneself) => assert!(!stands, "refused, and there"),
        Err(SpendError::Fault(fault)) => panic!("{fault}"),
    }
    assert!(
        !(stands && life.frozen.contains(&from.id)),
        "out of a frozen wallet"
    );
    stands
}

async fn freeze(life: &mut Life) {
    let rider = life.a_member();
    let answer = life
        .insist(async |_, work| wallet::freeze(work, rider.id).await)
        .await;
    answer.unwrap();
    life.frozen.insert(rider.id);
}

async fn thaw(life: &mut Life) {
    let Some(member) = life.frozen.pop_first() else {
        return;
    };
    let answer = life
        .insist(async |_, work| wallet::thaw(work, member).await)
        .await;
    answer.unwrap();
}

async fn allocate(life: &mut Life) {
    let mut conn = life.app.pool.acquire().await.unwrap();
    let waiting = payments::in_suspense(&mut conn).await.unwrap();
    drop(conn);
    let Some(money) = waiting.first() else { return };
    let rider = life.a_member();
    let (into, to) = match life.chance(50) {
        true => (Destination::Wallet, Account::Wallet(rider.id)),
        false => (Destination::Fund, Account::Fund(rider.stage)),
    };
    let receipt = Receipt::parse(&money.receipt).unwrap();
    let who = Who::Phone(phone(&rider));
    let answer = life
        .insist(async |app, work| {
            settlement::allocate_by_hand(app, work, &receipt, &who, into).await
        })
        .await;
    match answer {
        // Cut off after its commit, and asked for again.
        Ok(_) | Err(AllocateError::NotInSuspense) => {}
        Err(refused) => panic!("{refused}"),
    }
    let cents = money.amount.cents();
    life.books.moved(Account::Suspense, to, cents);
    if into == Destination::Fund {
        life.books.contributed(rider.id, cents);
    }
}

async fn join(life: &mut Life) {
    let place = life.members.len() + life.applicants.len();
    let rider = Rider {
        id: Uuid::now_v7(),
        msisdn: format!("2547{place:08}"),
        stage: life.stages[place % life.stages.len()],
    };
    let asked = asks_to_join(life, &rider, place).await;
    let answer = life
        .insist(async |app, work| members::join(work, &app.member_keys, asked.clone()).await)
        .await;
    answer.unwrap();
    let fee = life.app.config.fees.registration;
    let who = Who::Id(MemberId(rider.id));
    let answer = life
        .insist(async |_, work| welcome::approve(work, &who, Fee::MayFollow, fee).await)
        .await;
    match answer {
        // Asked for again after it was done.
        Ok(_) | Err(members::ApproveError::Refused(_)) => {}
        Err(refused) => panic!("{refused}"),
    }
    let now = life.now();
    life.is_approved(rider.id, now);
    life.applicants.push(rider);
}

async fn asks_to_join(life: &Life, rider: &Rider, place: usize) -> Join {
    let msisdn = phone(rider);
    let id = MemberId(rider.id);
    let national_id = NationalId::parse(&format!("3{place:07}")).unwrap();
    let owner = PinOwner {
        msisdn: msisdn.clone(),
        national_id: None,
        birth_date: None,
    };
    let pin = StrongPin::choose(Secret::new("4826"), &owner).unwrap();
    Join {
        id,
        key: format!("story:{}", rider.id),
        msisdn,
        language: Language::ENGLISH,
        first_name: Name::parse("Juma").unwrap(),
        last_name: Name::parse("Otieno").unwrap(),
        national_id,
        birth_date: None,
        stage: StageId(rider.stage),
        kin: Kin {
            name: Name::parse("Akinyi Otieno").unwrap(),
            relation: Relation::parse("sister").unwrap(),
            msisdn: Msisdn::parse("254722000102").unwrap(),
        },
        pin_verifier: life.app.pins.make(id, pin).await.unwrap(),
        consent: Consent {
            version: "year".to_owned(),
            channel: "ussd".to_owned(),
            session: "year".to_owned(),
        },
    }
}

async fn pay_fee(life: &mut Life) {
    if life.applicants.is_empty() {
        return;
    }
    let place = life.below(life.applicants.len());
    let rider = life.applicants[place].clone();
    let fee = life.app.config.fees.registration;
    // Each keeps to one way: which of two fees came first, and is the fee, would hang on what M-PESA loses.
    if rider.id.as_bytes()[15].is_multiple_of(2) {
        let account = format!("0{}", &rider.msisdn[3..]);
        let provider = life.provider.clone();
        return provider
            .lock()
            .unwrap()
            .somebody_sends(&account, fee.cents());
    }
    let request = Request {
        key: format!("story:{}", Uuid::now_v7()),
        purpose: Purpose::RegistrationFee { member: rider.id },
        amount: fee,
        payer: phone(&rider),
        language: Language::ENGLISH,
        ussd_session: None,
    };
    let rules = life.app.payment_rules.clone();
    let answer = life
        .insist(async |_, work| payments::request(work, &rules, request.clone()).await)
        .await;
    match answer {
        Ok(_) | Err(RequestError::AlreadyAsked { .. } | RequestError::JustAsked { .. }) => {}
        Err(refused) => panic!("{refused}"),
    }
}

fn an_amount(life: &mut Life) -> Money {
    Money::from_shillings([20, 50, 100, 100, 200, 500, 1_500][life.below(7)])
}

fn phone(rider: &Rider) -> Msisdn {
    Msisdn::parse(&rider.msisdn).unwrap()
}
