use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::payments::{PhoneHint, ResultCode};
use crate::payouts::{Attempt, AttemptId, AttemptState, PayoutId};

const ORIGINATOR: &str = "KS-0123456789abcdef0123456789abcdef";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn receipt(text: &str) -> Option<Receipt> {
    Receipt::parse(text)
}

fn heard(seconds: i64, said: Said) -> Evidence {
    Evidence {
        at: at(seconds),
        trusted: true,
        said,
    }
}

fn result(code: &str) -> PaymentResult {
    PaymentResult {
        originator: ORIGINATOR.to_owned(),
        code: ResultCode::new(code),
        receipt: (code == "0").then(|| receipt("UK5E2R4T6Y")).flatten(),
        amount: (code == "0").then(|| Money::from_shillings(5_000)),
        recipient: (code == "0").then(|| PhoneHint::new("254712345678")),
        name: (code == "0").then(|| "AMINA WANJIKU".to_owned()),
        float: None,
    }
}

fn status(fate: Option<Fate>) -> StatusResult {
    StatusResult {
        code: ResultCode::new("0"),
        about: Some(ORIGINATOR.to_owned()),
        fate,
        receipt: (fate == Some(Fate::Completed))
            .then(|| receipt("UK5E2R4T6Y"))
            .flatten(),
        amount: Some(Money::from_shillings(5_000)),
    }
}

fn accepted() -> Evidence {
    heard(1, Said::Answer(SendAnswer::Accepted))
}

fn judge_at(handed: u32, evidence: &[Evidence], seconds: i64) -> Judgement {
    let recipient = Msisdn::parse("254712345678").unwrap();
    let facts = AttemptFacts {
        originator: ORIGINATOR,
        amount: Money::from_shillings(5_000),
        recipient: &recipient,
        handed,
        handed_at: (handed > 0).then(|| at(0)),
        last_asked_at: None,
    };
    verdict(&facts, evidence, &Rules::default(), at(seconds))
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Untouched => "untouched".to_owned(),
        Verdict::NotTaken { why } => format!("not_taken {}", why.name()),
        Verdict::Submitting => "submitting".to_owned(),
        Verdict::Accepted => "accepted".to_owned(),
        Verdict::Unknown { .. } => "unknown".to_owned(),
        Verdict::Paid { receipt } => format!(
            "paid {}",
            receipt.as_ref().map_or("-", |receipt| receipt.as_str())
        ),
        Verdict::NotPaid { why, by } => format!("not_paid {why:?} {by}"),
        Verdict::Person { .. } => "person".to_owned(),
    }
}

#[test]
fn what_is_said_comes_to_a_verdict() {
    let answer = |answer| heard(1, Said::Answer(answer));
    let not_taken = |why| answer(SendAnswer::NotTaken(why));
    let table: Vec<(&str, u32, Vec<Evidence>, i64, &str)> = vec![
        ("nothing yet", 0, vec![], 0, "untouched"),
        ("handed over", 1, vec![], 5, "submitting"),
        ("a crash before the answer", 1, vec![], 120, "unknown"),
        ("V60", 1, vec![accepted()], 5, "accepted"),
        ("no result in time", 1, vec![accepted()], 120, "unknown"),
        (
            "the answer was lost",
            1,
            vec![answer(SendAnswer::Unknown)],
            5,
            "unknown",
        ),
        (
            "V61: a duplicate was seen before, which is not paid",
            1,
            vec![answer(SendAnswer::Duplicate)],
            5,
            "unknown",
        ),
        (
            "V62",
            1,
            vec![not_taken(NotTaken::Maintenance)],
            5,
            "not_taken maintenance",
        ),
        (
            "refused, handed over again, and no answer yet",
            2,
            vec![not_taken(NotTaken::Maintenance)],
            5,
            "submitting",
        ),
        (
            "M-PESA does not take the number",
            1,
            vec![not_taken(NotTaken::BadPhone)],
            5,
            "not_paid NoSuchRecipient bad_phone",
        ),
        (
            "V63",
            1,
            vec![accepted(), heard(9, Said::Result(result("0")))],
            9,
            "paid UK5E2R4T6Y",
        ),
        (
            "a result before its answer",
            1,
            vec![heard(1, Said::Result(result("0")))],
            2,
            "paid UK5E2R4T6Y",
        ),
        (
            "V64",
            1,
            vec![accepted(), heard(9, Said::Result(result("1")))],
            9,
            "not_paid FloatEmpty 1",
        ),
        (
            "V65",
            1,
            vec![accepted(), heard(9, Said::Result(result("2001")))],
            9,
            "not_paid OurFault 2001",
        ),
        (
            "V66",
            1,
            vec![accepted(), heard(9, Said::Result(result("2040")))],
            9,
            "not_paid NoSuchRecipient 2040",
        ),
        (
            "V67",
            1,
            vec![accepted(), heard(9, Said::Result(result("8")))],
            9,
            "not_paid RecipientFull 8",
        ),
        (
            "V68: the path decides, not the code in it",
            1,
            vec![accepted(), heard(9, Said::QueueTimeout)],
            9,
            "unknown",
        ),
        (
            "V69: late, and paid once",
            1,
            vec![
                accepted(),
                heard(9, Said::QueueTimeout),
                heard(700, Said::Result(result("0"))),
            ],
            700,
            "paid UK5E2R4T6Y",
        ),
        (
            "an ambiguous code",
            1,
            vec![accepted(), heard(9, Said::Result(result("17")))],
            9,
            "unknown",
        ),
        (
            "cached, to be sent again",
            1,
            vec![accepted(), heard(9, Said::Result(result("100000000")))],
            9,
            "unknown",
        ),
        (
            "V73",
            1,
            vec![
                accepted(),
                heard(300, Said::Status(status(Some(Fate::Completed)))),
            ],
            300,
            "paid UK5E2R4T6Y",
        ),
        (
            "V74",
            1,
            vec![
                accepted(),
                heard(300, Said::Status(status(Some(Fate::NotPaid)))),
            ],
            300,
            "not_paid Declined declined",
        ),
        (
            "V75",
            1,
            vec![
                accepted(),
                heard(300, Said::Status(status(Some(Fate::Undecided)))),
            ],
            300,
            "unknown",
        ),
        (
            "V76: no evidence about the payment",
            1,
            vec![
                accepted(),
                heard(
                    300,
                    Said::Status(StatusResult {
                        code: ResultCode::new("25"),
                        ..status(Some(Fate::NotPaid))
                    }),
                ),
            ],
            300,
            "unknown",
        ),
        (
            "the status of another payment",
            1,
            vec![
                accepted(),
                heard(
                    300,
                    Said::Status(StatusResult {
                        about: Some("KS-other".to_owned()),
                        ..status(Some(Fate::NotPaid))
                    }),
                ),
            ],
            300,
            "unknown",
        ),
        (
            "V72: the result of another payment",
            1,
            vec![
                accepted(),
                heard(
                    9,
                    Said::Result(PaymentResult {
                        originator: "KS-other".to_owned(),
                        ..result("2040")
                    }),
                ),
            ],
            9,
            "unknown",
        ),
        (
            "another amount than asked for",
            1,
            vec![
                accepted(),
                heard(
                    9,
                    Said::Result(PaymentResult {
                        amount: Some(Money::from_shillings(500)),
                        ..result("0")
                    }),
                ),
            ],
            9,
            "unknown",
        ),
        (
            "bytes nobody can read",
            1,
            vec![accepted(), heard(9, Said::Unreadable)],
            9,
            "unknown",
        ),
        (
            "a day without a word",
            1,
            vec![accepted()],
            86_400,
            "person",
        ),
        (
            "a person has found it paid",
            1,
            vec![
                accepted(),
                heard(
                    90_000,
                    Said::Found(Found::Paid {
                        receipt: receipt("UK5E2R4T6Y").unwrap(),
                    }),
                ),
            ],
            90_000,
            "paid UK5E2R4T6Y",
        ),
        (
            "a person has found it unpaid",
            1,
            vec![accepted(), heard(90_000, Said::Found(Found::NotPaid))],
            90_000,
            "not_paid ByPerson by_person",
        ),
        (
            "not paid, and paid after all",
            1,
            vec![
                accepted(),
                heard(9, Said::Result(result("8"))),
                heard(700, Said::Status(status(Some(Fate::Completed)))),
            ],
            700,
            "paid UK5E2R4T6Y",
        ),
    ];
    for (name, handed, evidence, now, wanted) in table {
        let judgement = judge_at(handed, &evidence, now);
        assert_eq!(word(&judgement.verdict), wanted, "{name}");
    }
}

#[test]
fn what_comes_from_elsewhere_proves_nothing_and_is_asked_about() {
    for code in ["0", "1", "2001", "2040"] {
        let forged = Evidence {
            trusted: false,
            ..heard(9, Said::Result(result(code)))
        };
        let judgement = judge_at(1, &[accepted(), forged], 20);
        assert_eq!(word(&judgement.verdict), "unknown", "{code}");
        assert!(judgement.ask, "{code}");
        assert!(judgement.alarms.contains(&Alarm::Forged), "{code}");
    }
}

#[test]
fn somebody_else_was_paid() {
    let elsewhere = PaymentResult {
        recipient: Some(PhoneHint::new("254700000001")),
        name: Some("SOMEONE ELSE".to_owned()),
        ..result("0")
    };
    let judgement = judge_at(1, &[accepted(), heard(9, Said::Result(elsewhere))], 9);
    assert_eq!(word(&judgement.verdict), "paid UK5E2R4T6Y");
    assert!(judgement.alarms.contains(&Alarm::OtherRecipient));
    assert_eq!(judgement.name, None);
}

fn any_said() -> impl Strategy<Value = Said> {
    prop_oneof![
        Just(Said::Answer(SendAnswer::Accepted)),
        Just(Said::Answer(SendAnswer::Duplicate)),
        Just(Said::Answer(SendAnswer::Unknown)),
        Just(Said::Answer(SendAnswer::NotTaken(NotTaken::Unreachable))),
        Just(Said::QueueTimeout),
        Just(Said::Unreadable),
        Just(Said::Asked(AskAnswer::Accepted)),
        Just(Said::Found(Found::NotPaid)),
        prop::sample::select(vec![
            "0",
            "1",
            "4",
            "8",
            "17",
            "2001",
            "2040",
            "100000000",
            "77"
        ])
        .prop_map(|code| Said::Result(result(code))),
        prop::sample::select(vec![Fate::Completed, Fate::NotPaid, Fate::Undecided])
            .prop_map(|fate| Said::Status(status(Some(fate)))),
    ]
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    (0i64..90_000, prop::bool::weighted(0.85), any_said()).prop_map(|(seconds, trusted, said)| {
        Evidence {
            at: at(seconds),
            trusted,
            said,
        }
    })
}

fn says_paid(piece: &Evidence) -> bool {
    piece.trusted
        && match &piece.said {
            Said::Result(result) => result.code.is_paid(),
            Said::Status(status) => status.fate == Some(Fate::Completed),
            _ => false,
        }
}

proptest! {
    /// Whatever arrives, in whatever order and however often: the same verdict.
    #[test]
    fn neither_order_nor_repetition_changes_a_verdict(
        evidence in prop::collection::vec(any_evidence(), 0..8),
        seed in any::<u64>(),
        now in 0i64..100_000,
    ) {
        let first = judge_at(1, &evidence, now);
        let mut shuffled = evidence.clone();
        let mut state = seed;
        for place in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(place, (state >> 33) as usize % (place + 1));
        }
        // At the same instant only the order could decide between two failures: compare the kind then.
        let kind = |judgement: &Judgement| std::mem::discriminant(&judgement.verdict);
        prop_assert_eq!(kind(&first), kind(&judge_at(1, &shuffled, now)));
    }

    /// Money counts as given back only when something trusted says that it was not paid, and nothing that it was.
    #[test]
    fn nothing_is_given_back_on_a_guess(
        evidence in prop::collection::vec(any_evidence(), 0..8),
        now in 0i64..100_000,
    ) {
        let judgement = judge_at(1, &evidence, now);
        let paid = evidence.iter().any(says_paid);
        prop_assert_eq!(matches!(judgement.verdict, Verdict::Paid { .. }), paid);
        if let Verdict::NotPaid { .. } = judgement.verdict {
            let says_unpaid = evidence.iter().any(|piece| piece.trusted && match &piece.said {
                Said::Result(result) => matches!(codes::classify(&result.code), Class::NotPaid(_)),
                Said::Status(status) => status.fate == Some(Fate::NotPaid),
                Said::Found(found) => *found == Found::NotPaid,
                _ => false,
            });
            prop_assert!(says_unpaid && !paid);
        }
    }

    /// An attempt that was paid stays paid, whatever is judged later.
    #[test]
    fn what_was_paid_stays_paid(verdicts in prop::collection::vec(0usize..7, 1..12)) {
        let all = [
            Verdict::Untouched,
            Verdict::Submitting,
            Verdict::Accepted,
            Verdict::Unknown { since: at(0) },
            Verdict::Paid { receipt: receipt("UK5E2R4T6Y") },
            Verdict::NotPaid { why: NotPaid::Declined, by: "declined".to_owned() },
            Verdict::Person { since: at(0) },
        ];
        let mut attempt = Attempt {
            id: AttemptId(uuid::Uuid::nil()),
            payout: PayoutId(uuid::Uuid::nil()),
            originator: ORIGINATOR.to_owned(),
            state: AttemptState::Submitting,
            handed: 1,
            handed_at: Some(at(0)),
            ended_by: None,
            receipt: None,
        };
        let mut paid = false;
        for place in verdicts {
            attempt = attempt.follow(&all[place]);
            paid |= place == 4;
            prop_assert_eq!(attempt.state == AttemptState::Paid, paid);
        }
    }
}

#[test]
fn a_question_is_asked_when_it_is_due_and_not_before() {
    let judge = |seconds| judge_at(1, &[accepted()], seconds);
    assert!(!judge(119).ask);
    assert!(judge(120).ask);
    assert_eq!(judge(1).look_again_at, Some(at(120)));
    assert_eq!(judge_at(0, &[], 500).look_again_at, None);
    let after = at(0) + TimeDelta::hours(24);
    assert_eq!(judge(80_000).look_again_at, Some(after));
}
