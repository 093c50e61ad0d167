//! Text to rows of cells (RFC 4180), with whichever separator the file uses.

use super::Row;

/// The rows, or the line on which a quote opens that is never closed.
pub(super) fn rows(text: &str) -> Result<Vec<Row>, usize> {
    let separator = separator(text);
    let mut rows = Vec::new();
    let (mut cells, mut cell) = (Vec::new(), String::new());
    let (mut line, mut begins) = (1, 1);
    let mut quoted_since = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted_since.is_some() => {
                if chars.peek() == Some(&'"') {
                    cell.push('"');
                    chars.next();
                } else {
                    quoted_since = None;
                }
            }
            '\n' if quoted_since.is_some() => {
                line += 1;
                cell.push(' ');
            }
            _ if quoted_since.is_some() => cell.push(c),
            '"' if cell.trim().is_empty() => {
                cell.clear();
                quoted_since = Some(line);
            }
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' => {
                cells.push(std::mem::take(&mut cell));
                rows.push(Row {
                    line: begins,
                    cells: std::mem::take(&mut cells),
                });
                line += 1;
                begins = line;
            }
            _ if c == separator => cells.push(std::mem::take(&mut cell)),
            _ => cell.push(c),
        }
    }
    if let Some(line) = quoted_since {
        return Err(line);
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(cell);
        rows.push(Row {
            line: begins,
            cells,
        });
    }
    Ok(rows)
}

/// What stands most often in one of the first lines: the line of the columns has more of it than any other has of anything.
fn separator(text: &str) -> char {
    let most = |separator: &char| {
        let counts = text
            .lines()
            .take(40)
            .map(|line| line.matches(*separator).count());
        counts.max().unwrap_or(0)
    };
    // The last of equals wins, and that is the comma.
    [';', '\t', '|', ',']
        .into_iter()
        .max_by_key(most)
        .unwrap_or(',')
}
