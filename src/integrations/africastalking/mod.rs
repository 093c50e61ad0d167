//! Africa's Talking: sending text messages, placing calls, and asking for our balance.

mod client;
mod voice;
mod wire;

pub use client::{Balance, Client, Settings};
pub use voice::{VoiceClient, VoiceSettings};
