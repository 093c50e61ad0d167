//! Where things lead: `goto`, intents with their outcomes, and the conditions they stand under.

use super::super::screens::{Deed, Goto, Route, Then, When};
use super::Compiler;
use super::texts::Reach;
use crate::documents::{Attribute, Element, did_you_mean};

impl Compiler<'_> {
    /// Where an option or an answer leads: `goto`, or `intent` with its `on` children.
    pub(super) fn then(&mut self, element: &Element, secret: bool) -> Then {
        match (element.attribute("goto"), element.attribute("intent")) {
            (Some(goto), None) => {
                for on in element.children_named("on") {
                    self.wrong(on.place, "<on> belongs to an \"intent\", and there is none");
                }
                Then::Go(self.goto(goto).unwrap_or(Goto::Again))
            }
            (None, Some(_)) => self
                .deed(element, secret)
                .map_or(Then::Go(Goto::Again), Then::Do),
            _ => {
                self.wrong(
                    element.place,
                    format!("<{}> needs either \"goto\" or \"intent\"", element.name),
                );
                Then::Go(Goto::Again)
            }
        }
    }

    pub(super) fn goto(&mut self, attribute: &Attribute) -> Option<Goto> {
        match attribute.value.as_str() {
            "@back" => Some(Goto::Back),
            "@again" => Some(Goto::Again),
            "@shelved" => Some(Goto::Shelved),
            name => match self.names.screens.get(name) {
                Some(id) => Some(Goto::Screen(*id)),
                None => {
                    let hint = did_you_mean(
                        name,
                        self.names
                            .screens
                            .keys()
                            .map(String::as_str)
                            .chain(["@back", "@again", "@shelved"]),
                    );
                    self.wrong(
                        attribute.place,
                        format!("there is no screen \"{name}\"{hint}"),
                    );
                    None
                }
            },
        }
    }

    fn intent(&mut self, element: &Element, secret: bool) -> Option<u16> {
        let attribute = element.attribute("intent")?;
        let known = self.vocabulary.intents;
        let Some(index) = known
            .iter()
            .position(|intent| intent.name == attribute.value)
        else {
            self.no_such("intent", attribute, known.iter().map(|intent| intent.name));
            return None;
        };
        match (known[index].secret, secret) {
            (true, false) => self.wrong(
                attribute.place,
                format!(
                    "the intent \"{}\" needs a PIN, which nobody types here",
                    attribute.value
                ),
            ),
            (false, true) => self.wrong(
                attribute.place,
                format!(
                    "the intent \"{}\" takes no PIN, yet one is asked for here",
                    attribute.value
                ),
            ),
            _ => {}
        }
        u16::try_from(index).ok()
    }

    /// An intent with a route for each of its outcomes.
    pub(super) fn deed(&mut self, element: &Element, secret: bool) -> Option<Deed> {
        let intent = self.intent(element, secret)?;
        let spec = &self.vocabulary.intents[usize::from(intent)];
        let mut routes: Vec<Option<Route>> = spec.outcomes.iter().map(|_| None).collect();
        for on in element.children_named("on") {
            self.expect(on, &["outcome", "goto"], &["again"]);
            let route = self.route(on);
            let Some(outcome) = self.required(on, "outcome") else {
                continue;
            };
            match spec
                .outcomes
                .iter()
                .position(|known| known.name == outcome.value)
            {
                None => {
                    let hint =
                        did_you_mean(&outcome.value, spec.outcomes.iter().map(|known| known.name));
                    self.wrong(
                        outcome.place,
                        format!(
                            "the intent \"{}\" has no outcome \"{}\"{hint}",
                            spec.name, outcome.value
                        ),
                    );
                }
                Some(index) if routes[index].is_some() => {
                    self.wrong(
                        outcome.place,
                        format!("the outcome \"{}\" is routed twice", outcome.value),
                    );
                }
                Some(index) => routes[index] = Some(route),
            }
        }
        for (outcome, _) in spec
            .outcomes
            .iter()
            .zip(&routes)
            .filter(|(_, route)| route.is_none())
        {
            self.wrong(
                element.place,
                format!(
                    "the outcome \"{}\" of the intent \"{}\" leads nowhere",
                    outcome.name, spec.name
                ),
            );
        }
        let routes = routes.into_iter().map(Option::unwrap_or_default).collect();
        Some(Deed {
            intent,
            place: element.place,
            routes,
        })
    }

    /// The deed of an `end`: however it ends, this is the last screen.
    pub(super) fn last_deed(&mut self, element: &Element) -> Option<Deed> {
        let intent = self.intent(element, false)?;
        Some(Deed {
            intent,
            place: element.place,
            routes: Vec::new(),
        })
    }

    fn route(&mut self, on: &Element) -> Route {
        let goto = on.attribute("goto").and_then(|goto| self.goto(goto));
        let mut line = None;
        for again in on.children_named("again") {
            self.expect_attributes(again, &[]);
            line = Some(self.text(again, &[], Reach::default()));
        }
        if on.attribute("goto").is_none() && line.is_none() {
            self.wrong(on.place, "<on> needs \"goto\" or <again>");
        }
        Route { line, goto }
    }

    pub(super) fn when(&mut self, element: &Element) -> When {
        let mut when = When::default();
        let Some(attribute) = element.attribute("when") else {
            return when;
        };
        for word in attribute.value.split_whitespace() {
            let name = word.trim_start_matches('!');
            match self.vocabulary.condition(name) {
                Some(index) if word.starts_with('!') => when.none |= 1 << index,
                Some(index) => when.all |= 1 << index,
                None => {
                    let hint = did_you_mean(name, self.vocabulary.conditions.iter().copied());
                    self.wrong(
                        attribute.place,
                        format!("there is no condition \"{name}\"{hint}"),
                    );
                }
            }
        }
        if when.all & when.none != 0 {
            self.wrong(attribute.place, "a condition is both wanted and denied");
        }
        when
    }

    pub(super) fn no_such<'a>(
        &mut self,
        what: &str,
        attribute: &Attribute,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let hint = did_you_mean(&attribute.value, known);
        self.wrong(
            attribute.place,
            format!("there is no {what} \"{}\"{hint}", attribute.value),
        );
    }
}
