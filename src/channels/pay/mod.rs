//! Where payment providers report.

pub mod daraja;
