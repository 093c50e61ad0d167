use super::*;
use crate::payments::Pace;

fn answer(status: u16, body: &str) -> Heard {
    Heard::Answer {
        status,
        content_type: "application/json".to_owned(),
        body: body.as_bytes().to_vec(),
    }
}

/// The direct answers of Daraja's B2C, each with what it proves.
#[test]
fn answers_to_a_payment() {
    let refused = |words: &str| {
        SendAnswer::NotTaken(NotTaken::Refused {
            what: words.to_owned(),
        })
    };
    for (name, status, body, wanted) in [
        (
            "V60",
            200,
            r#"{"ConversationID":"AG_20261105_20106f0c9a71be34d2e8","OriginatorConversationID":"KS-01JBX9M3T7Q2V8K4N6R0S1W5YZ","ResponseCode":"0","ResponseDescription":"Accept the service request successfully."}"#,
            SendAnswer::Accepted,
        ),
        (
            "V61",
            500,
            r#"{"requestId":"1c5b-4ba8-815c-ac45c57a3db01469899","errorCode":"500.002.1001","errorMessage":"Duplicate OriginatorConversationID."}"#,
            SendAnswer::Duplicate,
        ),
        (
            "V62",
            500,
            r#"{"requestId":"1c5b-4ba8-815c-ac45c57a3db01469900","errorCode":"500.002.1001","errorMessage":"Service is currently under maintenance. Please try again later"}"#,
            SendAnswer::NotTaken(NotTaken::Maintenance),
        ),
        (
            "the same code in words nobody knows",
            500,
            r#"{"requestId":"1","errorCode":"500.002.1001","errorMessage":"Oops"}"#,
            SendAnswer::Unknown,
        ),
        (
            "not authorised",
            403,
            r#"{"requestId":"1","errorCode":"403.002.1001","errorMessage":"The initiator is not authorized to initiate this transaction"}"#,
            refused("403.002.1001 The initiator is not authorized to initiate this transaction"),
        ),
        (
            "a bad number",
            400,
            r#"{"requestId":"1","errorCode":"400.002.02","errorMessage":"Bad Request - Invalid PartyB"}"#,
            SendAnswer::NotTaken(NotTaken::BadPhone),
        ),
        (
            "a bad shortcode",
            400,
            r#"{"requestId":"1","errorCode":"400.002.02","errorMessage":"Bad Request - Invalid PartyA"}"#,
            refused("400.002.02 Bad Request - Invalid PartyA"),
        ),
        (
            "a bad credential",
            400,
            r#"{"requestId":"1","errorCode":"400.002.02","errorMessage":"Bad Request - Invalid SecurityCredential"}"#,
            refused("400.002.02 Bad Request - Invalid SecurityCredential"),
        ),
        (
            "a token",
            401,
            r#"{"requestId":"1","errorCode":"401.002.01","errorMessage":"Error Occurred - Invalid Access Token"}"#,
            SendAnswer::NotTaken(NotTaken::TokenRefused),
        ),
        (
            "too fast",
            429,
            "",
            SendAnswer::NotTaken(NotTaken::SlowDown(Pace::Rate)),
        ),
        (
            "a quota",
            500,
            r#"{"requestId":"1","errorCode":"500.003.03","errorMessage":"Quota Violation"}"#,
            SendAnswer::NotTaken(NotTaken::SlowDown(Pace::Quota)),
        ),
        (
            "an internal error",
            500,
            r#"{"requestId":"1","errorCode":"500.003.1001","errorMessage":"Internal Server Error"}"#,
            SendAnswer::Unknown,
        ),
        ("an empty 504", 504, "", SendAnswer::Unknown),
        ("a page", 200, "<html>", SendAnswer::Unknown),
        (
            "a no in the shape of a yes",
            200,
            r#"{"ConversationID":"AG_1","ResponseCode":"1"}"#,
            SendAnswer::Unknown,
        ),
        (
            "a yes without an id",
            200,
            r#"{"ResponseCode":"0"}"#,
            SendAnswer::Unknown,
        ),
    ] {
        assert_eq!(payment_answer(&answer(status, body)), wanted, "{name}");
    }
    assert_eq!(payment_answer(&Heard::Lost), SendAnswer::Unknown);
    let unsent = SendAnswer::NotTaken(NotTaken::Unreachable);
    assert_eq!(payment_answer(&Heard::Unsent), unsent);
}

fn payment(body: &str) -> PaymentResult {
    match read_payment_result(body.as_bytes()) {
        Said::Result(result) => result,
        other => panic!("{other:?}"),
    }
}

fn status(body: &str) -> StatusResult {
    match read_status_result(body.as_bytes()) {
        Said::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

/// V63.
const PAID: &str = r#"{"Result":{"ResultType":0,"ResultCode":0,"ResultDesc":"The service request is processed successfully.","OriginatorConversationID":"KS-01JBX9M3T7Q2V8K4N6R0S1W5YZ","ConversationID":"AG_20261105_20106f0c9a71be34d2e8","TransactionID":"UK5E2R4T6Y","ResultParameters":{"ResultParameter":[{"Key":"TransactionAmount","Value":5000},{"Key":"TransactionReceipt","Value":"UK5E2R4T6Y"},{"Key":"ReceiverPartyPublicName","Value":"254712345678 - AMINA WANJIKU"},{"Key":"TransactionCompletedDateTime","Value":"05.11.2026 16:02:31"},{"Key":"B2CUtilityAccountAvailableFunds","Value":81250.00},{"Key":"B2CWorkingAccountAvailableFunds","Value":0.00},{"Key":"B2CRecipientIsRegisteredCustomer","Value":"Y"},{"Key":"B2CChargesPaidAccountAvailableFunds","Value":-312.00}]},"ReferenceData":{"ReferenceItem":{"Key":"QueueTimeoutURL","Value":"https://hooks.kwastage.example/cb/o/11aa/q"}}}}"#;

#[test]
fn a_payment_that_was_made() {
    let paid = payment(PAID);
    assert_eq!(paid.originator, "KS-01JBX9M3T7Q2V8K4N6R0S1W5YZ");
    assert!(paid.code.is_paid());
    assert_eq!(paid.receipt, Receipt::parse("UK5E2R4T6Y"));
    assert_eq!(paid.amount, Some(Money::from_shillings(5_000)));
    assert_eq!(paid.recipient, Some(PhoneHint::new("254712345678")));
    assert_eq!(paid.name.as_deref(), Some("AMINA WANJIKU"));
    assert_eq!(paid.float, Some(Money::from_shillings(81_250)));
    // Neither the number nor the name is for a log.
    let printed = format!("{paid:?}");
    assert!(!printed.contains("AMINA") && !printed.contains("712345678"));
}

#[test]
fn payments_that_were_not_made() {
    // V64: the transaction's id is a dummy.
    let empty = payment(
        r#"{"Result":{"ResultType":0,"ResultCode":1,"ResultDesc":"The balance is insufficient for the transaction.","OriginatorConversationID":"KS-01JBX9M3T7Q2V8K4N6R0S1W5YZ","ConversationID":"AG_20261105_20106f0c9a71be34d2e8","TransactionID":"UK50000000","ReferenceData":{"ReferenceItem":{"Key":"QueueTimeoutURL","Value":"https://hooks.kwastage.example/cb/o/11aa/q"}}}}"#,
    );
    assert_eq!((empty.code.as_str(), empty.receipt), ("1", None));
    // V66: codes as text.
    let stranger = payment(
        r#"{"Result":{"ResultType":"0","ResultCode":"2040","ResultDesc":"Credit Party customer type (Unregistered or Registered Customer) can't be supported by the service.","OriginatorConversationID":"KS-01JBX9M3T7Q2V8K4N6R0S1W5YZ","ConversationID":"AG_20261105_20106f0c9a71be34d2e8","TransactionID":""}}"#,
    );
    assert_eq!(stranger.code.as_str(), "2040");
}

/// V70: a parameter alone instead of in a list.
#[test]
fn a_result_of_an_odd_shape() {
    let paid = payment(
        r#"{"Result":{"ResultType":0,"ResultCode":0,"ResultDesc":"The service request is processed successfully.","OriginatorConversationID":"KS-01JBX9M3T7Q2V8K4N6R0S1W5YZ","ConversationID":"AG_20261105_20106f0c9a71be34d2e8","TransactionID":"UK5E2R4T6Y","ResultParameters":{"ResultParameter":{"Key":"TransactionReceipt","Value":"UK5E2R4T6Y"}},"ReferenceData":{"ReferenceItem":[{"Key":"QueueTimeoutURL","Value":"https://hooks.kwastage.example/cb/o/11aa/q"},{"Key":"Occasion"}]}}}"#,
    );
    assert_eq!(paid.receipt, Receipt::parse("UK5E2R4T6Y"));
    assert_eq!((paid.amount, paid.recipient), (None, None));
}

/// V73 to V76: the code tells of the question, the status of the payment.
#[test]
fn answers_to_questions() {
    let completed = r#"{"Result":{"ResultType":0,"ResultCode":0,"ResultDesc":"The service request is processed successfully.","OriginatorConversationID":"9b1f-4a77-8c20-6d3e5f7a90bb120045","ConversationID":"AG_20261105_20307a6b5c4d3e2f1a0b","TransactionID":"UK50000000","ResultParameters":{"ResultParameter":[{"Key":"DebitPartyName","Value":"600124 - KwaStage"},{"Key":"DebitPartyName","Value":"254712345678 - AMINA WANJIKU"},{"Key":"OriginatorConversationID","Value":"KS-01JBX9M3T7Q2V8K4N6R0S1W5YZ"},{"Key":"InitiatedTime","Value":20261105160229},{"Key":"DebitAccountType","Value":"Utility Account"},{"Key":"DebitPartyCharges","Value":"Fee For B2C Payment|KES|13.00"},{"Key":"TransactionReason"},{"Key":"ReasonType","Value":"Business Payment to Customer via API"},{"Key":"TransactionStatus","Value":"Completed"},{"Key":"FinalisedTime","Value":20261105160231},{"Key":"Amount","Value":"5000"},{"Key":"ConversationID","Value":"AG_20261105_20106f0c9a71be34d2e8"},{"Key":"ReceiptNo","Value":"UK5E2R4T6Y"}]},"ReferenceData":{"ReferenceItem":{"Key":"Occasion"}}}}"#;
    let told = status(completed);
    assert_eq!(told.about.as_deref(), Some("KS-01JBX9M3T7Q2V8K4N6R0S1W5YZ"));
    assert_eq!(told.fate, Some(Fate::Completed));
    assert_eq!(told.receipt, Receipt::parse("UK5E2R4T6Y"));
    assert_eq!(told.amount, Some(Money::from_shillings(5_000)));
    for (word, fate) in [
        ("Declined", Fate::NotPaid),
        ("Cancelled", Fate::NotPaid),
        ("Expired", Fate::NotPaid),
        ("Authorized", Fate::Undecided),
        ("Pending Authorized", Fate::Undecided),
        ("Initiated", Fate::Undecided),
        ("Something new", Fate::Undecided),
    ] {
        let body = completed.replace("Completed", word);
        assert_eq!(status(&body).fate, Some(fate), "{word}");
    }
    let refused = status(
        r#"{"Result":{"ResultType":0,"ResultCode":25,"ResultDesc":"Invalid request parameters.","OriginatorConversationID":"9b1f-4a77-8c20-6d3e5f7a90bb120046","ConversationID":"AG_20261105_20307a6b5c4d3e2f1a0c","TransactionID":""}}"#,
    );
    assert_eq!((refused.code.as_str(), refused.fate), ("25", None));
}

#[test]
fn no_bytes_upset_the_readers() {
    use proptest::prelude::*;
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..PAID.len(), at in 0..PAID.len(), byte: u8)| {
        let _ = (read_payment_result(&bytes), read_status_result(&bytes));
        prop_assert_eq!(read_payment_result(&PAID.as_bytes()[..cut]), Said::Unreadable);
        let mut damaged = PAID.as_bytes().to_vec();
        damaged[at] = byte;
        let _ = (read_payment_result(&damaged), read_status_result(&damaged));
    });
}
