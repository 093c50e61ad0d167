//! That every page fits its screen with every variable at its longest.

use super::super::screens::{Form, Menus, Screen, ScreenId, Segment, TextId, VariableId};
use super::super::vocabulary::Variable;
use super::ways::lines_above;
use crate::documents::Findings;
use crate::primitives::gsm7;

pub(super) fn every_page_fits(menus: &Menus, findings: &mut Findings<'_>) {
    let room = menus.limits.room();
    let words = &menus.words;
    for language in 0..menus.languages.len() {
        let ruler = Ruler {
            menus,
            language,
            columns: &[],
        };
        let foot = "\n98 \n0 \n00 ".len()
            + [words.more, words.back, words.home]
                .map(|text| ruler.longest(text))
                .iter()
                .sum::<usize>();
        if foot * 2 > room {
            let sentence = format!(
                "the keys at the foot take {foot} septets, more than half of the {room} of a page"
            );
            findings.wrong(menus.text(words.more).versions[language].place, sentence);
        }
        for text in menus.phrases.values() {
            fits(&ruler, *text, 0, room, "this phrase", findings);
        }
        for (id, screen) in menus.numbered() {
            let ruler = Ruler {
                menus,
                language,
                columns: columns(menus, screen),
            };
            fits_screen(&ruler, id, screen, room, foot, findings);
        }
    }
}

fn columns(menus: &Menus, screen: &Screen) -> &'static [Variable] {
    screen
        .facts
        .and_then(|fact| menus.vocabulary.facts[usize::from(fact)].rows)
        .unwrap_or_default()
}

fn fits_screen(
    ruler: &Ruler<'_>,
    id: ScreenId,
    screen: &Screen,
    room: usize,
    foot: usize,
    findings: &mut Findings<'_>,
) {
    let key = "97 ".len();
    match &screen.form {
        // A last page cannot be turned; a question is read whole before it is answered.
        Form::End(_) | Form::Ask(_) => {
            let lines = if matches!(screen.form, Form::End(_)) {
                lines_above(ruler.menus, id)
            } else {
                Vec::new()
            };
            let above = lines
                .iter()
                .map(|line| ruler.longest(*line) + 1)
                .max()
                .unwrap_or(0);
            for say in &screen.says {
                fits(ruler, say.text, above, room, "this page", findings);
            }
        }
        Form::Choose { options, .. } => {
            for option in options {
                fits(
                    ruler,
                    option.label,
                    key,
                    room - foot,
                    "this option",
                    findings,
                );
            }
        }
        Form::List { item, .. } => fits(
            ruler,
            *item,
            key,
            room - foot,
            "one row of this list",
            findings,
        ),
        // A longer summary is paged, and answered on its last page.
        Form::Confirm { .. } | Form::Do(_) => {}
    }
}

fn fits(
    ruler: &Ruler<'_>,
    text: TextId,
    beside: usize,
    room: usize,
    what: &str,
    findings: &mut Findings<'_>,
) {
    let septets = ruler.longest(text) + beside;
    if septets > room {
        let place = ruler.menus.text(text).versions[ruler.language].place;
        let sentence = format!(
            "{what} can take {septets} septets with every variable at its longest; there is room for {room}"
        );
        findings.wrong(place, sentence);
    }
}

struct Ruler<'a> {
    menus: &'a Menus,
    language: usize,
    columns: &'static [Variable],
}

/// Values set from values set from values: deeper than this is a circle.
const DEPTH_MAX: usize = 6;

impl Ruler<'_> {
    /// Septets of a text with every variable at its longest.
    fn longest(&self, text: TextId) -> usize {
        self.of_segments(self.menus.segments(text, self.language), 0)
    }

    fn of_segments(&self, segments: &[Segment], depth: usize) -> usize {
        let of = |segment: &Segment| match segment {
            Segment::Words(words) => gsm7::septets_of_folded(words),
            Segment::Value(variable) => self.of_variable(*variable, depth),
            Segment::Column(column, _) => {
                let longest = self
                    .columns
                    .get(usize::from(*column))
                    .map(|column| column.kind.longest());
                gsm7::septets_of_folded(&longest.unwrap_or_default())
            }
        };
        segments.iter().map(of).sum()
    }

    fn of_variable(&self, id: VariableId, depth: usize) -> usize {
        let Some(known) = self.menus.variable(id).filter(|_| depth < DEPTH_MAX) else {
            return 0;
        };
        let kinds = known
            .kinds
            .iter()
            .map(|kind| gsm7::septets_of_folded(&kind.longest()));
        let templates = known
            .templates
            .iter()
            .map(|template| self.of_segments(template, depth + 1));
        kinds.chain(templates).max().unwrap_or(0)
    }
}
