//! How the story looks in a terminal.

use std::io::IsTerminal;

use super::LedgerLine;
use crate::primitives::{Money, Msisdn};

/// Characters in a row of a phone's screen.
const ROW: usize = 34;

/// One person's side of the stage.
pub(super) struct Scene {
    who: String,
}

impl Scene {
    pub(super) fn of(name: &str, msisdn: &str) -> Scene {
        let number =
            Msisdn::parse(msisdn).map_or_else(|_| String::new(), |msisdn| format!(" {msisdn}"));
        Scene {
            who: format!("{name}{number}"),
        }
    }

    pub(super) fn title(&self, text: &str) {
        println!("\n{}", bold(text));
        println!("{}", faint(&self.who));
    }

    /// Looks over another person's shoulder.
    pub(super) fn turn(&self) {
        println!("{}", faint(&self.who));
    }

    pub(super) fn pressed(&self, keys: &str, told: &str) {
        println!("  {} {}  {}", faint(">"), bold(keys), faint(told));
    }

    pub(super) fn screen(&self, text: &str) {
        boxed(text, "┌─┐", "└─┘");
    }

    pub(super) fn prompt(&self, text: &str) {
        boxed(&format!("M-PESA\n{text}"), "╔═╗", "╚═╝");
    }

    pub(super) fn message(&self, from: &str, text: &str) {
        self.said(&format!("SMS from {from}"), text);
    }

    pub(super) fn texted(&self, to: &str, text: &str) {
        self.said(&format!("SMS to {to}"), text);
    }

    pub(super) fn said(&self, who: &str, text: &str) {
        let mut label = format!("{who}:");
        for row in rows(text, 72) {
            println!("  {} {row}", faint(&label));
            label = " ".repeat(label.chars().count());
        }
    }
}

pub(super) fn ledger(line: &LedgerLine) {
    let amount = Money::from_cents(line.cents);
    println!(
        "  {} {}: {} -> {}  KES {amount}",
        faint("ledger"),
        line.kind,
        line.debit,
        line.credit
    );
}

pub(super) fn curtain(lines: usize) {
    println!("\n{}", bold("Every step came out right."));
    println!(
        "{}",
        faint(&format!(
            "The gateway's {lines} log lines hold no PIN, no id and no whole phone number."
        ))
    );
}

fn boxed(text: &str, top: &str, bottom: &str) {
    let edge = |corners: &str| {
        let mut corners = corners.chars();
        let (left, line, right) = (
            corners.next(),
            corners.next().map(String::from).unwrap_or_default(),
            corners.next(),
        );
        format!(
            "{}{}{}",
            left.unwrap_or(' '),
            line.repeat(ROW + 2),
            right.unwrap_or(' ')
        )
    };
    let side = if top.starts_with('╔') { '║' } else { '│' };
    println!("    {}", edge(top));
    for row in rows(text, ROW) {
        println!("    {side} {row:<ROW$} {side}");
    }
    println!("    {}", edge(bottom));
}

/// The text's own lines, broken between words where they are too long.
fn rows(text: &str, width: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for line in text.lines() {
        let mut row = String::new();
        for word in line.split_whitespace() {
            let longer = row.chars().count() + usize::from(!row.is_empty()) + word.chars().count();
            if longer > width && !row.is_empty() {
                rows.push(std::mem::take(&mut row));
            }
            if !row.is_empty() {
                row.push(' ');
            }
            row.push_str(word);
        }
        rows.push(row);
    }
    rows
}

fn bold(text: &str) -> String {
    styled(text, "1")
}

fn faint(text: &str) -> String {
    styled(text, "2")
}

fn styled(text: &str, style: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\u{1b}[{style}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_break_between_words_and_keep_the_screens_own_lines() {
        assert_eq!(
            rows("Karibu Amina\n1. Balances of the stage", 12),
            ["Karibu Amina", "1. Balances", "of the stage"]
        );
        assert_eq!(rows("", 12), Vec::<String>::new());
    }
}
