//! Bytes to text: whatever a portal, a spreadsheet or a mail program has made of it.

/// UTF-8 with or without a mark, UTF-16 with one or plainly recognisable, otherwise the Western encoding of Windows.
pub(super) fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => decode(rest),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => wide(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => wide(bytes, u16::from_be_bytes),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| windows(*byte)).collect(),
        },
    }
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Windows-1252; between 0x80 and 0x9F it differs from Latin-1 by signs that no cell we read needs.
fn windows(byte: u8) -> char {
    match byte {
        0x80..=0x9F => char::REPLACEMENT_CHARACTER,
        _ => char::from(byte),
    }
}
