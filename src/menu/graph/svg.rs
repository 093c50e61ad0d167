//! The drawing: one panel a journey, laid out in ranks from left to right. An arrow that leaves its journey, or leads
//! back, ends in a small sign with the name of the screen it leads to, so that no line crosses half the picture.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::{Point, get_size_for_str};
use layout::core::style::StyleAttr;
use layout::std_shapes::shapes::{Arrow as Line, Element as Shape, ShapeKind};
use layout::topo::layout::VisualGraph;

use super::super::screens::{Form, Menus, ScreenId};
use super::Arrow;

/// A fill for each journey, again from the first when there are more.
const FILLS: [u32; 8] = [
    0xe3f2fdff, 0xfff3e0ff, 0xe8f5e9ff, 0xfce4ecff, 0xf3e5f5ff, 0xfffde7ff, 0xe0f7faff, 0xefebe9ff,
];
const INK: u32 = 0x263238ff;
const LINE: u32 = 0x78909cff;
/// Sizes in pixels, large beside the layout's fixed gaps.
const BOX_FONT: usize = 24;
const SIGN_FONT: usize = 22;
/// The layout reckons a letter as wide as it is high; ours are narrower, so that labels are drawn larger than they are laid out.
const LABEL_FONT: usize = 12;
const LABEL_DRAWN: usize = 20;
const HEADING: f64 = 80.;
const MARGIN: f64 = 36.;

pub(super) fn draw(menus: &Menus) -> String {
    let arrows = menus.arrows();
    let mut body = String::new();
    let (mut width, mut height) = (0f64, MARGIN);
    for (journey, name) in (0u16..).zip(&menus.journeys) {
        let panel = panel(menus, &arrows, journey);
        let _ = write!(
            body,
            "<text x=\"{MARGIN}\" y=\"{}\" class=\"heading\">{}</text>\n<g transform=\"translate({MARGIN},{})\">\n{}</g>\n",
            height + 30.,
            escaped(name),
            height + HEADING,
            panel.body
        );
        width = width.max(panel.size.x);
        height += HEADING + panel.size.y + MARGIN;
    }
    let width = width + 2. * MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <defs><marker id=\"head\" markerWidth=\"9\" markerHeight=\"8\" refX=\"8\" refY=\"4\" orient=\"auto\">\
         <polygon points=\"0 0, 9 4, 0 8\" fill=\"#78909c\"/></marker></defs>\n\
         <style>text {{ font-family: system-ui, sans-serif; fill: #263238; text-anchor: middle; dominant-baseline: central; }}\n\
         .heading {{ font-size: 40px; font-weight: 600; text-anchor: start; }} .id {{ font-weight: 600; }}\n\
         .label {{ fill: #455a64; paint-order: stroke; stroke: #ffffff; stroke-width: 5px; }}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

/// One journey, laid out.
fn panel(menus: &Menus, arrows: &[Arrow], journey: u16) -> Canvas {
    let mut graph = VisualGraph::new(Orientation::LeftToRight);
    let mut boxes = HashMap::new();
    for (id, screen) in menus
        .numbered()
        .filter(|(_, screen)| screen.journey == journey)
    {
        let rounded = if matches!(screen.form, Form::End(_)) {
            24
        } else {
            4
        };
        let shape = shape(
            &menus.label(screen).join("\n"),
            fill(journey),
            rounded,
            BOX_FONT,
        );
        boxes.insert(id, graph.add_node(shape));
    }
    let back = leading_back(arrows, &boxes.keys().copied().collect());
    for (index, arrow) in arrows.iter().enumerate() {
        let Some(from) = boxes.get(&arrow.from).copied() else {
            continue;
        };
        let to = match boxes.get(&arrow.to).filter(|_| !back.contains(&index)) {
            Some(to) => *to,
            None => {
                let target = menus.screen(arrow.to);
                graph.add_node(shape(
                    &format!("> {}", target.name),
                    fill(target.journey),
                    18,
                    SIGN_FONT,
                ))
            }
        };
        let look = StyleAttr::new(Color::new(LINE), 2, None, 0, LABEL_FONT);
        let labels = arrow.labels.join("\n");
        graph.add_edge(
            Line {
                text: labels,
                look,
                ..Line::default()
            },
            from,
            to,
        );
    }
    let mut canvas = Canvas::default();
    graph.do_it(false, false, false, &mut canvas);
    canvas
}

/// Arrows that close a circle, found by walking from each screen in the order of the documents.
fn leading_back(arrows: &[Arrow], inside: &HashSet<ScreenId>) -> HashSet<usize> {
    let mut walk = Walk {
        arrows,
        inside,
        under_way: HashSet::new(),
        done: HashSet::new(),
        back: HashSet::new(),
    };
    let mut starts: Vec<ScreenId> = inside.iter().copied().collect();
    starts.sort();
    for start in starts {
        walk.from(start);
    }
    walk.back
}

struct Walk<'a> {
    arrows: &'a [Arrow],
    inside: &'a HashSet<ScreenId>,
    under_way: HashSet<ScreenId>,
    done: HashSet<ScreenId>,
    back: HashSet<usize>,
}

impl Walk<'_> {
    fn from(&mut self, id: ScreenId) {
        if !self.done.insert(id) {
            return;
        }
        self.under_way.insert(id);
        for (index, arrow) in self
            .arrows
            .iter()
            .enumerate()
            .filter(|(_, arrow)| arrow.from == id)
        {
            if self.under_way.contains(&arrow.to) {
                self.back.insert(index);
            } else if self.inside.contains(&arrow.to) {
                self.from(arrow.to);
            }
        }
        self.under_way.remove(&id);
    }
}

fn fill(journey: u16) -> u32 {
    FILLS[usize::from(journey) % FILLS.len()]
}

fn shape(text: &str, fill: u32, rounded: usize, font: usize) -> Shape {
    let look = StyleAttr::new(Color::new(INK), 1, Some(Color::new(fill)), rounded, font);
    let size = get_size_for_str(text, font);
    let size = Point::new(size.x * 0.6 + 24., size.y * 1.15 + 16.);
    Shape::create(
        ShapeKind::new_box(text),
        look,
        Orientation::LeftToRight,
        size,
    )
}

/// Where the layout draws: SVG elements, and how far they reach.
struct Canvas {
    body: String,
    size: Point,
}

impl Default for Canvas {
    fn default() -> Canvas {
        Canvas {
            body: String::new(),
            size: Point::zero(),
        }
    }
}

impl Canvas {
    fn reach(&mut self, to: Point) {
        self.size = Point::new(self.size.x.max(to.x + 4.), self.size.y.max(to.y + 4.));
    }
}

impl RenderBackend for Canvas {
    fn draw_rect(
        &mut self,
        xy: Point,
        size: Point,
        look: &StyleAttr,
        _properties: Option<String>,
        _clip: Option<ClipHandle>,
    ) {
        self.reach(xy.add(size));
        let fill = look
            .fill_color
            .map_or("none".to_owned(), |fill| fill.to_web_color());
        let _ = writeln!(
            self.body,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{}\" fill=\"{fill}\" stroke=\"{}\"/>",
            xy.x,
            xy.y,
            size.x,
            size.y,
            look.rounded,
            look.line_color.to_web_color()
        );
    }

    fn draw_text(&mut self, xy: Point, text: &str, look: &StyleAttr) {
        let lines: Vec<&str> = text.lines().collect();
        let font = if look.font_size == LABEL_FONT {
            LABEL_DRAWN
        } else {
            look.font_size
        };
        let step = font as f64 * 1.15;
        let top = xy.y - step * (lines.len().saturating_sub(1)) as f64 / 2.;
        for (number, line) in lines.iter().enumerate() {
            let class = match (look.font_size, number) {
                (LABEL_FONT, _) => "label",
                (_, 0) => "id",
                _ => "text",
            };
            let y = top + step * number as f64;
            let _ = writeln!(
                self.body,
                "<text x=\"{:.1}\" y=\"{y:.1}\" class=\"{class}\" font-size=\"{font}\">{}</text>",
                xy.x,
                escaped(line)
            );
        }
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _dashed: bool,
        head: (bool, bool),
        look: &StyleAttr,
        _properties: Option<String>,
        _text: &str,
    ) {
        let [first, second, rest @ ..] = path else {
            return;
        };
        let mut curve = format!(
            "M {:.1} {:.1} C {:.1} {:.1}, {:.1} {:.1}, {:.1} {:.1}",
            first.0.x,
            first.0.y,
            first.1.x,
            first.1.y,
            second.0.x,
            second.0.y,
            second.1.x,
            second.1.y
        );
        for (control, point) in rest {
            let _ = write!(
                curve,
                " S {:.1} {:.1}, {:.1} {:.1}",
                control.x, control.y, point.x, point.y
            );
        }
        for (_, point) in path {
            self.reach(*point);
        }
        let marker = if head.1 {
            " marker-end=\"url(#head)\""
        } else {
            ""
        };
        let _ = writeln!(
            self.body,
            "<path d=\"{curve}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{marker}/>",
            look.line_color.to_web_color()
        );
    }

    fn draw_line(
        &mut self,
        _start: Point,
        _stop: Point,
        _look: &StyleAttr,
        _properties: Option<String>,
    ) {
    }

    fn draw_circle(
        &mut self,
        _xy: Point,
        _size: Point,
        _look: &StyleAttr,
        _properties: Option<String>,
    ) {
    }

    fn create_clip(&mut self, _xy: Point, _size: Point, _rounded_px: usize) -> ClipHandle {
        0
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
