//! What a member asks for about insurance.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::insurance::cover::Term;
use crate::insurance::rating::Answers;
use crate::insurance::{PolicyId, QuoteId};
use crate::members::Name;
use crate::menu::Asked;
use crate::primitives::Msisdn;

pub(in crate::conversation) enum Insuring {
    /// A price, as far as the questions are answered.
    Quote {
        product: String,
        term: Term,
        answers: Answers,
    },
    /// The cover of a quote, and its first premium.
    Take {
        quote: QuoteId,
        beneficiary: Named,
        from: PayFrom,
    },
    Pay {
        policy: PolicyId,
        terms: u32,
        from: PayFrom,
    },
    Cancel(PolicyId),
    Check(String),
}

/// Who is paid when the member has died.
pub(in crate::conversation) enum Named {
    NextOfKin,
    Other(Name, Msisdn),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::conversation) enum PayFrom {
    Mpesa,
    Wallet,
}

/// None for what is asked of nobody here.
pub(super) fn read(asked: &Asked) -> Option<Insuring> {
    let answer = |name: &str| asked.answer(name);
    let policy = || Uuid::parse_str(answer("policy")).ok().map(PolicyId);
    Some(match asked.intent {
        "begin_quote" => Insuring::Quote {
            product: answer("product").to_owned(),
            term: Term::parse(answer("term"))?,
            answers: BTreeMap::new(),
        },
        "answer_question" => {
            let mut answers = read_answers(answer("answers"));
            let (question, value) = answer("answer").split_once('=')?;
            answers.insert(question.to_owned(), value.to_owned());
            Insuring::Quote {
                product: answer("product").to_owned(),
                term: Term::parse(answer("term"))?,
                answers,
            }
        }
        "take_by_mpesa" => take(asked, PayFrom::Mpesa)?,
        "take_from_wallet" => take(asked, PayFrom::Wallet)?,
        "pay_premium_by_mpesa" => Insuring::Pay {
            policy: policy()?,
            terms: answer("terms").parse().ok()?,
            from: PayFrom::Mpesa,
        },
        "pay_premium_from_wallet" => Insuring::Pay {
            policy: policy()?,
            terms: answer("terms").parse().ok()?,
            from: PayFrom::Wallet,
        },
        "cancel_policy" => Insuring::Cancel(policy()?),
        "check_cover" => Insuring::Check(answer("cover_code").to_owned()),
        _ => return None,
    })
}

fn take(asked: &Asked, from: PayFrom) -> Option<Insuring> {
    let beneficiary = match asked.answer("beneficiary") {
        "kin" => Named::NextOfKin,
        _ => Named::Other(
            Name::parse(asked.answer("kin_name")).ok()?,
            Msisdn::parse(asked.answer("kin_phone")).ok()?,
        ),
    };
    Some(Insuring::Take {
        quote: QuoteId(Uuid::parse_str(asked.answer("quote")).ok()?),
        beneficiary,
        from,
    })
}

/// Answers as a session keeps them: `engine=151;use=own`.
pub(in crate::conversation) fn written_answers(answers: &Answers) -> String {
    let each: Vec<String> = answers
        .iter()
        .map(|(question, value)| format!("{question}={value}"))
        .collect();
    each.join(";")
}

pub(in crate::conversation) fn read_answers(written: &str) -> Answers {
    written
        .split(';')
        .filter_map(|each| each.split_once('='))
        .map(|(question, value)| (question.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_survive_a_session() {
        let answers: Answers = [("engine", "151"), ("use", "own")]
            .map(|(question, value)| (question.to_owned(), value.to_owned()))
            .into();
        let written = written_answers(&answers);
        assert_eq!(written, "engine=151;use=own");
        assert_eq!(read_answers(&written), answers);
        assert_eq!(read_answers(""), Answers::new());
    }
}
