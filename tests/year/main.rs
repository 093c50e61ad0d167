//! A year of a welfare association in a minute: riders pay in, top up, send to each other, freeze, join; M-PESA drops,
//! delays, repeats, forges and forgets; and our own work is cut off between any two steps. At the end of each month
//! everything must add up, to the cent, with a book that this test keeps by itself.
//!
//! A new kind of movement is one variant of [`movements::Movement`] and one function beside it.
//!
//! Everything comes from one seed, which is printed: `SEED=7 STORIES=600 MEMBERS=40 cargo test --test year`. How a step is cut
//! off hangs on the machine as well, so a seed replays the fortune of a year and not each of its crashes.
//!
//! M-PESA is [`provider::Provider`] here, behind the product's real client and real webhook routes, and not the simulators:
//! those live by timers of the machine's clock, and a year of jumps needs a provider that stands in ours. Riders are the
//! deeds behind the screens, for a hop through the screens costs more than the movement it asks for; the dialogues walk those.

mod books;
mod checks;
mod life;
mod movements;
mod provider;

use chrono::TimeDelta;
use sqlx::PgPool;

use life::Life;
use movements::Movement;

/// By how much work a run is bounded; a run is never ended by a clock.
struct Size {
    members: usize,
    /// Movements in the whole year.
    stories: usize,
    /// Days of a month on which anything happens.
    days: usize,
}

impl Size {
    fn asked() -> Size {
        Size {
            members: number("MEMBERS").unwrap_or(60),
            stories: number("STORIES").unwrap_or(600),
            days: number("DAYS").unwrap_or(5).clamp(1, 24),
        }
    }
}

#[sqlx::test]
async fn a_year_adds_up_at_the_end_of_each_month(pool: PgPool) {
    let seed = number("SEED").unwrap_or_else(rand::random);
    let size = Size::asked();
    let Size {
        members,
        stories,
        days,
    } = size;
    println!("SEED={seed} MEMBERS={members} STORIES={stories} DAYS={days}");
    let mut life = Life::begin(pool, seed, members).await;
    for month in 1..=12 {
        live_a_month(&mut life, stories / 12, days).await;
        checks::everything(&mut life, month).await;
        println!("month {month}: {}", life.summary());
    }
    life.was_hard_enough();
}

/// Days with movements, days with none, and at the end two quiet ones, in which the last night's work is done.
async fn live_a_month(life: &mut Life, stories: usize, days: usize) {
    for day in 0..days {
        let today = stories * (day + 1) / days - stories * day / days;
        for _ in 0..today {
            let in_between = life.seconds(1, 43_200 / (today as i64 + 1));
            life.pass(in_between).await;
            let movement = Movement::drawn(life);
            movements::perform(life, movement).await;
        }
        let quiet_days = 26 / days as i64;
        let to_next = life.seconds(20 * 3600, 28 * 3600) + TimeDelta::days(quiet_days - 1);
        life.pass(to_next).await;
    }
    life.pass(TimeDelta::days(2)).await;
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}
