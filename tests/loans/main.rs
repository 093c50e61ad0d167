//! Loans against a real Postgres: what staff, borrowers, guarantors and the daily round do, at once and again.

mod requests;
mod running;
mod world;
