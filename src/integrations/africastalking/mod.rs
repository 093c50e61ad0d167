//! Africa's Talking: sending text messages and asking for our balance.

mod client;
mod wire;

pub use client::{Balance, Client, Settings};
