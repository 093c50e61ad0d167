//! Action documents: what a gateway may tell a call to do.

use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// One element of a `Response`.
#[derive(Debug, PartialEq)]
pub enum Action {
    Say(String),
    Play(String),
    GetDigits(Digits),
    Record {
        prompt: Option<String>,
        callback_url: Option<String>,
    },
    Redirect(String),
    Reject,
    /// An element that ends the document: Dial, Enqueue, Dequeue, Conference.
    Terminal(String),
}

#[derive(Debug, PartialEq)]
pub struct Digits {
    /// What is said before listening.
    pub prompt: Option<String>,
    pub count: Option<usize>,
    pub timeout: Duration,
    pub finish_on_key: Option<char>,
    pub callback_url: Option<String>,
}

/// Reads a whole document, or says what is wrong with it.
pub fn document(text: &str) -> Result<Vec<Action>, String> {
    let mut reader = Reader::from_str(text);
    let mut actions = Vec::new();
    // Elements being read, outermost first, and the text of the innermost.
    let mut open: Vec<Element> = Vec::new();
    loop {
        match reader
            .read_event()
            .map_err(|error| format!("broken XML: {error}"))?
        {
            Event::Start(start) => open.push(Element::read(&start)?),
            Event::Empty(start) => {
                let element = Element::read(&start)?;
                close(element, &mut open, &mut actions)?;
            }
            Event::Text(piece) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&piece);
                }
            }
            Event::GeneralRef(entity) => {
                let meant =
                    resolved(&entity).ok_or_else(|| format!("unknown entity &{};", &*entity))?;
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&meant);
                }
            }
            Event::CData(piece) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&piece);
                }
            }
            Event::End(_) => {
                let element = open.pop().ok_or("an element ends that never began")?;
                if open.is_empty() {
                    return if element.name == "Response" {
                        Ok(actions)
                    } else {
                        Err(format!("the root is {}", element.name))
                    };
                }
                close(element, &mut open, &mut actions)?;
            }
            Event::Eof => return Err("the document has no Response".into()),
            _ => {}
        }
    }
}

fn resolved(entity: &str) -> Option<String> {
    if let Some(number) = entity.strip_prefix('#') {
        let code = match number.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).map(String::from);
    }
    quick_xml::escape::resolve_predefined_entity(entity).map(str::to_owned)
}

struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    /// What an inner Say or Play says.
    prompt: Option<String>,
}

impl Element {
    fn read(start: &BytesStart<'_>) -> Result<Self, String> {
        let name = start.name().as_ref().to_owned();
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| format!("broken attribute: {error}"))?;
            let key = attribute.key.as_ref().to_owned();
            let value = quick_xml::escape::unescape(&attribute.value)
                .map_err(|error| error.to_string())?
                .into_owned();
            attributes.push((key, value));
        }
        Ok(Self {
            name,
            attributes,
            text: String::new(),
            prompt: None,
        })
    }

    fn attribute(&self, name: &str) -> Option<String> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    }
}

/// Hands a finished element to whoever it belongs to: the listener around it, or the document.
fn close(element: Element, open: &mut [Element], actions: &mut Vec<Action>) -> Result<(), String> {
    let inside = open
        .last_mut()
        .filter(|outer| ["GetDigits", "Record", "Say", "speak"].contains(&outer.name.as_str()));
    if let Some(outer) = inside {
        match element.name.as_str() {
            "Say" => outer.prompt = Some(element.text),
            "Play" => outer.prompt = element.attribute("url").map(|url| format!("[plays {url}]")),
            // SSML: only its words matter here.
            _ => outer.text.push_str(&element.text),
        }
        return Ok(());
    }
    let seconds = |text: String| {
        text.parse()
            .map(Duration::from_secs)
            .map_err(|_| "a timeout is not a number".to_owned())
    };
    actions.push(match element.name.as_str() {
        "Say" => Action::Say(element.text.trim().to_owned()),
        "Play" => Action::Play(element.attribute("url").ok_or("Play without url")?),
        "GetDigits" => Action::GetDigits(Digits {
            count: element
                .attribute("numDigits")
                .and_then(|count| count.parse().ok()),
            timeout: element
                .attribute("timeout")
                .map(seconds)
                .transpose()?
                .unwrap_or(Duration::from_secs(30)),
            finish_on_key: element
                .attribute("finishOnKey")
                .and_then(|key| key.chars().next()),
            callback_url: element.attribute("callbackUrl"),
            prompt: element.prompt.map(|prompt| prompt.trim().to_owned()),
        }),
        "Record" => Action::Record {
            callback_url: element.attribute("callbackUrl"),
            prompt: element.prompt,
        },
        "Redirect" => Action::Redirect(element.text.trim().to_owned()),
        "Reject" => Action::Reject,
        name @ ("Dial" | "Enqueue" | "Dequeue" | "Conference") => {
            Action::Terminal(name.to_lowercase())
        }
        other => return Err(format!("unknown element {other}")),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_alert_document() {
        let text = r##"<?xml version="1.0" encoding="UTF-8"?>
<Response>
  <GetDigits numDigits="1" timeout="10" finishOnKey="#">
    <Say>Accident at Njeri &amp; Sons. Press 1 if you are going.</Say>
  </GetDigits>
  <Redirect>https://gateway.example.test/at/k/voice?again=1&amp;x=2</Redirect>
</Response>"##;
        let digits = Digits {
            prompt: Some("Accident at Njeri & Sons. Press 1 if you are going.".into()),
            count: Some(1),
            timeout: Duration::from_secs(10),
            finish_on_key: Some('#'),
            callback_url: None,
        };
        let redirect =
            Action::Redirect("https://gateway.example.test/at/k/voice?again=1&x=2".into());
        assert_eq!(
            document(text),
            Ok(vec![Action::GetDigits(digits), redirect])
        );
    }

    #[test]
    fn refuses_what_is_broken() {
        for text in [
            "",
            "hello",
            "<Response><Say>Njeri & Sons</Say></Response>",
            "<Response><Hangup/></Response>",
            "<Say>x</Say>",
        ] {
            assert!(document(text).is_err(), "{text}");
        }
        assert_eq!(
            document("<Response><Reject/></Response>"),
            Ok(vec![Action::Reject])
        );
    }
}
