//! Writing, sealing and verifying the book.

use std::fmt;

use sqlx::PgConnection;

use super::chain::Digest;
use super::model::{Act, Trail};
use super::store;
use crate::fault::Fault;
use crate::work::Work;

/// Sealed in one transaction.
const AT_ONCE: i64 = 1000;
/// Read at once while verifying.
const PAGE: i64 = 5000;

/// A head of the chain that was noted somewhere else: `42:9f86d0…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub place: i64,
    pub digest: Digest,
}

/// What verifying found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub sealed: i64,
    /// Waiting for their seal.
    pub waiting: i64,
    pub head: Option<Anchor>,
    /// The first thing that is wrong.
    pub wrong: Option<Wrong>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The seal of this place is gone.
    SealMissing(i64),
    /// The seal of this place does not follow the one before.
    Unchained(i64),
    /// The entry under the seal of this place is not the one that was sealed, or is gone.
    EntryChanged(i64),
    /// So many entries are neither sealed nor waiting for it.
    NeverSealed(i64),
    /// The chain does not hold what was noted elsewhere.
    NotAsNoted(i64),
}

/// Writes a line, in the deed's own transaction.
pub async fn write(work: &mut Work, trail: &Trail, act: Act) -> Result<(), Fault> {
    let now = work.now;
    store::insert(work.conn(), trail, &act, now).await
}

/// Seals what waits for it, oldest first; gives how many. Repeating it is harmless, and two at once wait for each other.
pub async fn seal(work: &mut Work) -> Result<usize, Fault> {
    store::take_turn(work.conn()).await?;
    let now = work.now;
    let waiting = store::waiting(work.conn(), AT_ONCE).await?;
    let last = store::head(work.conn()).await?;
    let (mut place, mut digest) =
        last.map_or((0, Digest::BEGINNING), |last| (last.place, last.digest));
    for (entry, fields) in &waiting {
        let previous = digest;
        place += 1;
        digest = previous.followed_by(fields);
        store::insert_seal(work.conn(), place, *entry, previous, digest, now).await?;
    }
    Ok(waiting.len())
}

/// The end of the chain.
pub async fn head(conn: &mut PgConnection) -> Result<Option<Anchor>, Fault> {
    store::head(conn).await
}

/// Goes through the whole chain, and compares it with a head that was noted elsewhere. It reads every entry: for a schedule or
/// the command line, not for a request.
pub async fn verify(conn: &mut PgConnection, noted: Option<Anchor>) -> Result<Report, Fault> {
    let mut report = Report {
        sealed: 0,
        waiting: store::waiting_count(conn).await?,
        head: None,
        wrong: None,
    };
    let mut last = Digest::BEGINNING;
    let mut met = noted.is_none();
    loop {
        let page = store::chain_after(conn, report.sealed, PAGE).await?;
        let Some(end) = page.last().map(|link| link.place) else {
            break;
        };
        for link in page {
            let expected = report.sealed + 1;
            let wrong = match () {
                () if link.place != expected => Some(Wrong::SealMissing(expected)),
                () if link.previous != last => Some(Wrong::Unchained(link.place)),
                () if link.previous.followed_by(&link.fields) != link.digest => {
                    Some(Wrong::EntryChanged(link.place))
                }
                () => None,
            };
            if wrong.is_some() {
                report.wrong = wrong;
                return Ok(report);
            }
            if let Some(noted) = noted.filter(|noted| noted.place == link.place) {
                met = noted.digest == link.digest;
            }
            report.sealed = link.place;
            last = link.digest;
        }
        report.head = Some(Anchor {
            place: end,
            digest: last,
        });
    }
    report.wrong = match (noted, store::unaccounted(conn).await?) {
        (Some(noted), _) if !met => Some(Wrong::NotAsNoted(noted.place)),
        (_, 0) => None,
        (_, entries) => Some(Wrong::NeverSealed(entries)),
    };
    Ok(report)
}

impl Anchor {
    pub fn parse(text: &str) -> Option<Anchor> {
        let (place, digest) = text.trim().split_once(':')?;
        Some(Anchor {
            place: place.parse().ok().filter(|place| *place > 0)?,
            digest: Digest::parse(digest)?,
        })
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.place, self.digest)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::SealMissing(place) => write!(f, "the seal of place {place} is gone"),
            Wrong::Unchained(place) => write!(f, "place {place} does not follow the one before"),
            Wrong::EntryChanged(place) => write!(
                f,
                "the entry at place {place} is not the one that was sealed"
            ),
            Wrong::NeverSealed(entries) => {
                write!(f, "{entries} entries are neither sealed nor waiting for it")
            }
            Wrong::NotAsNoted(place) => write!(f, "place {place} is not what was noted of it"),
        }
    }
}
