//! Ways from screen to screen: that each is reached, none is a trap, no deed comes unasked, and none takes too long.

use std::collections::HashSet;

use super::super::screens::{
    Choice, Deed, Form, Goto, Menus, Route, Screen, ScreenId, TextId, Then, Typed, VariableId,
};
use super::super::vocabulary::Effect;
use crate::documents::Findings;

/// One step from a screen to another.
pub(super) struct Way {
    pub from: ScreenId,
    pub to: ScreenId,
    /// Variables that are known after it and perhaps were not before.
    pub learns: Vec<VariableId>,
    /// A person has said yes on it.
    pub confirmed: bool,
}

/// All ways that documents write, without those the engine adds (back, home, giving up).
pub(super) struct Ways {
    pub all: Vec<Way>,
    /// Screens from which the engine's own keys are a way on that was asked for: `@back` and `@shelved`.
    returns: HashSet<ScreenId>,
}

impl Ways {
    pub fn of(menus: &Menus) -> Ways {
        let mut ways = Ways {
            all: Vec::new(),
            returns: HashSet::new(),
        };
        for (id, screen) in menus.numbered() {
            let supplied = screen
                .facts
                .map(|fact| menus.vocabulary.facts[usize::from(fact)].supplies)
                .unwrap_or_default();
            let known: Vec<VariableId> = supplied
                .iter()
                .filter_map(|variable| menus.variable_named(variable.name))
                .collect();
            for (goto, learns, confirmed) in leads(menus, screen) {
                let learns = known.iter().copied().chain(learns).collect();
                match goto {
                    Goto::Screen(to) => ways.all.push(Way {
                        from: id,
                        to,
                        learns,
                        confirmed,
                    }),
                    Goto::Back | Goto::Shelved => {
                        ways.returns.insert(id);
                    }
                    Goto::Again => {}
                }
            }
        }
        ways
    }

    fn from(&self, id: ScreenId) -> impl Iterator<Item = &Way> {
        self.all.iter().filter(move |way| way.from == id)
    }

    /// Every screen some way leads to from these, by ways that pass.
    fn reached(&self, roots: &[ScreenId], passes: impl Fn(&Way) -> bool) -> HashSet<ScreenId> {
        let mut reached: HashSet<ScreenId> = roots.iter().copied().collect();
        let mut open: Vec<ScreenId> = roots.to_vec();
        while let Some(id) = open.pop() {
            for way in self.from(id).filter(|way| passes(way)) {
                if reached.insert(way.to) {
                    open.push(way.to);
                }
            }
        }
        reached
    }
}

/// The deeds of a screen, each with what is known by then beside the screen's own.
pub(super) fn deeds(screen: &Screen) -> Vec<(&Deed, Vec<VariableId>)> {
    fn of_typed(typed: &Typed) -> (&Then, Vec<VariableId>) {
        (&typed.then, typed.name.into_iter().collect())
    }
    let answers: Vec<(&Then, Vec<VariableId>)> = match &screen.form {
        Form::Choose { options, typed, .. } => {
            let chosen = options.iter().map(|option| (&option.then, set_by(option)));
            chosen.chain(typed.iter().map(of_typed)).collect()
        }
        Form::Ask(typed) => vec![of_typed(typed)],
        Form::Confirm { deed, .. } | Form::Do(deed) | Form::End(Some(deed)) => {
            return vec![(deed, Vec::new())];
        }
        Form::List { .. } | Form::End(None) => Vec::new(),
    };
    let mut deeds = Vec::new();
    for (then, known) in answers {
        if let Then::Do(deed) = then {
            deeds.push((deed, known));
        }
    }
    deeds
}

fn set_by(option: &Choice) -> Vec<VariableId> {
    option.sets.iter().map(|(variable, _)| *variable).collect()
}

/// What an outcome of a deed lets be known.
pub(super) fn supplied_by(menus: &Menus, deed: &Deed, outcome: usize) -> Vec<VariableId> {
    let supplies = menus
        .intent(deed)
        .outcomes
        .get(outcome)
        .map(|outcome| outcome.supplies)
        .unwrap_or_default();
    supplies
        .iter()
        .filter_map(|variable| menus.variable_named(variable.name))
        .collect()
}

/// Everything a screen leads to: where, what is learnt on the way, whether a person said yes.
fn leads(menus: &Menus, screen: &Screen) -> Vec<(Goto, Vec<VariableId>, bool)> {
    let mut leads = Vec::new();
    let confirmed = matches!(screen.form, Form::Confirm { .. });
    for (deed, known) in deeds(screen) {
        for (outcome, Route { goto, .. }) in deed.routes.iter().enumerate() {
            let learns = known
                .iter()
                .copied()
                .chain(supplied_by(menus, deed, outcome))
                .collect();
            leads.extend(goto.map(|goto| (goto, learns, confirmed)));
        }
    }
    let mut answered = |then: &Then, known: Vec<VariableId>| {
        if let Then::Go(goto) = then {
            leads.push((*goto, known, false));
        }
    };
    match &screen.form {
        Form::Choose { options, typed, .. } => {
            for option in options {
                answered(&option.then, set_by(option));
            }
            if let Some(typed) = typed {
                answered(&typed.then, typed.name.into_iter().collect());
            }
        }
        Form::Ask(typed) => answered(&typed.then, typed.name.into_iter().collect()),
        Form::List {
            empty_goto, pick, ..
        } => {
            leads.extend(empty_goto.map(|goto| (goto, Vec::new(), false)));
            leads.extend(
                pick.as_ref()
                    .map(|pick| (pick.goto, vec![pick.name], false)),
            );
        }
        Form::Confirm { .. } | Form::Do(_) | Form::End(_) => {}
    }
    leads
}

fn roots(menus: &Menus) -> Vec<ScreenId> {
    [Some(menus.home), menus.resume, Some(menus.gave_up)]
        .into_iter()
        .flatten()
        .collect()
}

pub(super) fn every_screen_is_reached(menus: &Menus, ways: &Ways, findings: &mut Findings<'_>) {
    let reached = ways.reached(&roots(menus), |_| true);
    for (_, screen) in menus.numbered().filter(|(id, _)| !reached.contains(id)) {
        findings.wrong(
            screen.place,
            format!("no way leads to the screen \"{}\"", screen.name),
        );
    }
    for (name, id) in [("home", Some(menus.home)), ("resume", menus.resume)] {
        if let Some(screen) = id
            .map(|id| menus.screen(id))
            .filter(|screen| !matches!(screen.form, Form::Choose { .. }))
        {
            findings.wrong(
                screen.place,
                format!("the screen \"{name}\" must be a <choose>"),
            );
        }
    }
    let last = menus.screen(menus.gave_up);
    if !matches!(last.form, Form::End(_)) {
        findings.wrong(last.place, "the screen \"gave_up\" must be an <end>");
    }
    for (_, screen) in menus.numbered().filter(|(id, _)| Some(*id) != menus.resume) {
        if leads(menus, screen)
            .iter()
            .any(|(goto, ..)| *goto == Goto::Shelved)
        {
            findings.wrong(
                screen.place,
                "only the screen \"resume\" may lead to \"@shelved\"",
            );
        }
    }
}

pub(super) fn nobody_gets_stuck(menus: &Menus, ways: &Ways, findings: &mut Findings<'_>) {
    for (id, screen) in menus.numbered() {
        // Home is where everything comes back to, so that it needs no end of its own.
        let goes_on = id == menus.home
            || ways.reached(&[id], |_| true).into_iter().any(|reached| {
                let read_only = matches!(
                    menus.screen(reached).form,
                    Form::End(_) | Form::List { pick: None, .. }
                );
                read_only || reached == menus.home || ways.returns.contains(&reached)
            });
        if !goes_on {
            findings.wrong(
                screen.place,
                format!(
                    "dead end: from the screen \"{}\" no way leads to an end",
                    screen.name
                ),
            );
        }
        if let Form::Choose {
            options,
            typed: None,
            ..
        } = &screen.form
            && let Some(nobody) = offers_nothing_when(menus, options)
        {
            findings.wrong(
                screen.place,
                format!(
                    "dead end: the screen \"{}\" offers nothing when {nobody}",
                    screen.name
                ),
            );
        }
        let silent = |id: ScreenId| match &menus.screen(id).form {
            Form::Do(deed) => deed
                .routes
                .iter()
                .filter_map(|route| next_of(route.goto))
                .collect(),
            Form::List { empty_goto, .. } => next_of(*empty_goto).into_iter().collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        if comes_back(id, silent) {
            findings.wrong(
                screen.place,
                format!(
                    "dead end: from \"{}\" a way leads round without ever showing a screen",
                    screen.name
                ),
            );
        }
    }
}

fn next_of(goto: Option<Goto>) -> Option<ScreenId> {
    match goto {
        Some(Goto::Screen(id)) => Some(id),
        _ => None,
    }
}

fn comes_back(id: ScreenId, next: impl Fn(ScreenId) -> Vec<ScreenId>) -> bool {
    let mut seen = HashSet::new();
    let mut open = next(id);
    while let Some(step) = open.pop() {
        if step == id {
            return true;
        }
        if seen.insert(step) {
            open.extend(next(step));
        }
    }
    false
}

/// Conditions under which no option shows, in words. All assignments are tried; with very many conditions it is not asked.
fn offers_nothing_when(menus: &Menus, options: &[Choice]) -> Option<String> {
    let asked = options.iter().fold(0u128, |asked, option| {
        asked | option.when.all | option.when.none
    });
    let bits: Vec<u32> = (0..128).filter(|bit| asked & 1 << bit != 0).collect();
    if bits.len() > 12 {
        return None;
    }
    let assignments = (0u32..1 << bits.len()).map(|chosen| {
        bits.iter()
            .enumerate()
            .filter(|(place, _)| chosen & 1 << place != 0)
            .fold(0u128, |held, (_, bit)| held | 1 << bit)
    });
    let nobody = assignments
        .into_iter()
        .find(|held| !options.iter().any(|option| option.when.holds(*held)))?;
    let word = |bit: &u32| {
        let name = menus.vocabulary.conditions[*bit as usize];
        if nobody & 1 << bit != 0 {
            name.to_owned()
        } else {
            format!("!{name}")
        }
    };
    Some(bits.iter().map(word).collect::<Vec<_>>().join(" "))
}

/// One input, one deed: its place in the call is the key under which it is done once.
pub(super) fn one_deed_at_a_time(menus: &Menus, findings: &mut Findings<'_>) {
    for (_, screen) in menus.numbered() {
        for (deed, _) in deeds(screen) {
            let targets = deed.routes.iter().filter_map(|route| next_of(route.goto));
            if let Some(second) = targets.filter_map(|id| does_more(menus, id, 8)).next() {
                let (first, second) = (menus.intent(deed).name, menus.screen(second).name.as_str());
                findings.wrong(deed.place, format!("after \"{first}\" the screen \"{second}\" would do a second thing on the same input"));
            }
        }
    }
}

/// The screen that performs something when this one is entered, if any.
fn does_more(menus: &Menus, id: ScreenId, depth: usize) -> Option<ScreenId> {
    match &menus.screen(id).form {
        Form::Do(_) | Form::End(Some(_)) => Some(id),
        Form::List { empty_goto, .. } if depth > 0 => {
            does_more(menus, next_of(*empty_goto)?, depth - 1)
        }
        _ => None,
    }
}

pub(super) fn deeds_stand_behind_a_confirm(
    menus: &Menus,
    ways: &Ways,
    findings: &mut Findings<'_>,
) {
    let unconfirmed = ways.reached(&roots(menus), |way| !way.confirmed);
    for (id, screen) in menus.numbered().filter(|(id, _)| unconfirmed.contains(id)) {
        if matches!(screen.form, Form::Confirm { .. }) {
            continue;
        }
        for (deed, _) in deeds(screen) {
            let intent = menus.intent(deed);
            if intent.effect == Effect::Writes {
                let name = &menus.screen(id).name;
                findings.wrong(deed.place, format!("the deed \"{}\" on the screen \"{name}\" can be reached without a <confirm>", intent.name));
            }
        }
    }
}

/// Seconds of the longest way through, screen by screen as a practised rider answers them.
pub(super) fn the_longest_way_fits_the_session(
    menus: &Menus,
    ways: &Ways,
    findings: &mut Findings<'_>,
) {
    let mut search = Longest {
        menus,
        ways,
        done: vec![None; menus.screens.len()],
        under_way: vec![false; menus.screens.len()],
    };
    let (seconds, _) = search.from(menus.home);
    if seconds <= menus.limits.session_seconds {
        return;
    }
    let mut path = vec![menus.home];
    while let Some((_, Some(next))) = path.last().and_then(|id| search.done[usize::from(id.0)]) {
        path.push(next);
    }
    let names: Vec<&str> = path
        .iter()
        .map(|id| menus.screen(*id).name.as_str())
        .collect();
    let last = path.last().copied().unwrap_or(menus.home);
    let (names, allowed) = (names.join(" > "), menus.limits.session_seconds);
    findings.wrong(
        menus.screen(last).place,
        format!("the way {names} takes about {seconds} seconds; the network allows {allowed}"),
    );
}

struct Longest<'a> {
    menus: &'a Menus,
    ways: &'a Ways,
    /// Seconds from a screen to the end of its longest way, and the next screen on it.
    done: Vec<Option<(u32, Option<ScreenId>)>>,
    under_way: Vec<bool>,
}

impl Longest<'_> {
    /// Ways back to a screen already passed are not counted: nobody has to take them.
    fn from(&mut self, id: ScreenId) -> (u32, Option<ScreenId>) {
        let index = usize::from(id.0);
        if let Some(known) = self.done[index] {
            return known;
        }
        self.under_way[index] = true;
        let next: Vec<ScreenId> = self
            .ways
            .from(id)
            .map(|way| way.to)
            .filter(|to| !self.under_way[usize::from(to.0)])
            .collect();
        let mut best = (0, None);
        for to in next {
            let (seconds, _) = self.from(to);
            if seconds > best.0 {
                best = (seconds, Some(to));
            }
        }
        self.under_way[index] = false;
        let found = (best.0 + seconds_on(self.menus.screen(id)), best.1);
        self.done[index] = Some(found);
        found
    }
}

/// What one screen takes, network included; a last screen takes nothing, the session is over.
fn seconds_on(screen: &Screen) -> u32 {
    match &screen.form {
        Form::Choose {
            typed: Some(typed), ..
        } => typed.kind.seconds().max(7),
        Form::Choose { typed: None, .. } => 7,
        Form::Ask(typed) => typed.kind.seconds(),
        Form::Confirm { .. } | Form::List { .. } => 9,
        Form::Do(_) | Form::End(_) => 0,
    }
}

/// The lines that may stand above a screen, said on the way to it.
pub(super) fn lines_above(menus: &Menus, id: ScreenId) -> Vec<TextId> {
    let mut lines = Vec::new();
    for (from, screen) in menus.numbered() {
        for (deed, _) in deeds(screen) {
            for route in &deed.routes {
                let here = match route.goto {
                    Some(goto) => goto == Goto::Screen(id),
                    None => from == id,
                };
                lines.extend(route.line.filter(|_| here));
            }
        }
        if let Form::List {
            empty,
            empty_goto: Some(Goto::Screen(to)),
            ..
        } = &screen.form
            && *to == id
        {
            lines.push(*empty);
        }
    }
    lines
}
