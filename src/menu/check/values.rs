//! What is known where: no text, intent or fact may need a value that some way to it leaves unset.

use std::collections::HashSet;

use super::super::screens::{Form, Menus, Screen, ScreenId, Segment, TextId, Typed, VariableId};
use super::ways::{Ways, deeds, supplied_by};
use crate::documents::{Findings, Place};

type Known = HashSet<VariableId>;

pub(super) fn everything_said_is_known(menus: &Menus, ways: &Ways, findings: &mut Findings<'_>) {
    let arriving = known_on_arrival(menus, ways);
    for (id, screen) in menus.numbered() {
        let Some(known) = &arriving[usize::from(id.0)] else {
            continue;
        };
        Look {
            menus,
            ways,
            arriving: &arriving,
            id,
            findings,
        }
        .at(screen, known);
    }
    let globals = globals(menus);
    for text in menus.phrases.values() {
        for version in &menus.text(*text).versions {
            for variable in
                variables(&version.segments).filter(|variable| !globals.contains(variable))
            {
                let name = menus
                    .variable(variable)
                    .map_or("", |known| known.name.as_str());
                findings.wrong(
                    version.place,
                    format!("the phrase says \"{name}\", which is not known everywhere"),
                );
            }
        }
    }
}

fn globals(menus: &Menus) -> Known {
    menus
        .vocabulary
        .globals
        .iter()
        .filter_map(|variable| menus.variable_named(variable.name))
        .collect()
}

fn supplied(menus: &Menus, screen: &Screen) -> Known {
    let facts = screen
        .facts
        .map(|fact| menus.vocabulary.facts[usize::from(fact)].supplies)
        .unwrap_or_default();
    facts
        .iter()
        .filter_map(|variable| menus.variable_named(variable.name))
        .collect()
}

/// For each screen what is known on every way to it; `None` for a screen no way leads to.
fn known_on_arrival(menus: &Menus, ways: &Ways) -> Vec<Option<Known>> {
    let mut known: Vec<Option<Known>> = vec![None; menus.screens.len()];
    let roots: Vec<ScreenId> = [Some(menus.home), menus.resume, Some(menus.gave_up)]
        .into_iter()
        .flatten()
        .collect();
    for root in &roots {
        known[usize::from(root.0)] = Some(globals(menus));
    }
    let mut changed = true;
    while changed {
        changed = false;
        for way in ways.all.iter().filter(|way| !roots.contains(&way.to)) {
            let Some(mut after) = known[usize::from(way.from.0)].clone() else {
                continue;
            };
            after.extend(&way.learns);
            let before = &mut known[usize::from(way.to.0)];
            let both = match before {
                Some(before) => before.intersection(&after).copied().collect(),
                None => after,
            };
            if before.as_ref() != Some(&both) {
                *before = Some(both);
                changed = true;
            }
        }
    }
    known
}

fn variables(segments: &[Segment]) -> impl Iterator<Item = VariableId> {
    segments.iter().filter_map(|segment| match segment {
        Segment::Value(variable) => Some(*variable),
        Segment::Words(_) | Segment::Column(..) => None,
    })
}

/// One screen under examination.
struct Look<'a, 'f> {
    menus: &'a Menus,
    ways: &'a Ways,
    arriving: &'a [Option<Known>],
    id: ScreenId,
    findings: &'a mut Findings<'f>,
}

impl Look<'_, '_> {
    fn at(&mut self, screen: &Screen, arriving: &Known) {
        if let Some(fact) = screen.facts {
            let fact = &self.menus.vocabulary.facts[usize::from(fact)];
            self.needed(
                fact.needs,
                arriving,
                screen.place,
                &format!("the fact \"{}\"", fact.name),
            );
        }
        let mut known = arriving.clone();
        known.extend(supplied(self.menus, screen));
        for say in &screen.says {
            self.said(say.text, &known);
        }
        match &screen.form {
            Form::Choose { options, typed, .. } => {
                for option in options {
                    self.said(option.label, &known);
                    for (_, template) in &option.sets {
                        self.shown(template, &known, option.place);
                    }
                }
                if let Some(Typed { hint, .. }) = typed {
                    self.said(*hint, &known);
                }
            }
            Form::Ask(Typed { hint, .. }) | Form::Confirm { hint, .. } => self.said(*hint, &known),
            Form::List { item, empty, .. } => {
                self.said(*item, &known);
                self.said(*empty, &known);
            }
            Form::Do(_) | Form::End(_) => {}
        }
        for (deed, learnt) in deeds(screen) {
            // An end does its deed on the way in, before its facts.
            let mut by_then = if matches!(screen.form, Form::End(_)) {
                arriving.clone()
            } else {
                known.clone()
            };
            by_then.extend(learnt);
            let intent = self.menus.intent(deed);
            self.needed(
                intent.needs,
                &by_then,
                deed.place,
                &format!("the intent \"{}\"", intent.name),
            );
            for (outcome, route) in deed.routes.iter().enumerate() {
                let mut known = by_then.clone();
                known.extend(supplied_by(self.menus, deed, outcome));
                if let Some(line) = route.line {
                    self.said(line, &known);
                }
            }
        }
    }

    fn needed(&mut self, names: &[&str], known: &Known, place: Place, what: &str) {
        for name in names {
            let variable = self.menus.variable_named(name);
            if variable.is_none_or(|variable| !known.contains(&variable)) {
                let from = variable
                    .map(|variable| self.coming_from(variable))
                    .unwrap_or_default();
                self.findings.wrong(
                    place,
                    format!("{what} needs \"{name}\", which is not set on every way here{from}"),
                );
            }
        }
    }

    fn said(&mut self, text: TextId, known: &Known) {
        let menus = self.menus;
        for version in &menus.text(text).versions {
            self.shown(&version.segments, known, version.place);
        }
    }

    fn shown(&mut self, segments: &[Segment], known: &Known, place: Place) {
        for variable in variables(segments).filter(|variable| !known.contains(variable)) {
            let name = self
                .menus
                .variable(variable)
                .map_or("", |known| known.name.as_str());
            let from = self.coming_from(variable);
            self.findings.wrong(
                place,
                format!("the variable \"{name}\" is not set on every way here{from}"),
            );
        }
    }

    /// `: not when coming from "x"`.
    fn coming_from(&self, variable: VariableId) -> String {
        let lacks = |from: ScreenId| {
            self.arriving[usize::from(from.0)]
                .as_ref()
                .is_some_and(|known| !known.contains(&variable))
        };
        let way =
            self.ways.all.iter().find(|way| {
                way.to == self.id && !way.learns.contains(&variable) && lacks(way.from)
            });
        way.map(|way| {
            format!(
                ": not when coming from \"{}\"",
                self.menus.screen(way.from).name
            )
        })
        .unwrap_or_default()
    }
}
