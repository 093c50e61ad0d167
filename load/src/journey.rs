//! What riders do: the inputs of a call, and words that the screen after each must show.

/// One call: what a correct first screen shows, then each input with what its screen shows.
pub struct Journey {
    pub name: &'static str,
    pub dial_shows: &'static str,
    pub steps: &'static [Step],
}

pub struct Step {
    pub types: &'static str,
    pub shows: &'static [&'static str],
}

const fn step(types: &'static str, shows: &'static [&'static str]) -> Step {
    Step { types, shows }
}

/// PIN of every seeded rider.
pub const PIN: &str = "4826";

/// A rider who hung up on the balances is asked, at the next dial, whether to go on there.
pub const OFFERS_TO_RESUME: &str = "CON You were cut off";
/// The answer to that: start again.
pub const START_AGAIN: Step = step("2", &[HOME]);

const HOME: &str = "CON Karibu";
const SETTINGS: &[&str] = &["CON Settings"];

/// Ten hops that only navigate: into the settings and back. Only the dial asks Postgres.
pub static NAVIGATION: &[(u32, Journey)] = &[(
    1,
    Journey {
        name: "navigate",
        dial_shows: HOME,
        steps: &[
            step("5", SETTINGS),
            step("0", &[HOME]),
            step("5", SETTINGS),
            step("0", &[HOME]),
            step("5", SETTINGS),
            step("0", &[HOME]),
            step("5", SETTINGS),
            step("0", &[HOME]),
            step("5", SETTINGS),
            step("0", &[HOME]),
        ],
    },
)];

/// The word by which a contribution that was taken up is told from one that has to wait for an earlier one.
pub const ALREADY_ASKED: &str = "is already on its way";

/// A day's mix, in parts of ten: most dial and leave, some look at their balance, some contribute.
pub static MIXED: &[(u32, Journey)] = &[
    (
        5,
        Journey {
            name: "dial and leave",
            dial_shows: HOME,
            steps: &[],
        },
    ),
    (
        3,
        Journey {
            name: "balance",
            dial_shows: HOME,
            steps: &[step("1", &["CON Enter your"]), step(PIN, &["CON Welfare:"])],
        },
    ),
    (
        2,
        Journey {
            name: "contribute",
            dial_shows: HOME,
            steps: &[
                step("2", &["welfare fund. Choose"]),
                step("200", &["KES 200 from M-PESA"]),
                step(PIN, &["END Asante", ALREADY_ASKED]),
            ],
        },
    ),
];

/// The journey of the `turn`-th call. Spread so that equal calls do not come in rows.
pub fn pick(mix: &'static [(u32, Journey)], turn: u64) -> &'static Journey {
    let parts: u64 = mix.iter().map(|(part, _)| u64::from(*part)).sum();
    // Seven has no divisor in common with ten, so that every place comes up once in each round.
    let mut place = turn.wrapping_mul(7) % parts;
    for (part, journey) in mix {
        if place < u64::from(*part) {
            return journey;
        }
        place -= u64::from(*part);
    }
    &mix[0].1
}
