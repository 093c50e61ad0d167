//! The menus as a picture: what leads where, by which key.

mod svg;

use std::fmt::Write as _;

use super::keys::keys;
use super::screens::{Deed, Form, Goto, Menus, Screen, ScreenId, Then};

/// An arrow from a screen to another; several answers that lead to the same place share one.
struct Arrow {
    from: ScreenId,
    to: ScreenId,
    labels: Vec<String>,
}

impl Menus {
    /// A Mermaid flowchart, one subgraph a journey.
    pub fn mermaid(&self) -> String {
        let mut chart = String::from("flowchart LR\n");
        for (journey, name) in self.journeys.iter().enumerate() {
            let _ = writeln!(chart, "  subgraph j{journey} [\"{}\"]", escaped(name));
            for (id, screen) in self
                .numbered()
                .filter(|(_, screen)| usize::from(screen.journey) == journey)
            {
                let (open, close) = if matches!(screen.form, Form::End(_)) {
                    ("([", "])")
                } else {
                    ("[", "]")
                };
                let label = self.label(screen).join("<br/>");
                let _ = writeln!(chart, "    s{}{open}\"{}\"{close}", id.0, escaped(&label));
            }
            chart.push_str("  end\n");
        }
        for arrow in self.arrows() {
            let labels: Vec<String> = arrow.labels.iter().map(|label| escaped(label)).collect();
            let _ = writeln!(
                chart,
                "  s{} -->|\"{}\"| s{}",
                arrow.from.0,
                labels.join("<br/>"),
                arrow.to.0
            );
        }
        chart
    }

    /// A drawing in SVG, one panel a journey.
    pub fn svg(&self) -> String {
        svg::draw(self)
    }

    /// What stands in a screen's box: its id, what it does, and how its text begins.
    fn label(&self, screen: &Screen) -> Vec<String> {
        let mut lines = vec![screen.name.clone()];
        match &screen.form {
            Form::Confirm { secret, deed, .. } => {
                let asked = if *secret { "with PIN" } else { "yes or no" };
                lines.push(format!("confirm {asked}: {}", self.intent(deed).name));
            }
            Form::Do(deed) | Form::End(Some(deed)) => {
                lines.push(format!("do: {}", self.intent(deed).name))
            }
            Form::Ask(typed) => lines.push(format!("ask: {}", typed.kind.name())),
            Form::List { .. } | Form::Choose { .. } | Form::End(None) => {}
        }
        if let Some(fact) = screen.facts {
            lines.push(format!(
                "facts: {}",
                self.vocabulary.facts[usize::from(fact)].name
            ));
        }
        if let Some(say) = screen.says.last() {
            let text = self
                .text(say.text)
                .versions
                .first()
                .map(|version| version.plain.replace('\n', " "));
            lines.push(first_words(&text.unwrap_or_default()));
        }
        lines
    }

    /// Every arrow, in the order of the documents. Showing the same screen again is none.
    fn arrows(&self) -> Vec<Arrow> {
        let mut arrows: Vec<Arrow> = Vec::new();
        for (from, screen) in self.numbered() {
            for (label, goto) in self.answers(screen) {
                let Goto::Screen(to) = goto else { continue };
                match arrows
                    .iter_mut()
                    .find(|arrow| arrow.from == from && arrow.to == to)
                {
                    Some(arrow) => arrow.labels.push(label),
                    None => arrows.push(Arrow {
                        from,
                        to,
                        labels: vec![label],
                    }),
                }
            }
        }
        arrows
    }

    /// What can be answered on a screen, in the picture's words, and where it leads.
    fn answers(&self, screen: &Screen) -> Vec<(String, Goto)> {
        let mut answers = Vec::new();
        match &screen.form {
            Form::Choose {
                options,
                typed,
                taken,
            } => {
                for (index, option) in options.iter().enumerate() {
                    let key = keys(options, *taken, option.when.all)
                        .find(|(_, visible)| *visible == index);
                    let key = key.map_or(String::new(), |(key, _)| format!("{key} "));
                    self.answer(format!("{key}{}", option.name), &option.then, &mut answers);
                }
                if let Some(typed) = typed {
                    self.answer(
                        format!("type {}", typed.kind.name()),
                        &typed.then,
                        &mut answers,
                    );
                }
            }
            Form::Ask(typed) => self.answer(String::new(), &typed.then, &mut answers),
            Form::Confirm { deed, .. } | Form::Do(deed) => self.outcomes("", deed, &mut answers),
            Form::List {
                pick, empty_goto, ..
            } => {
                answers.extend(pick.as_ref().map(|pick| ("a row".to_owned(), pick.goto)));
                answers.extend(empty_goto.map(|goto| ("no rows".to_owned(), goto)));
            }
            Form::End(_) => {}
        }
        answers
    }

    fn answer(&self, label: String, then: &Then, answers: &mut Vec<(String, Goto)>) {
        match then {
            Then::Go(goto) => answers.push((label, *goto)),
            Then::Do(deed) => self.outcomes(&label, deed, answers),
        }
    }

    /// A single outcome goes without saying; several are told apart.
    fn outcomes(&self, label: &str, deed: &Deed, answers: &mut Vec<(String, Goto)>) {
        let alone = deed.routes.len() == 1 && !label.is_empty();
        for (outcome, route) in self.intent(deed).outcomes.iter().zip(&deed.routes) {
            let Some(goto) = route.goto else { continue };
            let label = match (alone, label.is_empty()) {
                (true, _) => label.to_owned(),
                (false, true) => outcome.name.to_owned(),
                (false, false) => format!("{label}: {}", outcome.name),
            };
            answers.push((label, goto));
        }
    }
}

/// About thirty characters, whole words.
fn first_words(text: &str) -> String {
    let mut words = String::new();
    for word in text.split_whitespace() {
        if words.len() + word.len() > 30 {
            words.push_str("...");
            break;
        }
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    words
}

/// Mermaid reads entities of its own inside quotes.
fn escaped(text: &str) -> String {
    text.replace('"', "#quot;")
        .replace('{', "#123;")
        .replace('}', "#125;")
}
