//! The tables `staff_account`, `staff_password`, `staff_totp_step`, `staff_guard`, `staff_session`, `staff_refresh` and `api_key`.

pub mod accounts;
pub mod keys;
pub mod sessions;
