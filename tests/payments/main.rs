//! Payments as a whole: every documented body, every order of evidence, and a provider at its worst.

mod dice;
mod forged;
mod orders;
mod simulation;
mod vectors;
mod world;
