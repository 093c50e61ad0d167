//! Records in a file: a mark, the length, a checksum, the record. Pure.
//!
//! Whatever happened to the file, each record that is whole is read: after a torn or spoilt one the next mark is looked
//! for. No record holds the mark, because a record is UTF-8 and the mark is not.

use sha2::{Digest, Sha256};

const MARK: [u8; 4] = [0xfe, b'K', b'W', 0xff];
const CHECKSUM_BYTES: usize = 8;
const HEAD_BYTES: usize = MARK.len() + 4 + CHECKSUM_BYTES;
/// More than any report: what claims to be longer is not one.
const RECORD_BYTES_MAX: usize = 64 * 1024;

/// Adds one record.
pub(super) fn write(record: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(&MARK);
    to.extend_from_slice(&(record.len() as u32).to_le_bytes());
    to.extend_from_slice(&checksum(record.as_bytes()));
    to.extend_from_slice(record.as_bytes());
}

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Held<'f> {
    pub records: Vec<&'f str>,
    /// Bytes that belong to no whole record.
    pub spoilt: usize,
}

pub(super) fn read(file: &[u8]) -> Held<'_> {
    let mut held = Held::default();
    let mut rest = file;
    while !rest.is_empty() {
        match first(rest) {
            Some(record) => {
                held.records.push(record);
                rest = &rest[HEAD_BYTES + record.len()..];
            }
            None => {
                let next = rest[1..].windows(MARK.len()).position(|four| four == MARK);
                let skipped = next.map_or(rest.len(), |at| at + 1);
                held.spoilt += skipped;
                rest = &rest[skipped..];
            }
        }
    }
    held
}

/// The record at the very beginning, if it is whole.
fn first(bytes: &[u8]) -> Option<&str> {
    let behind_mark = bytes.strip_prefix(&MARK)?;
    let (length, behind) = behind_mark.split_first_chunk::<4>()?;
    let (sum, behind) = behind.split_first_chunk::<CHECKSUM_BYTES>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > RECORD_BYTES_MAX {
        return None;
    }
    let record = behind.get(..length)?;
    (checksum(record) == *sum).then_some(())?;
    std::str::from_utf8(record).ok()
}

fn checksum(record: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&Sha256::digest(record)[..CHECKSUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file_of(records: &[String]) -> Vec<u8> {
        let mut file = Vec::new();
        records.iter().for_each(|record| write(record, &mut file));
        file
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(records in prop::collection::vec(".{0,80}", 0..8)) {
            let file = file_of(&records);
            prop_assert_eq!(read(&file), Held { records: records.iter().map(String::as_str).collect(), spoilt: 0 });
        }

        #[test]
        fn a_torn_tail_costs_only_the_torn_record(records in prop::collection::vec(".{0,80}", 1..8), cut in 1..400usize) {
            let whole = file_of(&records);
            let left = whole.len() - cut.min(whole.len());
            let mut torn = whole[..left].to_vec();
            let before = read(&torn).records.len();
            prop_assert!(records.iter().take(before).map(String::as_str).eq(read(&torn).records));
            let bytes: usize = records.iter().take(before + 1).map(|record| HEAD_BYTES + record.len()).sum();
            prop_assert!(before == records.len() || bytes > left, "one was whole and is not read");
            // Whoever goes on writing behind the tear is read as well.
            write("after", &mut torn);
            let after = read(&torn);
            prop_assert_eq!(after.records.last(), Some(&"after"));
            prop_assert_eq!(after.records.len(), before + 1);
        }

        #[test]
        fn a_spoilt_byte_costs_one_record_at_most(
            records in prop::collection::vec("[a-z]{1,40}", 1..8), at in any::<prop::sample::Index>(), flip in 1..=255u8,
        ) {
            let mut file = file_of(&records);
            let at = at.index(file.len());
            file[at] ^= flip;
            let read = read(&file).records.len();
            prop_assert!(read + 1 >= records.len(), "{read} of {}", records.len());
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let held = read(&bytes);
            prop_assert!(held.spoilt <= bytes.len());
        }
    }
}
