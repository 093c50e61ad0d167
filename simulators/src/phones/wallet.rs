//! One person's M-PESA wallet: the limits of which result codes arise by themselves.

use chrono::NaiveDate;

/// The most one payment may move, in cents.
pub const PAYMENT_MAX: i64 = 25_000_000;
/// The most a person may send in a day, in cents.
pub const DAILY_MAX: i64 = 50_000_000;
/// The most a wallet may hold, in cents.
pub const WALLET_MAX: i64 = 50_000_000;
/// Wrong PINs before the PIN is locked.
pub const PIN_TRIES: u8 = 3;

/// Amounts are in cents.
#[derive(Clone, Debug)]
pub struct Wallet {
    pub balance: i64,
    pub registered: bool,
    pub pin_locked: bool,
    pub wrong_pins: u8,
    day: NaiveDate,
    pub sent_today: i64,
}

/// Why a wallet will not pay or be paid: the result code and its prose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declined {
    pub code: i64,
    pub says: &'static str,
}

impl Wallet {
    pub(crate) fn new(balance: i64, registered: bool) -> Self {
        Self {
            balance,
            registered,
            pin_locked: false,
            wrong_pins: 0,
            day: NaiveDate::MIN,
            sent_today: 0,
        }
    }

    /// A wrong PIN: 2001, and the third one locks.
    pub(crate) fn wrong_pin(&mut self) -> Declined {
        if self.pin_locked {
            return PIN_LOCKED;
        }
        self.wrong_pins += 1;
        self.pin_locked = self.wrong_pins >= PIN_TRIES;
        Declined {
            code: 2001,
            says: "The initiator information is invalid.",
        }
    }

    /// Whether the wallet would pay this amount today. Judges; moves nothing.
    pub(crate) fn may_pay(&mut self, amount: i64, today: NaiveDate) -> Result<(), Declined> {
        self.turn_page(today);
        if self.pin_locked {
            return Err(PIN_LOCKED);
        }
        if amount < 100 {
            return Err(Declined {
                code: 2,
                says: "Declined due to limit rule: less than the minimum transaction amount.",
            });
        }
        if amount > PAYMENT_MAX {
            return Err(Declined {
                code: 3,
                says: "Declined due to limit rule: greater than the maximum transaction amount.",
            });
        }
        if self.sent_today + amount > DAILY_MAX {
            return Err(Declined {
                code: 4,
                says: "Declined due to limit rule: would exceed the daily transfer limit.",
            });
        }
        if self.balance < amount {
            return Err(Declined {
                code: 1,
                says: "The balance is insufficient for the transaction.",
            });
        }
        Ok(())
    }

    pub(crate) fn pay(&mut self, amount: i64, today: NaiveDate) {
        self.turn_page(today);
        self.wrong_pins = 0;
        self.balance -= amount;
        self.sent_today += amount;
    }

    /// Whether the wallet can take this amount.
    pub(crate) fn may_receive(&self, amount: i64) -> Result<(), Declined> {
        if self.balance + amount > WALLET_MAX {
            return Err(Declined {
                code: 8,
                says: "Declined due to limit rule: would exceed the maximum balance.",
            });
        }
        Ok(())
    }

    pub(crate) fn unlock(&mut self) {
        self.pin_locked = false;
        self.wrong_pins = 0;
    }

    fn turn_page(&mut self, today: NaiveDate) {
        if self.day != today {
            self.day = today;
            self.sent_today = 0;
        }
    }
}

const PIN_LOCKED: Declined = Declined {
    code: 8006,
    says: "The security credential is locked.",
};

/// `1,250.00`, as M-PESA writes money for people.
pub(crate) fn shown(cents: i64) -> String {
    let digits = (cents / 100).abs().to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{grouped}.{:02}", (cents % 100).abs())
}

/// `1250.00`, as it goes over the wire.
pub(crate) fn plain(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", (cents / 100).abs(), (cents % 100).abs())
}
