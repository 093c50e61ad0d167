//! Africa's Talking's action documents: what a call is to say and which key it awaits. Everything said is escaped.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// Seconds to press a key in, from the end of what is said.
const KEY_WITHIN: &str = "10";

/// Says it and hangs up: a document that runs out ends the call.
pub fn say(text: &str) -> String {
    written(|xml| said(xml, text))
}

/// Says it and awaits one key; with none, once more; then says the closing and hangs up. Silence makes no request, so all
/// of it stands in one document.
pub fn ask(text: &str, closing: &str) -> String {
    written(|xml| {
        for _ in 0..2 {
            let mut digits = BytesStart::new("GetDigits");
            digits.push_attribute(("numDigits", "1"));
            digits.push_attribute(("timeout", KEY_WITHIN));
            xml.write_event(Event::Start(digits))?;
            said(xml, text)?;
            xml.write_event(Event::End(BytesEnd::new("GetDigits")))?;
        }
        said(xml, closing)
    })
}

/// Refuses an inbound call: it rings once at most and costs nobody anything.
pub fn reject() -> String {
    written(|xml| xml.write_event(Event::Empty(BytesStart::new("Reject"))))
}

fn said(xml: &mut Writer<Vec<u8>>, text: &str) -> std::io::Result<()> {
    xml.write_event(Event::Start(BytesStart::new("Say")))?;
    xml.write_event(Event::Text(BytesText::new(text)))?;
    xml.write_event(Event::End(BytesEnd::new("Say")))
}

fn written(body: impl FnOnce(&mut Writer<Vec<u8>>) -> std::io::Result<()>) -> String {
    let mut xml = Writer::new(Vec::new());
    let whole = (|| {
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        xml.write_event(Event::Start(BytesStart::new("Response")))?;
        body(&mut xml)?;
        xml.write_event(Event::End(BytesEnd::new("Response")))
    })();
    // Writing into memory cannot fail; were it to, a bare refusal is a document too.
    match (whole, String::from_utf8(xml.into_inner())) {
        (Ok(()), Ok(text)) => text,
        _ => "<Response><Reject/></Response>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quick_xml::Reader;

    #[test]
    fn the_documents_are_as_the_provider_wants_them() {
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>";
        assert_eq!(
            say("Njeri & Sons <1>"),
            format!("{head}<Say>Njeri &amp; Sons &lt;1&gt;</Say></Response>")
        );
        assert_eq!(reject(), format!("{head}<Reject/></Response>"));
        let digits = "<GetDigits numDigits=\"1\" timeout=\"10\"><Say>Press 1</Say></GetDigits>";
        assert_eq!(
            ask("Press 1", "Goodbye"),
            format!("{head}{digits}{digits}<Say>Goodbye</Say></Response>")
        );
    }

    proptest! {
        /// Whatever a rider is called and a place is named, the document is whole.
        #[test]
        fn no_name_breaks_a_document(text in any::<String>()) {
            let document = ask(&text, &text);
            let mut reader = Reader::from_str(&document);
            let mut depth = 0_i32;
            loop {
                match reader.read_event().unwrap() {
                    Event::Start(_) => depth += 1,
                    Event::End(_) => depth -= 1,
                    Event::Eof => break,
                    _ => {}
                }
            }
            prop_assert_eq!(depth, 0);
            prop_assert_eq!(document.matches("<Say>").count(), 3);
        }
    }
}
