//! The phone as lines of text.

use super::{View, Writing};

/// Characters between the two sides of the frame.
const WIDTH: usize = 40;
/// Lines of the screen and of the inbox.
const SCREEN_LINES: usize = 10;
const INBOX_LINES: usize = 9;

pub(super) fn drawn(
    view: &View,
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
    lines.extend(filled(screen(view), SCREEN_LINES, false));
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

/// What lies on top: a prompt, else a call, else the USSD window.
fn screen(view: &View) -> Vec<String> {
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
        return wrapped(&format!(
            "Call from {} ({})\n{}",
            call.from, call.state, call.spoken
        ));
    }
    wrapped(&view.screen)
}

fn typing(view: &View, typed: &str, writing: Writing, short_code: &str) -> String {
    let label = match writing {
        _ if view.open => "reply",
        Writing::Keys => "dial",
        Writing::Message => return format!("to {short_code}> {typed}_"),
    };
    format!("{label}> {typed}_")
}

fn hint(view: &View) -> &'static str {
    if view.call.is_some() {
        "Enter picks up, digits are pressed, Esc hangs up. Ctrl-C leaves."
    } else if view.open {
        "Enter sends, Esc hangs up. Ctrl-C leaves."
    } else {
        "Enter dials or sends, Tab changes to messages and back, Esc clears. Ctrl-C leaves."
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
        let lines = drawn(&view, "1", Writing::Keys, None, "22384");
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
        let lines = drawn(&view, "", Writing::Keys, None, "22384").join("\n");
        assert!(
            lines.contains("Pay Ksh200.00?")
                && lines.contains("[a] approve")
                && !lines.contains("Menu")
        );
    }
}
