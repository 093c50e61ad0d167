//! Every order of up to seven pieces of evidence: for each subset of the pieces, all the ways to get there
//! are followed at once, so that a set of seven covers its 13,700 orders, repetitions included.
//! `SEED=7 EVIDENCE_SETS=5000 cargo test --test payments orders`.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use kwastage::payments::{
    Attempt, AttemptFacts, AttemptId, AttemptState, Evidence, Judgement, NoPrompt, ObligationId,
    PaybillPayment, PhoneHint, PromptIds, PromptResult, PushAnswer, QueryAnswer, Receipt,
    ResultCode, Rules, Said, Verdict, verdict,
};
use kwastage::primitives::{Money, Msisdn};
use uuid::Uuid;

use crate::dice::{Dice, number, seed};
use crate::world::{RIDER, SHORTCODE};

#[test]
fn every_order_of_evidence_ends_alike_and_credits_once() {
    let seed = seed();
    let sets = number("EVIDENCE_SETS", 400);
    let mut orders = 0u64;
    for set in 0..sets {
        let mut dice = Dice(seed.wrapping_add(set));
        let pieces = draw(&mut dice);
        orders += explore(&pieces, &format!("SEED={seed}, set {set}"));
    }
    assert!(orders >= 100_000, "{orders} orders are too few to tell");
}

fn draw(dice: &mut Dice) -> Vec<Evidence> {
    let mut pool = every_kind();
    let mut pieces: Vec<Evidence> = vec![];
    while pieces.len() < 7 {
        let piece = pool.swap_remove(dice.below(pool.len() as u64) as usize);
        // One push has one answer.
        let is_second_answer = matches!(piece.said, Said::Push(_))
            && pieces
                .iter()
                .any(|known| matches!(known.said, Said::Push(_)));
        if !is_second_answer {
            pieces.push(piece);
        }
    }
    pieces
}

pub fn every_kind() -> Vec<Evidence> {
    let paid = |receipt: &str| PromptResult {
        receipt: Receipt::parse(receipt),
        amount: Some(asked()),
        ..result("0")
    };
    let mut forged = paid("UK5ZZZZZZZ");
    forged.ids = PromptIds {
        merchant: "ffff".into(),
        checkout: "ws_CO_foreign".into(),
    };
    forged.phone = Some(PhoneHint::new("254799999999"));
    let forged_for_the_payer = PromptResult {
        phone: Some(PhoneHint::new("2547 ***** ")),
        ..forged.clone()
    };
    let trusted = |after, said| Evidence {
        at: submitted_at() + TimeDelta::seconds(after),
        trusted: true,
        said,
    };
    vec![
        trusted(1, Said::Push(PushAnswer::Accepted(ids()))),
        trusted(1, Said::Push(PushAnswer::Accepted(ids()))),
        trusted(30, Said::Push(PushAnswer::Unknown { ids: None })),
        trusted(2, Said::Push(PushAnswer::Unknown { ids: Some(ids()) })),
        trusted(2, Said::Push(PushAnswer::NoPrompt(NoPrompt::LineBusy))),
        trusted(17, Said::Callback(paid("UK5A1B2C3D"))),
        trusted(90, Said::Callback(result("0"))),
        trusted(15, Said::Callback(result("1032"))),
        trusted(26, Said::Callback(result("1037"))),
        trusted(27, Said::Callback(result("7777"))),
        trusted(40, Said::Callback(forged)),
        trusted(10, Said::Callback(forged_for_the_payer)),
        Evidence {
            trusted: false,
            ..trusted(41, Said::Callback(paid("UK5A1B2C3D")))
        },
        trusted(42, Said::Unreadable),
        trusted(45, query(QueryAnswer::Result(ResultCode::new("0")))),
        trusted(46, query(QueryAnswer::NoAnswer)),
        trusted(60, query(QueryAnswer::Result(ResultCode::new("4999")))),
        trusted(61, query(QueryAnswer::Result(ResultCode::new("1037")))),
        trusted(190, query(QueryAnswer::Result(ResultCode::new("1037")))),
        trusted(200, query(QueryAnswer::Result(ResultCode::new("1032")))),
        trusted(210, query(QueryAnswer::BadId)),
        trusted(20, paybill("UK5A1B2C3D", 1500)),
        trusted(600, paybill("UK5A1B2C3D", 1500)),
        trusted(700, paybill("UK5X9X9X9X", 1500)),
        trusted(800, paybill("UK5Y9Y9Y9Y", 150)),
        Evidence {
            trusted: false,
            ..trusted(900, paybill("UK5W9W9W9W", 1500))
        },
    ]
}

pub fn ids() -> PromptIds {
    PromptIds {
        merchant: "7a1e".into(),
        checkout: "ws_CO_051120261430074712345678".into(),
    }
}

pub fn result(code: &str) -> PromptResult {
    PromptResult {
        ids: ids(),
        code: ResultCode::new(code),
        receipt: None,
        amount: None,
        phone: None,
    }
}

pub fn query(answer: QueryAnswer) -> Said {
    Said::Query {
        checkout: ids().checkout,
        answer,
    }
}

pub fn paybill(receipt: &str, shillings: i64) -> Said {
    Said::Paybill(PaybillPayment {
        receipt: Receipt::parse(receipt).unwrap(),
        amount: Money::from_shillings(shillings),
        shortcode: SHORTCODE.into(),
        account: "KSA10001".into(),
        phone: None,
    })
}

/// What has been concluded and booked, as the tables would hold it.
#[derive(Clone, Debug, PartialEq)]
struct Standing {
    attempt: Attempt,
    booked: Vec<(Option<Receipt>, Money)>,
}

impl Standing {
    fn follow(mut self, judgement: &Judgement) -> Standing {
        let payments = match &judgement.verdict {
            Verdict::Paid { payments, .. } | Verdict::Mismatched { payments } => {
                payments.as_slice()
            }
            _ => &[],
        };
        for payment in payments {
            let is_known = self
                .booked
                .iter()
                .any(|(receipt, amount)| match &payment.receipt {
                    Some(_) => *receipt == payment.receipt,
                    None => *amount == payment.amount,
                });
            let nameless = self
                .booked
                .iter_mut()
                .find(|(receipt, amount)| receipt.is_none() && *amount == payment.amount);
            match nameless {
                _ if is_known => {}
                Some((receipt, _)) => *receipt = payment.receipt.clone(),
                None => self.booked.push((payment.receipt.clone(), payment.amount)),
            }
        }
        self.attempt = self
            .attempt
            .follow(&judgement.verdict, judgement.ids.clone());
        self
    }

    /// What an outsider can see in the end.
    fn outcome(&self) -> (String, Vec<(Option<Receipt>, Money)>) {
        let mut booked = self.booked.clone();
        booked.sort();
        let state = match &self.attempt.state {
            AttemptState::Paid { certain, .. } => format!("paid, certain: {certain}"),
            AttemptState::Failed { code, .. } => format!("failed by {code}"),
            other => format!("{other:?}")
                .split([' ', '{'])
                .next()
                .unwrap()
                .to_owned(),
        };
        (state, booked)
    }
}

/// Follows all orders of all subsets; returns how many orders that were.
fn explore(pieces: &[Evidence], which: &str) -> u64 {
    let rules = Rules::for_shortcode(SHORTCODE);
    let facts = AttemptFacts {
        amount: asked(),
        payer: Msisdn::parse(RIDER).unwrap(),
        submitted_at: Some(submitted_at()),
        receipts_elsewhere: BTreeSet::new(),
        jitter_seed: 1,
    };
    let fresh = Attempt {
        id: AttemptId(Uuid::nil()),
        obligation: ObligationId(Uuid::nil()),
        account_reference: "KSA10001".into(),
        payer: facts.payer.clone(),
        amount: asked(),
        created_at: submitted_at(),
        not_before: submitted_at(),
        submitted_at: Some(submitted_at()),
        state: AttemptState::Submitting,
        check_told_at: None,
    };
    let subsets = 1usize << pieces.len();
    let mut reached: Vec<Vec<Standing>> = vec![vec![]; subsets];
    reached[0] = vec![Standing {
        attempt: fresh,
        booked: vec![],
    }];
    let mut orders = 0;
    for subset in 0..subsets {
        let evidence: Vec<Evidence> = chosen(pieces, subset).collect();
        let while_open = verdict(
            &facts,
            &evidence,
            &rules,
            submitted_at() + TimeDelta::minutes(16),
        );
        let at_the_end = verdict(
            &facts,
            &evidence,
            &rules,
            submitted_at() + TimeDelta::hours(25),
        );
        let mut reversed = evidence.clone();
        reversed.reverse();
        assert_eq!(
            verdict(
                &facts,
                &reversed,
                &rules,
                submitted_at() + TimeDelta::hours(25)
            ),
            at_the_end,
            "{which}"
        );

        let mut followed: Vec<Standing> = vec![];
        for standing in std::mem::take(&mut reached[subset]) {
            let standing = standing.follow(&while_open);
            assert_eq!(
                standing.clone().follow(&while_open),
                standing,
                "{which}: a repetition changed something"
            );
            if !followed.contains(&standing) {
                followed.push(standing);
            }
        }
        check_end(&followed, &at_the_end, &evidence, which);
        orders += factorial(subset.count_ones());
        for next in (0..pieces.len()).filter(|piece| subset & (1 << piece) == 0) {
            for standing in &followed {
                let bucket = &mut reached[subset | (1 << next)];
                if !bucket.contains(standing) {
                    bucket.push(standing.clone());
                }
            }
        }
    }
    orders
}

fn chosen(pieces: &[Evidence], subset: usize) -> impl Iterator<Item = Evidence> {
    let chosen = pieces
        .iter()
        .enumerate()
        .filter(move |(at, _)| subset & (1 << at) != 0);
    chosen.map(|(_, piece)| piece.clone())
}

fn check_end(followed: &[Standing], at_the_end: &Judgement, evidence: &[Evidence], which: &str) {
    let mut outcomes = followed
        .iter()
        .map(|standing| standing.clone().follow(at_the_end).outcome());
    let first = outcomes.next().unwrap();
    for other in outcomes {
        assert_eq!(other, first, "{which}: two orders of {evidence:#?}");
    }
    let (state, booked) = first;
    assert!(
        !["Created", "Submitting", "Prompted", "Unknown"].contains(&state.as_str()),
        "{which}: {state}"
    );
    let receipts: BTreeSet<_> = booked.iter().map(|(receipt, _)| receipt).collect();
    assert_eq!(
        receipts.len(),
        booked.len(),
        "{which}: a payment was booked twice"
    );
    let believable: BTreeSet<Receipt> = ["UK5A1B2C3D", "UK5X9X9X9X", "UK5Y9Y9Y9Y"]
        .iter()
        .filter_map(|r| Receipt::parse(r))
        .collect();
    for receipt in receipts.into_iter().flatten() {
        assert!(
            believable.contains(receipt),
            "{which}: forged {receipt} was booked"
        );
    }
    let in_full = booked
        .iter()
        .filter(|(_, amount)| *amount == asked())
        .count();
    assert_eq!(
        in_full > 0,
        state.starts_with("paid"),
        "{which}: {state} with {booked:?}"
    );
}

fn factorial(of: u32) -> u64 {
    (1..=u64::from(of)).product()
}

pub fn submitted_at() -> DateTime<Utc> {
    "2026-11-05T11:30:07Z".parse().unwrap()
}

pub fn asked() -> Money {
    Money::from_shillings(1500)
}
