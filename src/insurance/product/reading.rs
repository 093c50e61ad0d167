//! From elements to products. Every mistake is named with its place before the first product is believed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::TimeDelta;
use rust_decimal::Decimal;

use super::{Category, Goods, Insurer, LINE_CHARS_MAX, NAME_CHARS_MAX, Product, Shelf, Texts};
use crate::documents::{Document, Element, Findings, Mistake, did_you_mean};
use crate::insurance::cover::{Rules, Term};
use crate::insurance::rating::{Choice, Levy, LevySize, Means, Question, Rating};
use crate::primitives::gsm7::stranger_in;
use crate::primitives::{Language, Money};

/// M-PESA takes no more in one go, in shillings.
const PRICE_MAX: i64 = 150_000;
const PRODUCT_ATTRIBUTES: [&str; 13] = [
    "name",
    "insurer",
    "category",
    "sold",
    "pays",
    "commission",
    "round",
    "quote_days",
    "refund",
    "grace_hours",
    "remind_hours",
    "lapse_days",
    "return_days",
];

pub(super) fn read(documents: &[Document], languages: &[Language]) -> Result<Shelf, Vec<Mistake>> {
    let mut reading = Reading {
        findings: Findings::in_files(documents.iter().map(|document| document.file.as_str())),
        languages,
        insurers: BTreeMap::new(),
        goods: Goods::default(),
    };
    let mut elements = Vec::new();
    for root in documents.iter().map(|document| &document.root) {
        match root.name.as_str() {
            "insurance" => elements.extend(&root.children),
            other => reading
                .findings
                .wrong(root.place, format!("the root is {other}, not insurance")),
        }
    }
    // Products name the others, wherever those stand.
    for wanted in ["insurer", "category", "product"] {
        for element in elements.iter().filter(|element| element.name == wanted) {
            match wanted {
                "insurer" => reading.insurer(element),
                "category" => reading.category(element),
                _ => reading.product(element),
            }
        }
    }
    for odd in elements {
        reading.belongs(odd, &["insurer", "category", "product"]);
    }
    let Reading {
        findings, goods, ..
    } = reading;
    findings.or(Shelf(Arc::new(goods)))
}

struct Reading<'d> {
    findings: Findings<'d>,
    languages: &'d [Language],
    insurers: BTreeMap<String, Insurer>,
    goods: Goods,
}

impl Reading<'_> {
    fn insurer(&mut self, element: &Element) {
        self.only(element, &["name", "called"]);
        let (Some(name), Some(called)) = (self.name(element), self.given(element, "called")) else {
            return;
        };
        self.fits(element, &called, NAME_CHARS_MAX);
        let insurer = Insurer {
            name: name.clone(),
            called,
        };
        if self.insurers.insert(name.clone(), insurer).is_some() {
            self.wrong(element, format!("the insurer {name} stands twice"));
        }
    }

    fn category(&mut self, element: &Element) {
        self.only(element, &["name"]);
        let Some(name) = self.name(element) else {
            return;
        };
        let called = self.texts(element, NAME_CHARS_MAX);
        if self.goods.categories.iter().any(|one| one.name == name) {
            return self.wrong(element, format!("the category {name} stands twice"));
        }
        self.goods.categories.push(Category { name, called });
    }

    fn product(&mut self, element: &Element) {
        self.only(element, &PRODUCT_ATTRIBUTES);
        for child in &element.children {
            self.belongs(
                child,
                &["called", "covers", "excludes", "price", "question", "levy"],
            );
        }
        let name = self.name(element);
        let insurer = self.insurer_of(element);
        let category = self.category_of(element);
        let called = match element.child("called") {
            Some(called) => self.texts(called, NAME_CHARS_MAX),
            None => {
                self.wrong(element, "a product is called something".to_owned());
                Texts::default()
            }
        };
        let (covers, excludes) = (
            self.lines(element, "covers"),
            self.lines(element, "excludes"),
        );
        let is_sold = match element.attribute("sold").map(|sold| sold.value.as_str()) {
            None | Some("yes") => true,
            Some("no") => false,
            Some(_) => {
                self.wrong(element, "sold is yes or no".to_owned());
                true
            }
        };
        let pays = self.money(element, "pays");
        let rating = self.rating(element);
        let rules = self.rules(element);
        let quote_days = self.number(element, "quote_days", 1..=90);
        let refund_percent = self.percent(element, "refund", 100);
        let (Some(name), Some(insurer), Some(category), Some(pays), Some(rating)) =
            (name, insurer, category, pays, rating)
        else {
            return;
        };
        let (Some(rules), Some(quote_days), Some(refund_percent)) =
            (rules, quote_days, refund_percent)
        else {
            return;
        };
        self.prices_can_be_paid(element, &rating);
        let product = Product {
            name: name.clone(),
            insurer,
            category,
            is_sold,
            called,
            pays,
            covers,
            excludes,
            rating,
            rules,
            quote_days,
            refund_percent,
        };
        if self.goods.products.insert(name.clone(), product).is_some() {
            self.wrong(element, format!("the product {name} stands twice"));
        }
    }

    fn insurer_of(&mut self, element: &Element) -> Option<Insurer> {
        let named = self.given(element, "insurer")?;
        let found = self.insurers.get(&named).cloned();
        if found.is_none() {
            let hint = did_you_mean(&named, self.insurers.keys().map(String::as_str));
            self.wrong(element, format!("there is no insurer \"{named}\"{hint}"));
        }
        found
    }

    fn category_of(&mut self, element: &Element) -> Option<String> {
        let named = self.given(element, "category")?;
        let known = || self.goods.categories.iter().map(|one| one.name.as_str());
        if known().any(|one| one == named) {
            return Some(named);
        }
        let hint = did_you_mean(&named, known());
        self.wrong(element, format!("there is no category \"{named}\"{hint}"));
        None
    }

    fn lines(&mut self, element: &Element, what: &str) -> Vec<Texts> {
        let lines: Vec<Texts> = element
            .children_named(what)
            .map(|line| self.texts(line, LINE_CHARS_MAX))
            .collect();
        if lines.is_empty() {
            self.wrong(element, format!("a product says what it {what}"));
        }
        lines
    }

    fn rules(&mut self, element: &Element) -> Option<Rules> {
        let grace = self.number(element, "grace_hours", 0..=24 * 31);
        let remind = self.number(element, "remind_hours", 1..=24 * 60);
        let lapse = self.number(element, "lapse_days", 1..=366);
        let back = self.number(element, "return_days", 1..=732);
        let (grace, remind, lapse, back) = (grace?, remind?, lapse?, back?);
        if grace > lapse * 24 {
            self.wrong(element, "a policy lapses after its grace".to_owned());
        }
        if back < lapse {
            self.wrong(
                element,
                "a policy cannot come back before it has lapsed: return_days is less than lapse_days"
                    .to_owned(),
            );
        }
        Some(Rules {
            grace: TimeDelta::hours(i64::from(grace)),
            remind_before: TimeDelta::hours(i64::from(remind)),
            lapse_after: TimeDelta::days(i64::from(lapse)),
            return_within: TimeDelta::days(i64::from(back)),
        })
    }

    fn rating(&mut self, element: &Element) -> Option<Rating> {
        let mut bases = BTreeMap::new();
        for price in element.children_named("price") {
            self.only(price, &["term", "base"]);
            let written = self.given(price, "term");
            let base = self.money(price, "base");
            let Some(written) = written else { continue };
            let Some(term) = Term::parse(&written) else {
                let hint = did_you_mean(&written, Term::ALL.map(Term::as_str));
                self.wrong(price, format!("there is no term \"{written}\"{hint}"));
                continue;
            };
            if let Some(base) = base
                && bases.insert(term, base).is_some()
            {
                self.wrong(price, format!("the term {written} stands twice"));
            }
        }
        if element.child("price").is_none() {
            self.wrong(element, "a product has a price".to_owned());
        }
        let mut questions: Vec<Question> = Vec::new();
        for asked in element.children_named("question") {
            if let Some(question) = self.question(asked) {
                if questions.iter().any(|other| other.name == question.name) {
                    self.wrong(
                        asked,
                        format!("the question {} stands twice", question.name),
                    );
                }
                questions.push(question);
            }
        }
        let levies = element.children_named("levy");
        let levies = levies.filter_map(|levy| self.levy(levy)).collect();
        let commission_percent = self.percent(element, "commission", 50);
        let round_up_to = self.money(element, "round");
        if let Some(step) = round_up_to
            && !step.is_whole_shillings()
        {
            self.wrong(
                element,
                "M-PESA moves whole shillings only: round to shillings".to_owned(),
            );
        }
        Some(Rating {
            bases,
            questions,
            levies,
            round_up_to: round_up_to?,
            commission_percent: commission_percent?,
        })
    }

    fn question(&mut self, element: &Element) -> Option<Question> {
        self.only(element, &["name"]);
        for child in &element.children {
            self.belongs(child, &["asks", "answer", "band"]);
        }
        let name = self.name(element);
        let asks = match element.child("asks") {
            Some(asks) => self.texts(asks, LINE_CHARS_MAX),
            None => {
                self.wrong(element, "a question asks something".to_owned());
                Texts::default()
            }
        };
        let mut answers: Vec<Choice> = Vec::new();
        for child in &element.children {
            let answer = match child.name.as_str() {
                "answer" => self.answer(child),
                "band" => self.band(child, answers.last().map(|before| &before.means)),
                _ => None,
            };
            if let Some(answer) = answer {
                if answers.iter().any(|other| other.means == answer.means) {
                    self.wrong(child, "this answer stands twice".to_owned());
                }
                answers.push(answer);
            }
        }
        let written = element.children.iter();
        let written = written.filter(|child| ["answer", "band"].contains(&child.name.as_str()));
        if written.count() < 2 {
            self.wrong(element, "a question has two answers or more".to_owned());
        }
        let bands = answers
            .iter()
            .filter(|answer| matches!(answer.means, Means::Band(..)))
            .count();
        if bands != 0 && bands != answers.len() {
            self.wrong(
                element,
                "answers are words, or bands, and not both".to_owned(),
            );
        }
        Some(Question {
            name: name?,
            asks,
            answers,
        })
    }

    fn answer(&mut self, element: &Element) -> Option<Choice> {
        self.only(element, &["name", "factor"]);
        let (name, factor) = (self.name(element), self.factor(element));
        let says = self.texts(element, NAME_CHARS_MAX);
        Some(Choice {
            means: Means::Word(name?),
            says,
            factor: factor?,
        })
    }

    /// Bands follow each other without a hole, so that every number between the first and the last has one.
    fn band(&mut self, element: &Element, before: Option<&Means>) -> Option<Choice> {
        self.only(element, &["from", "to", "factor"]);
        let from = self.number(element, "from", 0..=1_000_000);
        let to = self.number(element, "to", 0..=1_000_000);
        let factor = self.factor(element);
        let (from, to) = (from?, to?);
        if to < from {
            self.wrong(element, format!("a band from {from} to {to} holds nothing"));
        }
        if let Some(Means::Band(_, last)) = before
            && from != last + 1
        {
            let what = format!(
                "the band before ends with {last}, so this one begins with {}",
                last + 1
            );
            self.wrong(element, what);
        }
        Some(Choice {
            means: Means::Band(from, to),
            says: Texts(
                self.languages
                    .iter()
                    .map(|language| (*language, format!("{from} - {to}")))
                    .collect(),
            ),
            factor: factor?,
        })
    }

    fn levy(&mut self, element: &Element) -> Option<Levy> {
        self.only(element, &["percent", "amount"]);
        let name = self.texts(element, NAME_CHARS_MAX);
        let has = |name: &str| element.attribute(name).is_some();
        let size = match (has("percent"), has("amount")) {
            (true, false) => LevySize::Percent(self.percent(element, "percent", 50)?),
            (false, true) => LevySize::Amount(self.money(element, "amount")?),
            _ => {
                self.wrong(
                    element,
                    "a levy is a percent of the net, or an amount".to_owned(),
                );
                return None;
            }
        };
        Some(Levy { name, size })
    }

    /// Whatever is answered, the price is one that can be paid.
    fn prices_can_be_paid(&mut self, element: &Element, rating: &Rating) {
        let complete = rating.questions.iter().all(|one| !one.answers.is_empty());
        for term in rating.bases.keys().filter(|_| complete) {
            match rating.extremes(*term) {
                Ok((_, highest)) if highest > Money::from_shillings(PRICE_MAX) => {
                    let what = format!(
                        "a {} can cost KES {highest}, and M-PESA moves KES {} at most",
                        term.as_str(),
                        Money::from_shillings(PRICE_MAX)
                    );
                    self.wrong(element, what);
                }
                Ok(_) => {}
                Err(why) => self.wrong(element, format!("a {} has no price: {why}", term.as_str())),
            }
        }
    }

    /// The text in each language, each short enough for its place.
    fn texts(&mut self, element: &Element, chars_max: usize) -> Texts {
        let mut texts = BTreeMap::new();
        for language in self.languages {
            let Some(child) = element.child(language.as_str()) else {
                self.wrong(element, format!("this is not said in {language}"));
                continue;
            };
            let text = child.folded_text();
            self.fits(child, &text, chars_max);
            texts.insert(*language, text);
        }
        Texts(texts)
    }

    fn fits(&mut self, element: &Element, text: &str, chars_max: usize) {
        let count = text.chars().count();
        if count == 0 || count > chars_max {
            self.wrong(
                element,
                format!("1 to {chars_max} characters, these are {count}"),
            );
        }
        if let Some(stranger) = stranger_in(text) {
            self.wrong(element, format!("phones cannot show {stranger:?}"));
        }
    }

    /// What names a thing in tables: small letters, digits and underscores.
    fn name(&mut self, element: &Element) -> Option<String> {
        let name = self.given(element, "name")?;
        let is_name = (2..=32).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !is_name {
            let what =
                format!("\"{name}\" is no name: 2 to 32 small letters, digits and underscores");
            self.wrong(element, what);
            return None;
        }
        Some(name)
    }

    fn factor(&mut self, element: &Element) -> Option<Decimal> {
        let written = self.given(element, "factor")?;
        let range = Decimal::new(1, 1)..=Decimal::TEN;
        match Decimal::from_str_exact(&written) {
            Ok(factor) if range.contains(&factor) && factor.scale() <= 4 => Some(factor),
            _ => {
                let what = format!("factor {written}: 0.1 to 10, at most four places");
                self.wrong(element, what);
                None
            }
        }
    }

    fn percent(&mut self, element: &Element, name: &str, max: i64) -> Option<Decimal> {
        let written = self.given(element, name)?;
        let range = Decimal::ZERO..=Decimal::from(max);
        match Decimal::from_str_exact(&written) {
            Ok(percent) if range.contains(&percent) && percent.scale() <= 2 => Some(percent),
            _ => {
                let what = format!("{name} {written}: 0 to {max} per cent, at most two places");
                self.wrong(element, what);
                None
            }
        }
    }

    fn money(&mut self, element: &Element, name: &str) -> Option<Money> {
        let written = self.given(element, name)?;
        let amount = Decimal::from_str_exact(&written).ok();
        let amount = amount.and_then(|amount| Money::try_from(amount).ok());
        let amount = amount.filter(|amount| amount.is_positive());
        if amount.is_none() {
            self.wrong(element, format!("{name} {written}: an amount in shillings"));
        }
        amount
    }

    fn number(&mut self, element: &Element, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let written = self.given(element, name)?;
        let number = written.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let what = format!("{name} {written}: {} to {}", range.start(), range.end());
            self.wrong(element, what);
        }
        number
    }

    fn given(&mut self, element: &Element, name: &str) -> Option<String> {
        let given = element.attribute(name).map(|given| given.value.clone());
        if given.is_none() {
            self.wrong(element, format!("this {} has no {name}", element.name));
        }
        given
    }

    fn only(&mut self, element: &Element, known: &[&str]) {
        for attribute in &element.attributes {
            if !known.contains(&attribute.name.as_str()) {
                let hint = did_you_mean(&attribute.name, known.iter().copied());
                self.findings.wrong(
                    attribute.place,
                    format!("{} has no {}{hint}", element.name, attribute.name),
                );
            }
        }
    }

    fn belongs(&mut self, element: &Element, known: &[&str]) {
        if !known.contains(&element.name.as_str()) {
            let hint = did_you_mean(&element.name, known.iter().copied());
            self.wrong(
                element,
                format!("{} does not belong here{hint}", element.name),
            );
        }
    }

    fn wrong(&mut self, element: &Element, what: String) {
        self.findings.wrong(element.place, what);
    }
}

#[cfg(test)]
mod tests;
