//! What people write for the house in XML, menus and messages: read with the place of every word, and what is wrong
//! told as `menus/home.xml:12:5: …, did you mean "…"?`. What the elements mean is their readers' business.

mod mistake;
mod near;
mod reading;

pub use mistake::Mistake;
pub(crate) use mistake::{Findings, Place};
pub(crate) use near::{did_you_mean, distance};
pub(crate) use reading::{Attribute, Document, Element, parse_all, read_folder};
