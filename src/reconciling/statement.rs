//! The statement that the M-PESA organisation portal exports, as CSV, read as forgivingly as can be without guessing. Pure.
//!
//! The portal puts some lines about the organisation first, then the columns `Receipt No.`, `Completion Time`, `Initiation Time`,
//! `Details`, `Transaction Status`, `Paid In`, `Withdrawn`, `Balance`, `Balance Confirmed`, `Reason Type`, `Other Party Info`,
//! `Linked Transaction ID`, `A/C No.`. Spreadsheets have passed it on in other encodings, with other separators and dates, and
//! without some of the columns. One row that cannot be read, and nothing of the file is taken.

mod cells;
mod text;

use std::collections::HashMap;
use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use rust_decimal::Decimal;

use super::model::Theirs;
use crate::payments::Receipt;
use crate::primitives::{Money, NAIROBI, nairobi_date};

/// What a statement says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Payments to us, as they stand in the file.
    pub payments: Vec<Theirs>,
    /// Payments from us and charges: how many, and how much.
    pub outgoing: usize,
    pub outgoing_total: Money,
    /// Rows of transactions that did not complete: no money moved.
    pub not_completed: usize,
}

impl Statement {
    /// The payments of one Nairobi day.
    pub fn of_day(&self, day: NaiveDate) -> Vec<Theirs> {
        let of_day = self
            .payments
            .iter()
            .filter(|payment| nairobi_date(payment.at) == day);
        of_day.cloned().collect()
    }

    /// The first and the last day with a payment.
    pub fn days(&self) -> Option<(NaiveDate, NaiveDate)> {
        let days = self.payments.iter().map(|payment| nairobi_date(payment.at));
        Some((days.clone().min()?, days.max()?))
    }
}

/// Why a file is not taken, and where in it: lines are counted from one, as an editor shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub line: usize,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    TooLong,
    /// No line names these columns.
    NoColumns(Vec<&'static str>),
    ColumnTwice(&'static str),
    NotAReceipt(String),
    NotATime(String),
    NotAnAmount(String),
    /// Neither paid in nor withdrawn, or both.
    NoOneAmount,
    /// The receipt stands in an earlier line as well.
    SameReceiptAs(usize),
    UnclosedQuote,
    Empty,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.what {
            What::TooLong => write!(f, "the file is larger than {} MB", BYTES_MAX >> 20),
            What::NoColumns(names) => {
                write!(
                    f,
                    "no line names the columns; missing: {}",
                    names.join(", ")
                )
            }
            What::ColumnTwice(name) => write!(f, "the column {name} stands there twice"),
            What::NotAReceipt(cell) => write!(f, "`{cell}` is no receipt number"),
            What::NotATime(cell) => write!(f, "`{cell}` is no time, such as 2026-11-05 14:30:22"),
            What::NotAnAmount(cell) => write!(f, "`{cell}` is no amount, such as 1,500.00"),
            What::NoOneAmount => write!(f, "a row has one amount, paid in or withdrawn"),
            What::SameReceiptAs(earlier) => write!(f, "the receipt of line {earlier} again"),
            What::UnclosedQuote => write!(f, "a quote is opened and never closed"),
            What::Empty => write!(f, "there is no row below the columns"),
        }
    }
}

/// A year of a large association is a few megabytes.
const BYTES_MAX: usize = 32 << 20;
/// The portal's own lines before the columns are fewer.
const LINES_BEFORE_COLUMNS_MAX: usize = 40;
/// Whoever has sent the wrong file need not be told a thousand times.
const MISTAKES_MAX: usize = 100;

/// Reads a whole statement, or says everything that is wrong with it.
pub fn read(bytes: &[u8]) -> Result<Statement, Vec<Mistake>> {
    let one = |line, what| vec![Mistake { line, what }];
    if bytes.len() > BYTES_MAX {
        return Err(one(1, What::TooLong));
    }
    let text = text::decode(bytes);
    let rows = cells::rows(&text).map_err(|line| one(line, What::UnclosedQuote))?;
    let (place, columns) = Columns::find(&rows)?;
    let mut reading = Reading::default();
    for row in &rows[place + 1..] {
        reading.read(row, &columns);
    }
    reading.done(rows.get(place).map_or(1, |row| row.line))
}

/// The cells of a line, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    line: usize,
    cells: Vec<String>,
}

/// Which column is where.
#[derive(Debug)]
struct Columns {
    receipt: usize,
    time: usize,
    paid_in: usize,
    withdrawn: Option<usize>,
    status: Option<usize>,
    details: Option<usize>,
    account: Option<usize>,
    party: Option<usize>,
}

/// The names under which a column has been met, without spaces and signs, the portal's own first.
const RECEIPT: &[&str] = &[
    "receiptno",
    "receipt",
    "receiptnumber",
    "mpesareceiptno",
    "mpesareceiptnumber",
    "transactionid",
    "transid",
];
const TIME: &[&str] = &[
    "completiontime",
    "completedtime",
    "transactiontime",
    "transactiondate",
    "date",
    "time",
];
const PAID_IN: &[&str] = &["paidin", "credit", "amountreceived", "moneyin", "deposit"];
const WITHDRAWN: &[&str] = &["withdrawn", "debit", "amountsent", "moneyout"];
const STATUS: &[&str] = &["transactionstatus", "status"];
const DETAILS: &[&str] = &["details", "description", "narration", "particulars"];
const ACCOUNT: &[&str] = &[
    "acno",
    "accountno",
    "accountnumber",
    "billreference",
    "billrefnumber",
];
const PARTY: &[&str] = &["otherpartyinfo", "otherparty", "msisdn", "phone"];

impl Columns {
    fn find(rows: &[Row]) -> Result<(usize, Columns), Vec<Mistake>> {
        let mut nearest = vec!["Receipt No.", "Completion Time", "Paid In"];
        for (place, row) in rows.iter().enumerate().take(LINES_BEFORE_COLUMNS_MAX) {
            let names: Vec<String> = row.cells.iter().map(|cell| bare(cell)).collect();
            // The portal's own name counts before the others.
            let at = |wanted: &[&str]| {
                let mut found = wanted
                    .iter()
                    .map(|name| names.iter().position(|n| n == name));
                found.find_map(|place| place)
            };
            let needed = [
                ("Receipt No.", at(RECEIPT)),
                ("Completion Time", at(TIME)),
                ("Paid In", at(PAID_IN)),
            ];
            if let [(_, Some(receipt)), (_, Some(time)), (_, Some(paid_in))] = needed {
                let columns = Columns {
                    receipt,
                    time,
                    paid_in,
                    withdrawn: at(WITHDRAWN),
                    status: at(STATUS),
                    details: at(DETAILS),
                    account: at(ACCOUNT),
                    party: at(PARTY),
                };
                for (name, place) in needed {
                    let same = |other: &&String| place.is_some_and(|at| **other == names[at]);
                    if names.iter().filter(same).count() > 1 {
                        let what = What::ColumnTwice(name);
                        return Err(vec![Mistake {
                            line: row.line,
                            what,
                        }]);
                    }
                }
                return Ok((place, columns));
            }
            let missing = needed.iter().filter(|(_, place)| place.is_none());
            let missing: Vec<&str> = missing.map(|(name, _)| *name).collect();
            if missing.len() < nearest.len() {
                nearest = missing;
            }
        }
        let what = What::NoColumns(nearest);
        Err(vec![Mistake { line: 1, what }])
    }
}

fn bare(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_ascii_alphanumeric());
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

#[derive(Default)]
struct Reading {
    payments: Vec<Theirs>,
    outgoing: usize,
    outgoing_total: Money,
    not_completed: usize,
    lines: HashMap<Receipt, usize>,
    mistakes: Vec<Mistake>,
}

impl Reading {
    fn read(&mut self, row: &Row, columns: &Columns) {
        let cell = |place: usize| row.cells.get(place).map_or("", |cell| cell.trim());
        let maybe = |place: Option<usize>| place.map_or("", cell);
        // A blank line, or a total below the table.
        if cell(columns.receipt).is_empty() && cell(columns.time).is_empty() {
            return;
        }
        let status = maybe(columns.status);
        if !status.is_empty() && !status.eq_ignore_ascii_case("completed") {
            self.not_completed += 1;
            return;
        }
        let read = || -> Result<(Receipt, DateTime<Utc>, Money, Money), What> {
            let receipt = Receipt::parse(cell(columns.receipt))
                .ok_or_else(|| What::NotAReceipt(shown(cell(columns.receipt))))?;
            let at = moment(cell(columns.time))
                .ok_or_else(|| What::NotATime(shown(cell(columns.time))))?;
            let amount = |text: &str| amount(text).ok_or_else(|| What::NotAnAmount(shown(text)));
            Ok((
                receipt,
                at,
                amount(cell(columns.paid_in))?,
                amount(maybe(columns.withdrawn))?,
            ))
        };
        let (receipt, at, paid_in, withdrawn) = match read() {
            Ok(read) => read,
            Err(what) => return self.is_wrong(row.line, what),
        };
        match (paid_in.is_positive(), withdrawn.is_positive()) {
            // Charges carry the receipt of what they are for.
            (false, true) => {
                self.outgoing += 1;
                self.outgoing_total = self.outgoing_total + withdrawn;
            }
            (true, false) => {
                if let Some(earlier) = self.lines.insert(receipt.clone(), row.line) {
                    return self.is_wrong(row.line, What::SameReceiptAs(earlier));
                }
                self.payments.push(Theirs {
                    receipt,
                    amount: paid_in,
                    at,
                    account: account(maybe(columns.account), maybe(columns.details)),
                    payer_hint: payer(maybe(columns.party), maybe(columns.details)),
                });
            }
            _ => self.is_wrong(row.line, What::NoOneAmount),
        }
    }

    fn is_wrong(&mut self, line: usize, what: What) {
        if self.mistakes.len() < MISTAKES_MAX {
            self.mistakes.push(Mistake { line, what });
        }
    }

    fn done(self, columns_line: usize) -> Result<Statement, Vec<Mistake>> {
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        if self.payments.is_empty() && self.outgoing + self.not_completed == 0 {
            return Err(vec![Mistake {
                line: columns_line,
                what: What::Empty,
            }]);
        }
        Ok(Statement {
            payments: self.payments,
            outgoing: self.outgoing,
            outgoing_total: self.outgoing_total,
            not_completed: self.not_completed,
        })
    }
}

/// What is said of a cell: enough to find it, and never a whole number or name.
fn shown(cell: &str) -> String {
    cell.chars().take(24).collect()
}

/// Empty is nothing. Signs are ignored: money out stands there with or without one.
fn amount(cell: &str) -> Option<Money> {
    let bare = cell.trim_start_matches(|c: char| c.is_ascii_alphabetic() || matches!(c, ' ' | '-'));
    if bare.is_empty() {
        return cell
            .chars()
            .all(|c| !c.is_ascii_alphabetic())
            .then_some(Money::ZERO);
    }
    let plain: String = bare
        .chars()
        .filter(|c| !matches!(c, ',' | ' ' | '\u{a0}'))
        .collect();
    let digits = plain.chars().all(|c| c.is_ascii_digit() || c == '.');
    let exact = digits
        .then(|| Decimal::from_str_exact(&plain).ok())
        .flatten()?;
    Money::try_from(exact).ok()
}

/// Nairobi's time, day before month.
fn moment(cell: &str) -> Option<DateTime<Utc>> {
    const FORMATS: [&str; 12] = [
        "%Y-%m-%d %H:%M:%S",
        "%d-%m-%Y %H:%M:%S",
        "%d/%m/%Y %H:%M:%S",
        "%Y/%m/%d %H:%M:%S",
        "%d.%m.%Y %H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%d-%m-%Y %H:%M",
        "%d/%m/%Y %H:%M",
        "%d/%m/%Y %I:%M:%S %p",
        "%d-%m-%Y %I:%M:%S %p",
        "%Y-%m-%dT%H:%M:%S",
        "%d %b %Y %H:%M:%S",
    ];
    let mut read = FORMATS
        .iter()
        .filter_map(|format| NaiveDateTime::parse_from_str(cell, format).ok());
    // A year of two digits would be read as one of the first century.
    let local = read.find(|local| (2007..2200).contains(&chrono::Datelike::year(local)))?;
    let local = NAIROBI.from_local_datetime(&local).single()?;
    Some(local.to_utc())
}

/// What the payer typed: in a column of its own, or behind `Acc.` in the details.
fn account(column: &str, details: &str) -> String {
    let typed = match column.is_empty() {
        false => column,
        true => details
            .rsplit_once("Acc. ")
            .or_else(|| details.rsplit_once("Account "))
            .map_or("", |(_, account)| account.trim()),
    };
    typed.chars().take(120).collect()
}

/// The number in `2547•••••678 - AMINA WANJIKU`, without the name.
fn payer(column: &str, details: &str) -> Option<String> {
    let from = details.split_once(" from ").map_or("", |(_, from)| from);
    let whole = [column, from].into_iter().find(|text| !text.is_empty())?;
    let number = whole.split(" - ").next().unwrap_or_default().trim();
    let shows_digits = number.chars().any(|c| c.is_ascii_digit());
    let masked = crate::payments::PhoneHint::new(number).masked();
    shows_digits.then(|| masked.chars().take(80).collect())
}

#[cfg(test)]
mod tests;
