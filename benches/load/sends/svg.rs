//! Two panels of lines as SVG, without a font or a colour of its own system: it is read on light and on dark pages.

use std::fmt::Write;

const WIDTH: f64 = 1120.0;
const HEIGHT: f64 = 420.0;
/// Where the panels are, from the top and the bottom of the picture.
const TOP: f64 = 76.0;
const BOTTOM: f64 = 46.0;
const PANEL: f64 = 470.0;
const LEFTS: [f64; 2] = [64.0, 630.0];
/// Steps on a linear axis, about.
const STEPS: f64 = 5.0;

const STYLE: &str = "\
svg{--paper:#ffffff;--ink:#1f2328;--faint:#d1d9e0;\
--c0:#0969da;--c1:#bc4c00;--c2:#1a7f37;--c3:#8250df;--c4:#bf3989;--c5:#7d4e00}\
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--faint:#30363d;\
--c0:#58a6ff;--c1:#f0883e;--c2:#3fb950;--c3:#bc8cff;--c4:#f778ba;--c5:#d4a72c}}\
.paper{fill:var(--paper)}text{fill:var(--ink);font:13px system-ui,sans-serif}.title{font-weight:600}\
.grid{stroke:var(--faint);stroke-width:1}path{fill:none;stroke-width:1.8;stroke-linejoin:round}\
.dashed{stroke-dasharray:5 4}";
const COLOURS: usize = 6;

pub(super) struct Panel {
    pub(super) title: String,
    pub(super) across: Axis,
    pub(super) up: Axis,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Line {
    pub(super) colour: usize,
    pub(super) stroke: Stroke,
    pub(super) points: Vec<(f64, f64)>,
}

#[derive(Clone, Copy)]
pub(super) enum Stroke {
    Solid,
    Dashed,
}

impl Line {
    pub(super) fn heights(&self) -> impl Iterator<Item = f64> {
        self.points.iter().map(|(_, y)| *y)
    }
}

/// From a value to a place between 0 and 1, with ticks on the way.
pub(super) struct Axis {
    name: &'static str,
    low: f64,
    high: f64,
    logarithmic: bool,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0, with ticks where the caller wants them.
    pub(super) fn fixed(
        name: &'static str,
        high: f64,
        ticks: impl Iterator<Item = (f64, String)>,
    ) -> Self {
        Self {
            name,
            low: 0.0,
            high,
            logarithmic: false,
            ticks: ticks.collect(),
        }
    }

    /// From 0 to a round number above all values.
    pub(super) fn linear(name: &'static str, values: impl Iterator<Item = f64>) -> Self {
        let most = values.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let power = 10_f64.powf((most / STEPS).log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
        let enough = steps.into_iter().find(|step| step * STEPS >= most);
        let step = enough.unwrap_or(10.0 * power);
        let count = (most / step).ceil();
        let tick = |at: u32| (f64::from(at) * step, short(f64::from(at) * step));
        Self::fixed(name, step * count, (0..=count as u32).map(tick))
    }

    /// Between the 1, 2 or 5 below all values and that above them.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let positive = values.filter(|value| *value > 0.0);
        let (least, most) = positive.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        let round = (-4..6).flat_map(|power| [1.0, 2.0, 5.0].map(|d| d * 10_f64.powi(power)));
        let round: Vec<f64> = round.collect();
        let below = round.iter().rfind(|tick| **tick <= least).copied();
        let above = round.iter().find(|tick| **tick >= most).copied();
        let (low, high) = (below.unwrap_or(least), above.unwrap_or(most));
        let ticks = round.iter().filter(|tick| (low..=high).contains(*tick));
        Self {
            name: "",
            low,
            high,
            logarithmic: true,
            ticks: ticks.map(|tick| (*tick, short(*tick))).collect(),
        }
    }

    fn place(&self, value: f64) -> f64 {
        let (low, high, value) = if self.logarithmic {
            let least = value.max(self.low);
            (self.low.ln(), self.high.ln(), least.ln())
        } else {
            (self.low, self.high, value)
        };
        if high > low {
            (value - low) / (high - low)
        } else {
            0.0
        }
    }
}

/// `12k` for 12,000.
fn short(value: f64) -> String {
    if value >= 1000.0 {
        format!("{}k", value / 1000.0)
    } else {
        // What is left of a sum of fractions is no digit that counts.
        format!("{}", (value * 1e6).round() / 1e6)
    }
}

/// The whole picture, the names of the colours above it.
pub(super) fn document(legend: &[&str], left: &Panel, right: &Panel) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\"><style>{STYLE}</style>\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\n"
    );
    let mut x = LEFTS[0];
    for (colour, name) in legend.iter().enumerate() {
        let colour = colour % COLOURS;
        element(
            &mut svg,
            format_args!(
                "<path d=\"M{x} 24h22\" style=\"stroke:var(--c{colour});stroke-width:3\"/>\
                 <text x=\"{}\" y=\"28\">{name}</text>",
                x + 28.0
            ),
        );
        x += 52.0 + 8.0 * name.chars().count() as f64;
    }
    for (panel, at) in [left, right].into_iter().zip(LEFTS) {
        draw(&mut svg, panel, at);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, panel: &Panel, left: f64) {
    let (right, bottom) = (left + PANEL, HEIGHT - BOTTOM);
    let x = |value: f64| left + PANEL * panel.across.place(value);
    let y = |value: f64| bottom - (bottom - TOP) * panel.up.place(value);
    element(
        svg,
        format_args!(
            "<text class=\"title\" x=\"{left}\" y=\"{}\">{}</text>",
            TOP - 16.0,
            panel.title
        ),
    );
    for (value, label) in &panel.up.ticks {
        let at = y(*value);
        element(
            svg,
            format_args!(
                "<path class=\"grid\" d=\"M{left} {at:.1}H{right}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                left - 8.0,
                at + 4.0
            ),
        );
    }
    for (value, label) in &panel.across.ticks {
        element(
            svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                x(*value),
                bottom + 18.0
            ),
        );
    }
    element(
        svg,
        format_args!(
            "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            bottom + 36.0,
            panel.across.name
        ),
    );
    for line in &panel.lines {
        let class = match line.stroke {
            Stroke::Solid => "",
            Stroke::Dashed => " class=\"dashed\"",
        };
        let mut path = String::new();
        for (at, (across, up)) in line.points.iter().enumerate() {
            let step = if at == 0 { 'M' } else { 'L' };
            element(
                &mut path,
                format_args!("{step}{:.1} {:.1}", x(*across), y(*up)),
            );
        }
        element(
            svg,
            format_args!(
                "<path{class} style=\"stroke:var(--c{})\" d=\"{path}\"/>\n",
                line.colour % COLOURS
            ),
        );
    }
}

fn element(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    svg.write_fmt(text).ok();
}
