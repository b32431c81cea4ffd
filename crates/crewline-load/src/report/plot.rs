//! The picture: a panel of bars for each of the figures that tell most. It has a ground of its own, so that it can be
//! read on a light page and on a dark one.

use std::fmt::Write as _;

use super::{Measured, Run};
use crate::systems::Name;
use crate::works::Work;

const WIDTH: usize = 860;
const LEFT: usize = 230;
const RIGHT: usize = 110;
const BAR: usize = 18;
const STEP: usize = 26;
const PANEL_HEAD: usize = 44;
const EDGE: usize = 20;

/// A panel: its title, and the figure of each system.
struct Panel {
    title: String,
    bars: Vec<(String, bool, Option<f64>)>,
}

impl Run {
    /// The picture in SVG.
    pub(crate) fn picture(&self) -> String {
        let panels = self.panels();
        let heights = panels
            .iter()
            .map(|panel| PANEL_HEAD + STEP * panel.bars.len());
        let height = 2 * EDGE + heights.sum::<usize>();
        let mut svg = String::new();
        // Writing to memory does not fail.
        let _ = write(&mut svg, &panels, height);
        svg
    }

    fn panels(&self) -> Vec<Panel> {
        let (sizes, quick) = (
            &self.sizes,
            if self.quick {
                " (a quick run: says nothing)"
            } else {
                ""
            },
        );
        let many = sizes.senders * sizes.each;
        let mut wanted = vec![
            (
                format!("W1: round trips a second, {many} in flight (more is better)"),
                Work::W1,
                "w1.many.per_second".to_owned(),
            ),
            (
                "W1: server CPU for each, µs (less is better)".to_owned(),
                Work::W1,
                "w1.many.cpu_us".to_owned(),
            ),
            (
                format!(
                    "W2: {} messages that waited, ms until all are there",
                    sizes.waiting
                ),
                Work::W2,
                "w2.ms".to_owned(),
            ),
        ];
        if let Some(count) = sizes.idle.first() {
            wanted.push((
                format!("W3: {count} connected users, KiB each"),
                Work::W3,
                format!("w3.{count}.kib_each"),
            ));
        }
        wanted.push((
            format!(
                "W4: one emergency to {}, ms until the last has it",
                sizes.alarmed
            ),
            Work::W4,
            "w4.last.ms".to_owned(),
        ));
        wanted.push((
            format!(
                "W6: {} users come back, ms until all have all",
                sizes.returning
            ),
            Work::W6,
            "w6.ms".to_owned(),
        ));
        let panel = |(title, work, value): (String, Work, String)| Panel {
            title: format!("{title}{quick}"),
            bars: self
                .systems
                .iter()
                .map(|system| bar(system, work, &value))
                .collect(),
        };
        let panels = wanted.into_iter().map(panel);
        panels
            .filter(|panel| panel.bars.iter().any(|(_, _, value)| value.is_some()))
            .collect()
    }
}

fn bar(system: &Measured, work: Work, value: &str) -> (String, bool, Option<f64>) {
    let ours = matches!(system.name, Name::Crewline | Name::CrewlineSocket);
    (system.facts.name.clone(), ours, system.value(work, value))
}

fn write(svg: &mut String, panels: &[Panel], height: usize) -> std::fmt::Result {
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="Crewline beside its peers, in bars">
<rect width="{WIDTH}" height="{height}" rx="10" fill="#f7f8fa" stroke="#8a93a0"/>"##
    )?;
    let mut top = EDGE;
    for panel in panels {
        let title = escape(&panel.title);
        writeln!(
            svg,
            r##"<text x="{EDGE}" y="{}" font-size="15" font-weight="600" fill="#1c2733">{title}</text>"##,
            top + 20
        )?;
        top += PANEL_HEAD - 10;
        let most = panel.bars.iter().filter_map(|(_, _, value)| *value);
        let most = most.fold(f64::MIN_POSITIVE, f64::max);
        for (name, ours, value) in &panel.bars {
            let (name, text_at) = (escape(name), top + 13);
            writeln!(
                svg,
                r##"<text x="{}" y="{text_at}" text-anchor="end" fill="#1c2733">{name}</text>"##,
                LEFT - 10
            )?;
            let width = value.map_or(0.0, |value| (value / most) * (WIDTH - LEFT - RIGHT) as f64);
            let colour = if *ours { "#0b6bcb" } else { "#6b7684" };
            writeln!(
                svg,
                r#"<rect x="{LEFT}" y="{top}" width="{width:.1}" height="{BAR}" rx="2" fill="{colour}"/>"#
            )?;
            let shown = value.map_or_else(|| "–".to_owned(), label);
            writeln!(
                svg,
                r##"<text x="{:.1}" y="{text_at}" fill="#1c2733">{shown}</text>"##,
                LEFT as f64 + width + 6.0
            )?;
            top += STEP;
        }
        top += 10;
    }
    writeln!(svg, "</svg>")
}

fn label(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.1}");
    }
    super::tables::thousands(value.round() as usize)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use super::*;

    #[test]
    fn the_picture_has_a_bar_for_each_system_and_a_panel_for_each_figure_that_there_is() {
        let svg = run().picture();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("font-weight=\"600\"").count(), 1, "{svg}");
        assert_eq!(svg.matches("height=\"18\"").count(), 2, "{svg}");
        assert!(svg.contains(">1,234<") && svg.contains(">–<"), "{svg}");
        assert_eq!(escape("a<b & c>"), "a&lt;b &amp; c&gt;");
    }
}
