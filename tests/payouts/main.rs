//! Money out against a real Postgres and the simulated M-PESA: paid once or given back once, whatever goes wrong.

mod crashes;
mod faults;
mod people;
mod world;
