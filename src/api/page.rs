//! Lists, a page at a time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::refusals;
use crate::http::Problem;

const LIMIT: u16 = 20;
const LIMIT_MAX: u16 = 100;
const CURSOR_LENGTH_MAX: usize = 500;

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Page<T> {
    pub data: Vec<T>,
    /// Ask again with this as `cursor` for what follows; null on the last page.
    pub next: Option<String>,
}

/// Where a page begins and how long it is.
pub(super) struct Paging<C> {
    pub after: Option<C>,
    limit: u16,
}

impl<C: Serialize + DeserializeOwned> Paging<C> {
    /// Reads the query's `cursor` and `limit`.
    pub fn read(cursor: Option<&str>, limit: Option<u16>) -> Result<Paging<C>, Problem> {
        let limit = limit.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(refusals::invalid().with_field("limit", "1 to 100"));
        }
        let after = match cursor {
            None => None,
            Some(cursor) => Some(opened(cursor).ok_or_else(|| {
                refusals::invalid().with_field("cursor", "not one that this list has given out")
            })?),
        };
        Ok(Paging { after, limit })
    }

    /// One more than a page holds, to see whether another follows.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The page out of what was fetched; `place` is where the next one begins.
    pub fn page<R, T>(
        &self,
        mut rows: Vec<R>,
        place: impl Fn(&R) -> C,
        view: impl FnMut(R) -> T,
    ) -> Page<T> {
        let more = rows.len() > usize::from(self.limit);
        rows.truncate(usize::from(self.limit));
        let next = rows
            .last()
            .filter(|_| more)
            .and_then(|row| closed(&place(row)));
        Page {
            data: rows.into_iter().map(view).collect(),
            next,
        }
    }
}

fn closed<C: Serialize>(place: &C) -> Option<String> {
    let json = serde_json::to_vec(place).ok()?;
    Some(URL_SAFE_NO_PAD.encode(json))
}

fn opened<C: DeserializeOwned>(cursor: &str) -> Option<C> {
    if cursor.len() > CURSOR_LENGTH_MAX {
        return None;
    }
    let json = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_end() {
        let all: Vec<u32> = (1..=45).collect();
        let (mut cursor, mut seen, mut pages) = (None, Vec::new(), 0);
        loop {
            let paging = Paging::<u32>::read(cursor.as_deref(), None).unwrap();
            let rest = all
                .iter()
                .copied()
                .filter(|n| paging.after.is_none_or(|after| *n > after));
            let rows: Vec<u32> = rest
                .take(usize::try_from(paging.fetch()).unwrap())
                .collect();
            let page = paging.page(rows, |row| *row, |row| row);
            seen.extend(page.data);
            pages += 1;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((seen, pages), (all, 3));
    }

    #[test]
    fn a_cursor_nobody_gave_out_is_refused() {
        for cursor in ["", "x", "eyJ9", "!!!!", &"a".repeat(600)] {
            assert!(
                Paging::<(i64, u32)>::read(Some(cursor), None).is_err(),
                "{cursor}"
            );
        }
        for limit in [0, 101, u16::MAX] {
            assert!(Paging::<u32>::read(None, Some(limit)).is_err(), "{limit}");
        }
    }
}
