//! The phone as lines of text.

use super::{CallView, EndedCall, View, Writing};

/// Characters between the two sides of the frame.
const WIDTH: usize = 40;
/// Lines of the screen and of the inbox.
const SCREEN_LINES: usize = 10;
const INBOX_LINES: usize = 9;

pub(super) fn drawn(
    view: &View,
    over: Option<&EndedCall>,
    typed: &str,
    writing: Writing,
    trouble: Option<&str>,
    short_code: &str,
) -> Vec<String> {
    let edge = format!("+{}+", "-".repeat(WIDTH + 2));
    let unread = if view.unread > 0 {
        format!(" ({} new)", view.unread)
    } else {
        String::new()
    };
    let mut lines = vec![edge.clone()];
    lines.push(row(&format!("{}  {}", view.name, view.msisdn)));
    lines.push(row(&format!("M-PESA Ksh{}", view.balance)));
    lines.push(edge.clone());
    lines.extend(filled(screen(view, over), SCREEN_LINES, false));
    lines.push(edge.clone());
    lines.push(row(&format!("Messages{unread}")));
    let texts = view
        .texts
        .iter()
        .flat_map(|text| wrapped(&format!("{}: {}", text.from, text.text)));
    lines.extend(filled(texts.collect(), INBOX_LINES, true));
    lines.push(edge.clone());
    lines.push(row(&typing(view, typed, writing, short_code)));
    lines.push(edge);
    lines.push(format!("  {}", trouble.unwrap_or_else(|| hint(view))));
    lines
}

/// What lies on top: a prompt, else a call, else the end of one, else the USSD window.
fn screen(view: &View, over: Option<&EndedCall>) -> Vec<String> {
    if let Some(prompt) = view.prompt.as_ref().filter(|prompt| !prompt.ignored) {
        let mut lines = wrapped(&format!("M-PESA\n{}", prompt.text));
        lines.extend([
            "".into(),
            "[a] approve   [c] cancel".into(),
            "[w] wrong PIN [i] ignore".into(),
        ]);
        return lines;
    }
    if let Some(call) = &view.call {
        return call_lines(call);
    }
    if let Some(call) = over {
        return over_lines(call);
    }
    wrapped(&view.screen)
}

fn call_lines(call: &CallView) -> Vec<String> {
    let title = match call.state.as_str() {
        "ringing" => "*** INCOMING CALL ***",
        "calling" => "Calling...",
        "listening" => "On the phone: press a number",
        _ => "On the phone",
    };
    let mut lines = vec![title.into(), call.from.clone(), String::new()];
    lines.extend(heard(&call.spoken, call.language.as_deref()));
    if call.rings() {
        lines.push("[Enter] answer   [Esc] decline".into());
    }
    // The last words are the ones to answer.
    let hidden = lines.len().saturating_sub(SCREEN_LINES);
    lines.split_off(hidden)
}

fn over_lines(call: &EndedCall) -> Vec<String> {
    let title = if call.missed {
        "Missed call".to_owned()
    } else {
        format!("Call ended after {} s", call.seconds)
    };
    let last = call.spoken.lines().last().unwrap_or_default();
    let mut lines = vec![title, call.from.clone(), String::new()];
    lines.extend(heard(last, call.language.as_deref()));
    lines
}

/// What a call said, with the language it was said in.
fn heard(spoken: &str, language: Option<&str>) -> Vec<String> {
    let language = match language {
        Some("sw") => "In Swahili:\n",
        Some("en") => "In English:\n",
        _ => "",
    };
    wrapped(&format!("{language}{spoken}"))
}

fn typing(view: &View, typed: &str, writing: Writing, short_code: &str) -> String {
    let label = match writing {
        _ if view.call.is_some() => "keys",
        _ if view.open => "reply",
        Writing::Keys => "dial",
        Writing::Message => return format!("to {short_code}> {typed}_"),
    };
    format!("{label}> {typed}_")
}

fn hint(view: &View) -> &'static str {
    if view.call.as_ref().is_some_and(CallView::rings) {
        "Enter answers, Esc declines. Ctrl-C leaves."
    } else if view.call.is_some() {
        "Digits, * and # are pressed, Esc hangs up. Ctrl-C leaves."
    } else if view.open {
        "Enter sends, Esc hangs up. Ctrl-C leaves."
    } else {
        "Enter dials a code or number or sends, Tab changes to messages and back, Esc clears. Ctrl-C leaves."
    }
}

/// Exactly so many rows: the first ones, or the last ones.
fn filled(lines: Vec<String>, count: usize, last: bool) -> Vec<String> {
    let skipped = if last {
        lines.len().saturating_sub(count)
    } else {
        0
    };
    let shown = lines
        .into_iter()
        .skip(skipped)
        .chain(std::iter::repeat(String::new()))
        .take(count);
    shown.map(|line| row(&line)).collect()
}

fn row(text: &str) -> String {
    let shown: String = text
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    let kept: String = match shown.chars().count() {
        length if length > WIDTH => shown.chars().skip(length - WIDTH).collect(),
        _ => shown,
    };
    format!("| {kept:<WIDTH$} |")
}

/// Lines no wider than the frame, broken between words where that is possible.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let mut word: Vec<char> = word.chars().collect();
            if !line.is_empty() && line.chars().count() + 1 + word.len() > WIDTH {
                lines.push(std::mem::take(&mut line));
            }
            while word.len() > WIDTH {
                lines.push(word.drain(..WIDTH).collect());
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.extend(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::{PromptView, TextView};
    use super::*;

    #[test]
    fn every_line_of_the_frame_is_equally_wide() {
        let text = "A rather long message with averyveryverylongwordthatdoesnotfitintooneline at all, and \u{7} a bell";
        let view = View {
            msisdn: "254711000001".into(),
            name: "Amina".into(),
            open: true,
            screen: "Karibu\n1. Pay\n2. Balance".into(),
            balance: "4,800.00".into(),
            texts: vec![
                TextView {
                    from: "22384".into(),
                    text: text.into()
                };
                9
            ],
            ..View::default()
        };
        let lines = drawn(&view, None, "1", Writing::Keys, None, "22384");
        let framed = &lines[..lines.len() - 1];
        assert!(
            framed.iter().all(|line| line.chars().count() == WIDTH + 4),
            "{lines:#?}"
        );
        assert!(lines.iter().any(|line| line.contains("1. Pay")));
        assert!(lines.iter().any(|line| line.contains("reply> 1_")));
    }

    #[test]
    fn a_prompt_covers_the_screen() {
        let prompt = PromptView {
            text: "Pay Ksh200.00?".into(),
            ignored: false,
        };
        let view = View {
            screen: "Menu".into(),
            prompt: Some(prompt),
            ..View::default()
        };
        let lines = drawn(&view, None, "", Writing::Keys, None, "22384").join("\n");
        assert!(
            lines.contains("Pay Ksh200.00?")
                && lines.contains("[a] approve")
                && !lines.contains("Menu")
        );
    }

    fn in_call(state: &str, spoken: &str) -> View {
        View {
            screen: "Menu".into(),
            call: Some(CallView {
                from: "+254711082000".into(),
                state: state.into(),
                spoken: spoken.into(),
                language: Some("sw".into()),
            }),
            ..View::default()
        }
    }

    #[test]
    fn a_call_rings_is_heard_and_leaves_a_trace_when_missed() {
        let shown =
            |view: &View, over| drawn(view, over, "", Writing::Keys, None, "22384").join("\n");
        let ringing = shown(&in_call("ringing", ""), None);
        assert!(
            ringing.contains("INCOMING CALL")
                && ringing.contains("[Enter] answer")
                && !ringing.contains("Menu")
        );
        let long = format!("{}\nBonyeza 1 kama unakuja.", "Ajali Kencom. ".repeat(40));
        let talking = shown(&in_call("listening", &long), None);
        assert!(
            talking.contains("Bonyeza 1 kama unakuja."),
            "the question stays in sight: {talking}"
        );
        let missed = EndedCall {
            id: "1".into(),
            from: "+254711082000".into(),
            missed: true,
            seconds: 0,
            spoken: String::new(),
            language: None,
        };
        assert!(shown(&View::default(), Some(&missed)).contains("Missed call"));
    }
}
