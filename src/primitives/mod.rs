//! The words every room shares: money, phone numbers, languages, carriers, secrets. Holding one is proof that it was checked.

mod carrier;
pub mod gsm7;
mod language;
mod masked_name;
mod money;
mod msisdn;
mod nairobi;
mod secret;
mod staff_name;

pub use carrier::Carrier;
pub use language::{Language, NotALanguage};
pub use masked_name::MaskedName;
pub use money::{Money, NotMoney};
pub use msisdn::{Msisdn, NotAPhoneNumber};
pub use nairobi::{NAIROBI, nairobi_date, nairobi_day_start};
pub use secret::Secret;
pub use staff_name::{NotAStaffName, StaffName};
