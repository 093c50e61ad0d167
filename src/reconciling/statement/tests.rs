use proptest::prelude::*;

use super::*;

const STATEMENT: &str = "\
Organization Statement,,,,\r
Short Code:,600123,Organization Name:,KwaStage,\r
Time Period:,From 20-11-2026 00:00:00 to 20-11-2026 23:59:59,,,\r
\r
Receipt No.,Completion Time,Initiation Time,Details,Transaction Status,Paid In,Withdrawn,Balance,Balance Confirmed,Reason Type,Other Party Info,Linked Transaction ID,A/C No.\r
UKK5B7K2M9,20-11-2026 15:01:14,20-11-2026 15:01:12,\"Pay Bill from 2547•••••678 - AMINA WANJIKU Acc. 0711 000 001\",Completed,\"1,500.00\",,\"48,250.00\",true,Pay Bill Online,2547•••••678 - AMINA WANJIKU,,0711 000 001\r
UKK5C0Q8T1,20-11-2026 16:15:00,20-11-2026 16:15:00,Pay Bill from 2541•••••437 - Acc. INSURANCE,Completed,200.00,,\"48,450.00\",true,Pay Bill Online,,,\r
UKK5C0Q8T1,20-11-2026 16:15:00,20-11-2026 16:15:00,Pay merchant Charge,Completed,,-5.00,\"48,445.00\",true,Charge,,,\r
UKK5D4F6G8,20-11-2026 17:00:00,20-11-2026 17:00:00,Business Payment to 254711000002,Completed,,\"-2,000.00\",\"46,445.00\",true,B2C,,,\r
UKK5E4F6G8,20-11-2026 18:00:00,20-11-2026 18:00:00,Pay Bill,Failed,300.00,,\"46,445.00\",true,Pay Bill Online,,,\r
";

fn kept(statement: &Statement) -> Vec<(String, i64, String, String)> {
    let payments = statement.payments.iter();
    payments
        .map(|payment| {
            let at = payment
                .at
                .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            let receipt = payment.receipt.to_string();
            (receipt, payment.amount.cents(), at, payment.account.clone())
        })
        .collect()
}

#[test]
fn the_portals_own_file_is_read() {
    let statement = read(STATEMENT.as_bytes()).unwrap();
    let wanted = [
        (
            "UKK5B7K2M9",
            150_000,
            "2026-11-20T12:01:14Z",
            "0711 000 001",
        ),
        ("UKK5C0Q8T1", 20_000, "2026-11-20T13:15:00Z", "INSURANCE"),
    ];
    let wanted = wanted.map(|(receipt, cents, at, account)| {
        (receipt.to_owned(), cents, at.to_owned(), account.to_owned())
    });
    assert_eq!(kept(&statement), wanted);
    assert_eq!(statement.outgoing, 2);
    assert_eq!(statement.outgoing_total, Money::from_shillings(2_005));
    assert_eq!(statement.not_completed, 1);
    let hints: Vec<_> = statement
        .payments
        .iter()
        .map(|one| one.payer_hint.clone())
        .collect();
    assert_eq!(hints[0].as_deref(), Some("2547•••••678"));
    let day = "2026-11-20".parse().unwrap();
    assert_eq!(statement.days(), Some((day, day)));
    assert_eq!(statement.of_day(day).len(), 2);
    assert_eq!(statement.of_day("2026-11-21".parse().unwrap()), []);
}

#[test]
fn other_programs_have_passed_it_on() {
    let wanted = kept(&read(STATEMENT.as_bytes()).unwrap());
    let marked = [b"\xEF\xBB\xBF", STATEMENT.as_bytes()].concat();
    let little: Vec<u8> = [0xFEFF]
        .into_iter()
        .chain(STATEMENT.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let big: Vec<u8> = STATEMENT
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let old: Vec<u8> = STATEMENT
        .chars()
        .map(|c| if c == '•' { 0xB7 } else { c as u8 })
        .collect();
    let unix = STATEMENT.replace('\r', "");
    for bytes in [marked, little, big, old, unix.into_bytes()] {
        assert_eq!(kept(&read(&bytes).unwrap()), wanted);
    }
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let file = "Paid In;DATE;Receipt;Account Number\n\"KES 1 500.50\";05/11/2026 02:30:22 PM;tkq1abcde2;W0711000001\n\n;;Total;\n";
    // A total below the table has no receipt, and this one claims to be one.
    let mistakes = read(file.as_bytes()).unwrap_err();
    assert_eq!(mistakes[0].line, 4);
    let file = file.replace("Total", "");
    let statement = read(file.as_bytes()).unwrap();
    let wanted = ("TKQ1ABCDE2", 150_050, "2026-11-05T11:30:22Z", "W0711000001");
    let (receipt, cents, at, account) = kept(&statement).remove(0);
    assert_eq!(
        (receipt.as_str(), cents, at.as_str(), account.as_str()),
        wanted
    );
}

#[test]
fn each_bad_row_is_named_and_nothing_is_taken() {
    let file = "\
Receipt No.,Completion Time,Paid In,Withdrawn
UKK5B7K2M9,2026-11-20 15:01:14,200.00,
UKK5,2026-11-20 15:01:14,200.00,
UKK5B7K2M8,yesterday,200.00,
UKK5B7K2M7,20-11-26 15:01:14,200.00,
UKK5B7K2M6,2026-11-20 15:01:14,2OO,
UKK5B7K2M5,2026-11-20 15:01:14,1.005,
UKK5B7K2M4,2026-11-20 15:01:14,,
UKK5B7K2M3,2026-11-20 15:01:14,5,5
UKK5B7K2M9,2026-11-20 15:01:14,200.00,
";
    let told: Vec<String> = read(file.as_bytes())
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "line 3: `UKK5` is no receipt number",
            "line 4: `yesterday` is no time, such as 2026-11-05 14:30:22",
            "line 5: `20-11-26 15:01:14` is no time, such as 2026-11-05 14:30:22",
            "line 6: `2OO` is no amount, such as 1,500.00",
            "line 7: `1.005` is no amount, such as 1,500.00",
            "line 8: a row has one amount, paid in or withdrawn",
            "line 9: a row has one amount, paid in or withdrawn",
            "line 10: the receipt of line 2 again",
        ]
    );
}

#[test]
fn another_file_is_no_statement() {
    for (file, told) in [
        (
            "",
            "line 1: no line names the columns; missing: Receipt No., Completion Time, Paid In",
        ),
        (
            "Receipt No.,Details,Completion Time\nA,B,C\n",
            "line 1: no line names the columns; missing: Paid In",
        ),
        (
            "Receipt No.,Completion Time,Paid In\n",
            "line 1: there is no row below the columns",
        ),
        (
            "Receipt No.,Completion Time,Paid In,Paid In\n",
            "line 1: the column Paid In stands there twice",
        ),
        (
            "Receipt No.,Completion Time,Paid In\n\"UKK5B7K2M9,2",
            "line 2: a quote is opened and never closed",
        ),
    ] {
        let mistakes = read(file.as_bytes()).unwrap_err();
        assert_eq!(mistakes[0].to_string(), told, "{file}");
    }
}

proptest! {
    #[test]
    fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
    }

    /// Cut anywhere or with a byte changed, it is read or refused, and never more is read than stands there.
    #[test]
    fn no_damage_adds_money(cut in 0..STATEMENT.len(), at in 0..STATEMENT.len(), byte: u8) {
        let whole = read(STATEMENT.as_bytes()).unwrap();
        if let Ok(part) = read(&STATEMENT.as_bytes()[..cut]) {
            prop_assert!(part.payments.len() <= whole.payments.len());
        }
        let mut damaged = STATEMENT.as_bytes().to_vec();
        damaged[at] = byte;
        let _ = read(&damaged);
    }

    /// What is written is read again, whatever the separator and the quotes.
    #[test]
    fn rows_come_back(
        amounts in proptest::collection::vec(1i64..100_000_000, 1..30), separator in 0usize..4, quoted: bool,
    ) {
        let separator = [",", ";", "\t", "|"][separator];
        let quote = if quoted { "\"" } else { "" };
        let mut file = ["Receipt No.", "Completion Time", "Paid In", "Withdrawn"].join(separator);
        for (place, cents) in amounts.iter().enumerate() {
            let cells = [
                format!("UKK{place:07}"),
                "2026-11-20 15:01:14".to_owned(),
                format!("{}.{:02}", cents / 100, cents % 100),
                String::new(),
            ];
            let cells = cells.map(|cell| format!("{quote}{cell}{quote}"));
            file = format!("{file}\n{}", cells.join(separator));
        }
        let read: Vec<i64> = read(file.as_bytes()).unwrap().payments.iter().map(|one| one.amount.cents()).collect();
        prop_assert_eq!(read, amounts);
    }
}
