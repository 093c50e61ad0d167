//! `load`: drives a gateway as many riders would, beside a floor that does the bare minimum.

mod drive;
mod floor;
mod journey;
mod process;
mod wire;

fn main() {}
