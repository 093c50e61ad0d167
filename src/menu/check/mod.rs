//! The proofs: what must be true of a set of menus before a rider may meet it.

mod sizes;
mod values;
mod ways;

use self::ways::Ways;
use super::screens::Menus;
use crate::documents::{Findings, Mistake};

/// Proves all of it, or tells every mistake.
pub(super) fn prove(menus: &Menus, mut findings: Findings<'_>) -> Result<(), Vec<Mistake>> {
    let ways = Ways::of(menus);
    ways::every_screen_is_reached(menus, &ways, &mut findings);
    ways::nobody_gets_stuck(menus, &ways, &mut findings);
    ways::one_deed_at_a_time(menus, &mut findings);
    ways::deeds_stand_behind_a_confirm(menus, &ways, &mut findings);
    ways::the_longest_way_fits_the_session(menus, &ways, &mut findings);
    values::everything_said_is_known(menus, &ways, &mut findings);
    sizes::every_page_fits(menus, &mut findings);
    findings.or(())
}
