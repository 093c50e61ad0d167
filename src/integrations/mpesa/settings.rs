//! How to reach Daraja, and as whom.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Everything the client has to know. The secrets print as nothing.
#[derive(Clone, Debug, Deserialize)]
pub struct MpesaSettings {
    /// Such as `https://sandbox.safaricom.co.ke`, without a slash at the end.
    pub base_url: String,
    pub consumer_key: SecretString,
    pub consumer_secret: SecretString,
    /// The paybill; for a till the store number used at go-live.
    pub shortcode: String,
    /// The till itself, where it differs from the shortcode.
    #[serde(default)]
    pub till: Option<String>,
    pub passkey: SecretString,
    pub transaction_type: TransactionType,
    /// Where Daraja reaches us, such as `https://hooks.example.org`. Daraja refuses URLs with words such as
    /// `mpesa`, `query`, `cmd` or `sql` anywhere in them, and upper-case hosts.
    pub callback_base: String,
    /// The segment that all our webhook paths carry.
    pub webhook_key: SecretString,
    pub payouts: PayoutSettings,
}

/// As whom we pay out.
#[derive(Clone, Debug, Deserialize)]
pub struct PayoutSettings {
    /// The B2C shortcode, from whose utility account the money leaves.
    pub shortcode: String,
    /// The API operator's user name in M-PESA's organisation portal.
    pub initiator: String,
    /// The operator's password, encrypted with M-PESA's certificate (RSA, PKCS #1 v1.5) and in base64: the password itself is
    /// never ours to keep, and one such text serves for many requests.
    pub security_credential: SecretString,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum TransactionType {
    #[serde(rename = "CustomerPayBillOnline")]
    PayBill,
    #[serde(rename = "CustomerBuyGoodsOnline")]
    BuyGoods,
}

impl TransactionType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            TransactionType::PayBill => "CustomerPayBillOnline",
            TransactionType::BuyGoods => "CustomerBuyGoodsOnline",
        }
    }
}

impl MpesaSettings {
    pub(super) fn callback_url(&self, token: &str) -> String {
        format!(
            "{}/pay/{}/stk/{token}",
            self.callback_base,
            self.webhook_key.expose_secret()
        )
    }

    /// Where a result goes (`result`), or the notice that M-PESA's queue did not take it (`late`).
    pub(super) fn payout_url(&self, token: &str, kind: &str) -> String {
        format!(
            "{}/pay/{}/out/{token}/{kind}",
            self.callback_base,
            self.webhook_key.expose_secret()
        )
    }

    pub(super) fn paybill_url(&self, kind: &str) -> String {
        format!(
            "{}/pay/{}/c2b/{kind}",
            self.callback_base,
            self.webhook_key.expose_secret()
        )
    }
}
