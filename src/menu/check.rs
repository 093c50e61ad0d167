//! The proofs.

use super::mistake::Mistake;
use super::screens::Menus;

pub(super) fn prove(_menus: &Menus, _files: &[&str]) -> Result<(), Vec<Mistake>> {
    Ok(())
}
