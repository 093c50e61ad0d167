//! Who carries our text messages. The name is the same in the configuration, in the tables and on the metrics.

use std::fmt;

/// A provider of text messages that we have an adapter for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    AfricasTalking,
    Twilio,
    /// A file on this machine, for development: nobody's phone ever gets it.
    File,
}

impl Carrier {
    pub const ALL: [Carrier; 3] = [Carrier::AfricasTalking, Carrier::Twilio, Carrier::File];

    pub fn as_str(self) -> &'static str {
        match self {
            Carrier::AfricasTalking => "africastalking",
            Carrier::Twilio => "twilio",
            Carrier::File => "file",
        }
    }

    pub fn parse(name: &str) -> Option<Carrier> {
        Carrier::ALL
            .into_iter()
            .find(|carrier| carrier.as_str() == name)
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
