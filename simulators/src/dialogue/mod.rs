//! Conversations anyone can read and correct, played against a gateway.
//!
//! - [`script`]: a dialogue's parts
//! - [`reading`]: the `.dialogue` file, read whole or refused with its lines
//! - [`pattern`]: what a screen or message must say, with values captured on the way
//! - [`stage`]: what can be done to phones and gateway during a dialogue
//! - [`play`]: walks a script over a stage and tells the first thing that came out otherwise
//! - [`phones`]: the stage of the simulators' control API: screens, messages, prompts, troubles
//! - [`wire`]: the stage of bare webhooks in Africa's Talking's shape: screens only
//! - [`dialoguss`]: reads the YAML of the public tester of that name as scripts
//! - [`command`]: `simulators play`

pub mod command;
pub mod dialoguss;
pub mod pattern;
pub mod phones;
pub mod play;
pub mod reading;
pub mod script;
pub mod stage;
pub mod wire;

pub use command::files;
pub use phones::Phones;
pub use play::{EachHop, Failure, Moment, Played, play};
pub use reading::Mistake;
pub use script::Script;
pub use stage::{Hooks, Screen, Stage, StageError};
pub use wire::Wire;
