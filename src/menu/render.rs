//! A session as text that fits one screen.

use std::ops::Range;

use super::keys::keys;
use super::screens::{Form, Menus, Segment, Shape, TextId};
use super::session::{Session, SessionRow};
use super::vocabulary::with_commas;
use crate::primitives::gsm7;

/// One screen of a phone, without the `CON ` or `END ` in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub text: String,
    /// The last page of the call.
    pub end: bool,
}

/// What the phone shows now.
pub fn render(menus: &Menus, session: &Session) -> Page {
    let end = matches!(menus.screen(session.screen).form, Form::End(_));
    let sheet = Sheet::of(menus, session);
    let text = if end {
        cut(sheet.text, menus.limits.room())
    } else {
        sheet.page(menus, session)
    };
    Page { text, end }
}

/// A last page that says a phrase and leaves the session as it is: for a deadline missed or a part of us that is down.
pub fn sorry(menus: &Menus, session: &Session, phrase: &str) -> Page {
    let mut text = String::new();
    if let Some(id) = menus.phrases.get(phrase) {
        Writer::of(menus, session).text(*id, None, &mut text);
    }
    Page {
        text: cut(text, menus.limits.room()),
        end: true,
    }
}

/// How many pages the screen has now; at least one.
pub(super) fn pages(menus: &Menus, session: &Session) -> usize {
    let sheet = Sheet::of(menus, session);
    if sheet.fits_one_page(menus.limits.room()) {
        return 1;
    }
    sheet.pages(menus, session).len()
}

/// The keys the engine offers at the foot of a page, each with its line in the session's language.
#[derive(Clone, Copy, Default)]
struct Foot {
    more: bool,
    back: bool,
    home: bool,
}

impl Foot {
    /// Back where something lies behind; home where that is another place than back.
    fn of(menus: &Menus, session: &Session, page: usize, more: bool) -> Foot {
        let behind = session.trail.last();
        let back_is_home = page == 0 && behind.is_some_and(|step| step.screen == menus.home);
        let at_home = session.screen == menus.home;
        let zero_is_an_answer = matches!(&menus.screen(session.screen).form, Form::Ask(typed) if typed.kind.takes_zero());
        Foot {
            more,
            back: !zero_is_an_answer && (page > 0 || behind.is_some()),
            home: !at_home && (!back_is_home || zero_is_an_answer),
        }
    }

    fn write(self, menus: &Menus, session: &Session, page: &mut String) {
        let writer = Writer::of(menus, session);
        let lines = [
            (self.more, "98 ", menus.words.more),
            (self.back, "0 ", menus.words.back),
            (self.home, "00 ", menus.words.home),
        ];
        for (offered, key, text) in lines {
            if offered {
                page.push('\n');
                page.push_str(key);
                writer.text(text, None, page);
            }
        }
    }

    fn septets(self, menus: &Menus, session: &Session) -> usize {
        let mut lines = String::new();
        self.write(menus, session, &mut lines);
        gsm7::septets_of_folded(&lines)
    }
}

/// Everything a screen says, before it is cut into pages.
struct Sheet {
    text: String,
    /// The byte each item starts at, past the line break in front of it. What stands before the first is the head.
    items: Vec<usize>,
    /// A line to stand above one of the later pages.
    above: Option<(usize, String)>,
    septets: usize,
}

impl Sheet {
    fn of(menus: &Menus, session: &Session) -> Sheet {
        let writer = Writer::of(menus, session);
        let screen = menus.screen(session.screen);
        let mut text = String::with_capacity(200);
        let mut items = Vec::new();
        let mut above = None;
        match session.note {
            Some((note, 0)) => {
                writer.text(note, None, &mut text);
                text.push('\n');
            }
            Some((note, page)) => {
                let mut line = String::new();
                writer.text(note, None, &mut line);
                above = Some((usize::from(page), line));
            }
            None => {}
        }
        // Without rows, a list says something else instead.
        let empty = match &screen.form {
            Form::List { empty, .. } if session.rows.is_empty() => Some(*empty),
            _ => None,
        };
        let said = screen
            .says
            .iter()
            .find(|say| say.when.holds(session.conditions))
            .map(|say| say.text);
        if let Some(said) = empty.or(said) {
            writer.text(said, None, &mut text);
        }
        let mut line = |text: &mut String| {
            text.push('\n');
            items.push(text.len());
        };
        match &screen.form {
            Form::Choose { options, taken, .. } => {
                for (key, index) in keys(options, *taken, session.conditions) {
                    if !options[index].shown {
                        continue;
                    }
                    line(&mut text);
                    push_key(key, &mut text);
                    writer.text(options[index].label, None, &mut text);
                }
            }
            Form::Confirm { secret: false, .. } => {
                for (key, label) in [(1, menus.words.yes), (2, menus.words.no)] {
                    line(&mut text);
                    push_key(key, &mut text);
                    writer.text(label, None, &mut text);
                }
            }
            Form::List { item, pick, .. } => {
                for (row, number) in session.rows.iter().zip(1u8..) {
                    line(&mut text);
                    if pick.is_some() {
                        push_key(number, &mut text);
                    }
                    writer.text(*item, Some(row), &mut text);
                }
            }
            Form::Ask(_) | Form::Confirm { .. } | Form::Do(_) | Form::End(_) => {}
        }
        let septets = gsm7::septets_of_folded(&text);
        Sheet {
            text,
            items,
            above,
            septets,
        }
    }

    fn fits_one_page(&self, room: usize) -> bool {
        self.septets <= room
    }

    /// The page the session is on, with as much of the foot as has room.
    fn page(self, menus: &Menus, session: &Session) -> String {
        let room = menus.limits.room();
        if self.fits_one_page(room) {
            return with_foot(
                menus,
                session,
                self.text,
                Foot::of(menus, session, 0, false),
                room,
            );
        }
        let pages = self.pages(menus, session);
        let number = usize::from(session.page).min(pages.len() - 1);
        let more = number + 1 < pages.len();
        let body = &self.text[pages[number].clone()];
        let foot = Foot::of(menus, session, number, more);
        let mut page = String::with_capacity(200);
        if let Some((_, line)) = self
            .above
            .as_ref()
            .filter(|(said_on, _)| *said_on == number)
        {
            let least = Foot {
                more,
                ..Foot::default()
            };
            let needed = gsm7::septets_of_folded(line)
                + 1
                + gsm7::septets_of_folded(body)
                + least.septets(menus, session);
            if needed <= room {
                page.push_str(line);
                page.push('\n');
            }
        }
        page.push_str(body);
        with_foot(menus, session, page, foot, room)
    }

    /// The text of each page: filled by septets, broken between items and, in running text, between words.
    fn pages(&self, menus: &Menus, session: &Session) -> Vec<Range<usize>> {
        let room = menus.limits.room();
        let room_of = |page, more| {
            room.saturating_sub(Foot::of(menus, session, page, more).septets(menus, session))
                .max(1)
        };
        let breaks = self.breaks(room_of(1, true));
        let mut pages: Vec<Range<usize>> = Vec::new();
        let mut start = 0;
        loop {
            let number = pages.len();
            let rest = &self.text[start..];
            if gsm7::septets_of_folded(rest) <= room_of(number, false)
                || number == usize::from(u8::MAX)
            {
                pages.push(start..self.text.len());
                return pages;
            }
            let hard = start + prefix(rest, room_of(number, true));
            // The break itself is white space that a page never needs to show.
            let soft = breaks
                .iter()
                .copied()
                .take_while(|at| *at <= hard)
                .filter(|at| *at > start)
                .last();
            pages.push(start..soft.unwrap_or(hard));
            start = soft.map_or(hard, |at| at + 1);
        }
    }

    /// Where a page may end: before an item, between words of the head, between words of an item longer than a page.
    fn breaks(&self, page_room: usize) -> Vec<usize> {
        let mut breaks = Vec::new();
        let head_end = self
            .items
            .first()
            .map_or(self.text.len(), |first| first - 1);
        let mut white_space = |range: Range<usize>| {
            let text = &self.text[range.clone()];
            breaks.extend(
                text.match_indices([' ', '\n'])
                    .map(|(at, _)| range.start + at),
            );
        };
        white_space(0..head_end);
        let ends = self
            .items
            .iter()
            .skip(1)
            .map(|start| start - 1)
            .chain([self.text.len()]);
        for (&start, end) in self.items.iter().zip(ends) {
            let long = gsm7::septets_of_folded(&self.text[start..end]) > page_room;
            white_space(start - 1..if long { end } else { start });
        }
        breaks
    }
}

/// The whole foot if it fits, else its first key, else only what paging cannot do without.
fn with_foot(
    menus: &Menus,
    session: &Session,
    mut page: String,
    foot: Foot,
    room: usize,
) -> String {
    let left = room.saturating_sub(gsm7::septets_of_folded(&page));
    let least = Foot {
        more: foot.more,
        ..Foot::default()
    };
    let offers = [
        foot,
        Foot {
            home: foot.home && !foot.back,
            ..foot
        },
        least,
    ];
    if let Some(offer) = offers
        .into_iter()
        .find(|offer| offer.septets(menus, session) <= left)
    {
        offer.write(menus, session, &mut page);
    }
    page
}

fn push_key(key: u8, text: &mut String) {
    if key >= 10 {
        text.push(char::from(b'0' + key / 10));
    }
    text.push(char::from(b'0' + key % 10));
    text.push(' ');
}

/// The bytes of the longest beginning of at most so many septets, at least one character.
fn prefix(text: &str, septets: usize) -> usize {
    let first = text.chars().next().map_or(0, char::len_utf8);
    gsm7::cut(text, septets).len().max(first)
}

/// A last page cannot be turned. The check measures it at its longest; a value beyond its declared length is cut between words.
fn cut(mut text: String, room: usize) -> String {
    if gsm7::septets_of_folded(&text) > room {
        let hard = prefix(&text, room.saturating_sub(3));
        let soft = text[..hard].rfind([' ', '\n']).unwrap_or(hard);
        text.truncate(soft);
        text.push_str("...");
    }
    text
}

struct Writer<'a> {
    menus: &'a Menus,
    session: &'a Session,
    language: usize,
}

impl<'a> Writer<'a> {
    fn of(menus: &'a Menus, session: &'a Session) -> Writer<'a> {
        Writer {
            menus,
            session,
            language: menus.language_index(session.language),
        }
    }

    fn text(&self, id: TextId, row: Option<&SessionRow>, out: &mut String) {
        for segment in self.menus.segments(id, self.language) {
            match segment {
                Segment::Words(words) => out.push_str(words),
                Segment::Value(variable) => {
                    let shape = self
                        .menus
                        .variable(*variable)
                        .map(|known| known.shape)
                        .unwrap_or_default();
                    show(
                        self.session.value(*variable).unwrap_or_default(),
                        shape,
                        out,
                    );
                }
                Segment::Column(column, shape) => {
                    let text = row.and_then(|row| row.columns.get(usize::from(*column)));
                    show(text.map_or("", String::as_str), *shape, out);
                }
            }
        }
    }
}

/// A kept value as people write it, in the seven-bit alphabet, on one line.
fn show(value: &str, shape: Shape, out: &mut String) {
    let all_digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    match shape {
        Shape::Money => match money(value) {
            Some(amount) => out.push_str(&amount),
            None => show(value, Shape::Plain, out),
        },
        Shape::Phone if all_digits && value.len() == 12 => {
            out.push('0');
            out.push_str(&value[3..]);
        }
        Shape::Date => match value.split('-').collect::<Vec<_>>()[..] {
            [year, month, day] if value.len() == 10 => {
                for part in [
                    day.trim_start_matches('0'),
                    "/",
                    month.trim_start_matches('0'),
                    "/",
                    year,
                ] {
                    gsm7::fold_into(part, out);
                }
            }
            _ => show(value, Shape::Plain, out),
        },
        Shape::Phone | Shape::Plain => {
            let from = out.len();
            gsm7::fold_into(value, out);
            if out[from..].contains(['\n', '\r', '\u{c}']) {
                let line = out.split_off(from).replace(['\n', '\r', '\u{c}'], " ");
                out.push_str(&line);
            }
        }
    }
}

/// `1250` to `1,250`, `-1250.5` to `-1,250.50`; `None` when it is no plain amount.
fn money(value: &str) -> Option<String> {
    let (sign, amount) = value
        .strip_prefix('-')
        .map_or(("", value), |amount| ("-", amount));
    let (whole, cents) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(cents) || cents.len() > 2 {
        return None;
    }
    let grouped = with_commas(whole);
    Some(if cents.bytes().all(|b| b == b'0') {
        format!("{sign}{grouped}")
    } else {
        format!("{sign}{grouped}.{cents:0<2}")
    })
}
