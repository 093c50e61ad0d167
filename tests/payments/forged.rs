//! Results that name a prompt which is not ours, on the right secret path and from a published address: what the
//! push's answer, the question and the paybill each add to them.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use kwastage::payments::{
    AttemptFacts, Evidence, Judgement, NoPrompt, Payment, PhoneHint, PromptIds, PromptResult,
    PushAnswer, QueryAnswer, Receipt, ResultCode, Rules, Said, Verdict, verdict,
};
use kwastage::primitives::{Money, Msisdn};
use proptest::prelude::*;
use sqlx::PgPool;

use crate::orders::{asked, every_kind, ids, paybill, result, submitted_at};
use crate::vectors::{Case, V19, V54, queried};
use crate::world::{RIDER, SHORTCODE};

const MADE_UP: &str = "UK5ZZZZZZZ";

/// Everything right but the prompt and the receipt.
fn forged(after: i64) -> Evidence {
    heard(after, Said::Callback(claim(foreign_ids(), MADE_UP)))
}

fn claim(ids: PromptIds, receipt: &str) -> PromptResult {
    PromptResult {
        ids,
        receipt: Receipt::parse(receipt),
        amount: Some(asked()),
        phone: Some(PhoneHint::new("2547 ***** ")),
        ..result("0")
    }
}

fn foreign_ids() -> PromptIds {
    PromptIds {
        merchant: "ffff".into(),
        checkout: "ws_CO_foreign".into(),
    }
}

fn answered(after: i64, ids: PromptIds, code: &str) -> Evidence {
    let answer = QueryAnswer::Result(ResultCode::new(code));
    let checkout = ids.checkout;
    heard(after, Said::Query { checkout, answer })
}

fn heard(after: i64, said: Said) -> Evidence {
    Evidence {
        at: submitted_at() + TimeDelta::seconds(after),
        trusted: true,
        said,
    }
}

fn judged(evidence: &[Evidence], at: DateTime<Utc>) -> Judgement {
    let facts = AttemptFacts {
        amount: asked(),
        payer: Msisdn::parse(RIDER).unwrap(),
        submitted_at: Some(submitted_at()),
        receipts_elsewhere: BTreeSet::new(),
        jitter_seed: 1,
    };
    verdict(&facts, evidence, &Rules::for_shortcode(SHORTCODE), at)
}

fn money_in(evidence: &[Evidence], at: DateTime<Utc>) -> BTreeSet<Payment> {
    match judged(evidence, at).verdict {
        Verdict::Paid { payments, .. } | Verdict::Mismatched { payments } => {
            payments.into_iter().collect()
        }
        _ => BTreeSet::new(),
    }
}

#[test]
fn a_prompt_that_only_results_name_is_asked_about_and_pays_nothing_by_itself() {
    let genuine = || heard(10, Said::Callback(claim(ids(), "UK5A1B2C3D")));
    let accepted = || heard(12, Said::Push(PushAnswer::Accepted(ids())));
    let lost = || heard(12, Said::Push(PushAnswer::Unknown { ids: None }));
    let refused = || heard(12, Said::Push(PushAnswer::NoPrompt(NoPrompt::LineBusy)));
    let confirmed = || heard(14, paybill("UK5A1B2C3D", 1500));
    let cases = [
        ("the answer is outstanding", vec![forged(10)], ""),
        ("the answer was lost", vec![forged(10), lost()], ""),
        ("there was no prompt", vec![forged(10), refused()], ""),
        ("the answer names ours", vec![forged(10), accepted()], ""),
        (
            "another's prompt was paid",
            vec![forged(10), lost(), answered(13, foreign_ids(), "0")],
            "",
        ),
        ("ours, outstanding", vec![genuine()], ""),
        ("ours, lost", vec![genuine(), lost()], ""),
        (
            "ours, lost, and the answer agrees",
            vec![genuine(), lost(), answered(13, ids(), "0")],
            "",
        ),
        ("ours, answered", vec![genuine(), accepted()], "UK5A1B2C3D"),
        (
            "ours, lost, and the paybill agrees",
            vec![genuine(), lost(), confirmed()],
            "UK5A1B2C3D",
        ),
        (
            "the paybill says otherwise",
            vec![forged(10), lost(), confirmed()],
            "UK5A1B2C3D",
        ),
        (
            "both, and the paybill",
            vec![forged(10), genuine(), lost(), confirmed()],
            "UK5A1B2C3D",
        ),
    ];
    for (which, evidence, paid) in cases {
        let soon = submitted_at() + TimeDelta::seconds(20);
        let after_a_day = submitted_at() + TimeDelta::hours(25);
        for at in [soon, after_a_day] {
            let money: Vec<Receipt> = money_in(&evidence, at)
                .into_iter()
                .filter_map(|payment| payment.receipt)
                .collect();
            assert_eq!(money, Receipt::parse(paid).as_slice(), "{which}");
        }
    }

    let alone = judged(
        &[forged(10), lost()],
        submitted_at() + TimeDelta::seconds(20),
    );
    assert_eq!(alone.question.as_deref(), Some("ws_CO_foreign"));
    assert_eq!(alone.ids, None);
    let for_a_day = judged(&[forged(10), lost()], submitted_at() + TimeDelta::hours(25));
    assert_eq!(for_a_day.verdict, Verdict::Unresolved);
}

#[test]
fn a_failure_of_a_prompt_that_only_results_name_closes_once_the_answer_agrees() {
    let cancelled = heard(15, Said::Callback(result("1032")));
    let lost = heard(12, Said::Push(PushAnswer::Unknown { ids: None }));
    let at = submitted_at() + TimeDelta::seconds(20);
    let told = judged(&[lost.clone(), cancelled.clone()], at);
    assert!(matches!(told.verdict, Verdict::Unknown { .. }));
    assert_eq!(told.question, Some(ids().checkout));
    let agreed = judged(&[lost, cancelled, answered(16, ids(), "1032")], at);
    assert!(matches!(agreed.verdict, Verdict::NotPaid { .. }));
    assert_eq!(agreed.question, None);
    assert_eq!(agreed.look_again_at, None, "nobody claims that it was paid");
}

prop_compose! {
    fn any_forgery()(
        prompt in 0..3,
        receipt in prop::sample::select(vec![MADE_UP, "UK5YYYYYYY", "UK5A1B2C3D", "UK5Y9Y9Y9Y"]),
        code in prop::sample::select(vec!["0", "0", "0", "1032", "1037", "7777"]),
        shillings in prop::sample::select(vec![1500, 1500, 150, 9000]),
        phone in prop::sample::select(vec![RIDER, "2547 ***** ", "254799999999"]),
        trusted: bool,
        after in 0..90_000i64,
    ) -> Evidence {
        let ids = PromptIds { merchant: "ffff".into(), checkout: format!("ws_CO_foreign_{prompt}") };
        let result = PromptResult {
            code: ResultCode::new(code),
            amount: Some(Money::from_shillings(shillings)),
            phone: Some(PhoneHint::new(phone)),
            ..claim(ids, receipt)
        };
        Evidence { trusted, ..heard(after, Said::Callback(result)) }
    }
}

/// What is told in truth, with one answer to the one push at most.
fn any_truth() -> impl Strategy<Value = Vec<Evidence>> {
    prop::sample::subsequence(every_kind(), 0..=7).prop_map(|pieces| {
        let mut was_answered = false;
        let is_kept = |piece: &Evidence| match &piece.said {
            Said::Push(_) => !std::mem::replace(&mut was_answered, true),
            Said::Callback(result) => result.ids == ids(),
            _ => true,
        };
        pieces.into_iter().filter(is_kept).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Told in the order of time, and booked whenever something is told: what is booked stays booked.
    #[test]
    fn forgeries_at_any_point_add_nothing(
        truth in any_truth(),
        forgeries in prop::collection::vec(any_forgery(), 1..4),
    ) {
        let mut told = [truth.clone(), forgeries].concat();
        told.sort_by_key(|piece| piece.at);
        let mut honest: Vec<Evidence> = vec![];
        for known in 1..=told.len() {
            let (all, at) = (&told[..known], told[known - 1].at);
            if truth.contains(&told[known - 1]) {
                honest.push(told[known - 1].clone());
            }
            for later in [TimeDelta::zero(), TimeDelta::hours(25)] {
                let with = money_in(all, at + later);
                let without = money_in(&honest, at + later);
                prop_assert_eq!(with, without, "{:#?}", all);
            }
        }
    }
}

#[sqlx::test]
async fn a_lost_answer_and_a_forged_success_are_a_persons_and_no_money(pool: PgPool) {
    let case = Case::new(pool).await;
    case.will_answer_pushes([(502, "<html>Bad Gateway</html>".to_owned())]);
    case.world.ask("s1:4", 1500).await.unwrap();
    case.passes(6).await;
    let forged = V19.replace("UK5A1B2C3D", MADE_UP);
    let forged = forged.replace("ws_CO_051120261430074712345678", "ws_CO_foreign");
    case.hears(&forged).await;
    assert_eq!(case.times_asked(), 1);
    case.assert_stands(&["unknown"], &[], &[]).await;
    case.passes(90_000).await;
    let told = ["CHECK", "unresolved", "UNRESOLVED"];
    case.assert_stands(&["operator"], &[], &told).await;
}

#[sqlx::test]
async fn a_lost_answer_and_a_true_success_wait_for_the_paybill(pool: PgPool) {
    let case = Case::new(pool).await;
    case.will_answer_pushes([(502, "<html>Bad Gateway</html>".to_owned())]);
    case.will_answer_queries([queried("0")]);
    case.world.ask("s1:4", 1500).await.unwrap();
    case.passes(6).await;
    case.hears(V19).await;
    // The question is answered without amount and payer, whoever's prompt it was.
    assert_eq!(case.times_asked(), 1);
    case.assert_stands(&["unknown"], &[], &[]).await;
    case.confirms(V54).await;
    let (inflows, told) = (["allocated 1500 UK5A1B2C3D"], ["PAID 1500 UK5A1B2C3D"]);
    case.assert_stands(&["paid!"], &inflows, &told).await;
    case.passes(90_000).await;
    case.assert_stands(&["paid!"], &inflows, &told).await;
}
