//! What can be bought. Pure: the documents of `insurance/*.xml`, once they have been found without a mistake.

mod reading;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::cover::Rules;
use super::rating::Rating;
use crate::documents::{Mistake, parse_all, read_folder};
use crate::primitives::{Language, Money};

/// Everything that can be bought, and what was sold before.
#[derive(Clone, Debug, Default)]
pub struct Shelf(Arc<Goods>);

#[derive(Debug, Default)]
struct Goods {
    categories: Vec<Category>,
    products: BTreeMap<String, Product>,
}

/// Whose risk it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insurer {
    /// In the documents, the tables and the ledger.
    pub name: String,
    /// On screens.
    pub called: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    pub name: String,
    pub called: Texts,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    pub name: String,
    pub insurer: Insurer,
    pub category: String,
    /// What is not sold any more stays, because policies of it go on.
    pub is_sold: bool,
    pub called: Texts,
    /// The most it pays in all.
    pub pays: Money,
    /// Line by line.
    pub covers: Vec<Texts>,
    pub excludes: Vec<Texts>,
    pub rating: Rating,
    pub rules: Rules,
    /// So many days a quote is good for.
    pub quote_days: u32,
    /// Of the days not begun, so many per cent come back when a policy is cancelled.
    pub refund_percent: Decimal,
}

/// The same in each language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(BTreeMap<Language, String>);

/// The most characters of a product's, an insurer's, a category's or an answer's name.
pub const NAME_CHARS_MAX: usize = 20;
/// The most characters of a line of cover or exclusion, and of a question.
pub const LINE_CHARS_MAX: usize = 60;

impl Shelf {
    /// Reads a folder, or tells every mistake in it with its place.
    pub fn load(dir: &Path, languages: &[Language]) -> Result<Shelf, Vec<Mistake>> {
        Shelf::read(&read_folder(dir)?, languages)
    }

    /// Reads documents given as file name and text.
    pub fn read(
        documents: &[(String, String)],
        languages: &[Language],
    ) -> Result<Shelf, Vec<Mistake>> {
        reading::read(&parse_all(documents)?, languages)
    }

    /// The categories of which something is sold, in the order of the documents.
    pub fn categories(&self) -> impl Iterator<Item = &Category> {
        let sold = |category: &&Category| self.products_of(&category.name).next().is_some();
        self.0.categories.iter().filter(sold)
    }

    /// What is sold of a category, by name.
    pub fn products_of<'s>(&'s self, category: &str) -> impl Iterator<Item = &'s Product> {
        self.0
            .products
            .values()
            .filter(move |product| product.is_sold && product.category == category)
    }

    /// All products, those that are not sold any more too.
    pub fn products(&self) -> impl Iterator<Item = &Product> {
        self.0.products.values()
    }

    pub fn product(&self, name: &str) -> Option<&Product> {
        self.0.products.get(name)
    }
}

impl Texts {
    /// One text for every language.
    pub fn same(text: &str) -> Texts {
        let languages = [Language::ENGLISH, Language::SWAHILI];
        Texts(languages.map(|one| (one, text.to_owned())).into())
    }

    /// In this language, or in the first there is.
    pub fn in_language(&self, language: Language) -> &str {
        let text = self.0.get(&language).or_else(|| self.0.values().next());
        text.map_or("", String::as_str)
    }
}
