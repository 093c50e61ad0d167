//! What riders do: the inputs of a call, and what a correct answer to each begins with.

/// One call: the inputs after the dial, and a word that each screen must show, the dial's first.
pub struct Journey {
    pub name: &'static str,
    pub inputs: &'static [&'static str],
    pub must_say: &'static [&'static str],
}

/// PIN of every seeded rider of the load.
pub const PIN: &str = "4826";

/// Hops that only navigate: into the settings and back, again and again. Only the dial asks Postgres.
pub static NAVIGATION: &[(u32, Journey)] = &[(
    1,
    Journey {
        name: "navigate",
        inputs: &["5", "0", "5", "0", "5", "0", "5", "0", "5"],
        must_say: &[
            "CON ", "CON ", "CON ", "CON ", "CON ", "CON ", "CON ", "CON ", "CON ", "CON ",
        ],
    },
)];

/// A day's mix, in parts of ten: most dial and leave, some look at their balance, some contribute.
pub static MIXED: &[(u32, Journey)] = &[
    (
        5,
        Journey {
            name: "dial and leave",
            inputs: &[],
            must_say: &["CON "],
        },
    ),
    (
        3,
        Journey {
            name: "balance",
            inputs: &["1", PIN],
            must_say: &["CON ", "CON ", "CON "],
        },
    ),
    (
        2,
        Journey {
            name: "contribute",
            inputs: &["2", "200", PIN],
            must_say: &["CON ", "CON ", "CON ", "END "],
        },
    ),
];

/// The journey that the `turn`-th rider takes.
pub fn pick(mix: &'static [(u32, Journey)], turn: u64) -> &'static Journey {
    let parts: u64 = mix.iter().map(|(part, _)| u64::from(*part)).sum();
    let mut place = turn % parts;
    for (part, journey) in mix {
        if place < u64::from(*part) {
            return journey;
        }
        place -= u64::from(*part);
    }
    &mix[0].1
}
