//! The proofs: what must be true of a set of menus before a rider may meet it.

mod sizes;
mod values;
mod ways;

use self::ways::Ways;
use super::compile::in_order;
use super::mistake::Mistake;
use super::screens::{Menus, Place};

/// Proves all of it, or tells every mistake.
pub(super) fn prove(menus: &Menus, files: &[&str]) -> Result<(), Vec<Mistake>> {
    let mut findings = Findings {
        files,
        mistakes: Vec::new(),
    };
    let ways = Ways::of(menus);
    ways::every_screen_is_reached(menus, &ways, &mut findings);
    ways::nobody_gets_stuck(menus, &ways, &mut findings);
    ways::one_deed_at_a_time(menus, &mut findings);
    ways::deeds_stand_behind_a_confirm(menus, &ways, &mut findings);
    ways::the_longest_way_fits_the_session(menus, &ways, &mut findings);
    values::everything_said_is_known(menus, &ways, &mut findings);
    sizes::every_page_fits(menus, &mut findings);
    if findings.mistakes.is_empty() {
        Ok(())
    } else {
        Err(in_order(findings.mistakes))
    }
}

struct Findings<'a> {
    files: &'a [&'a str],
    mistakes: Vec<Mistake>,
}

impl Findings<'_> {
    fn wrong(&mut self, place: Place, sentence: impl Into<String>) {
        let file = self
            .files
            .get(usize::from(place.file))
            .copied()
            .unwrap_or_default();
        self.mistakes.push(Mistake {
            file: file.to_owned(),
            line: place.line,
            column: place.column,
            sentence: sentence.into(),
        });
    }
}
