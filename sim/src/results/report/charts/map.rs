//! A map without a background: places, areas and tracks on a plain cylindrical projection.
//!
//! Equirectangular about the middle of what is shown: `x = (λ − λ₀)·cos φ₀`, `y = φ`. True in all directions at the
//! middle, wide towards the poles; for parts of an ocean that is enough. Source: Snyder, *Map Projections: A Working
//! Manual*, USGS 1395 (1987), ch. 12.

use super::super::svg::{Scale, escape, nice_ticks, path, px};
use super::{Caption, card, drawing};
use crate::results::atlas::Atlas;
use std::fmt::Write as _;

const WIDTH: f64 = 1120.0;
const HEIGHT_MAX: f64 = 640.0;
const MARGIN: f64 = 34.0;

/// A map of all variants.
#[derive(Debug, Clone, PartialEq)]
pub struct Map<'a> {
    /// Which variant switches it, and what it has.
    pub variants: Vec<(usize, &'a Atlas)>,
}

/// Brings a longitude near another one by whole turns, so that nothing jumps at the date line.
fn near(longitude_deg: f64, centre_deg: f64) -> f64 {
    centre_deg + (longitude_deg - centre_deg + 180.0).rem_euclid(360.0) - 180.0
}

impl Map<'_> {
    /// The card; nothing when there is nothing to show.
    #[must_use]
    pub fn card(&self) -> String {
        let Some(((_, first), spot)) = self.variants.first().and_then(|v| Some((v, v.1.spots.first()?)))
        else {
            return String::new();
        };
        let centre_deg = spot.longitude_deg;
        let (mut lat, mut lon) = ((f64::MAX, f64::MIN), (f64::MAX, f64::MIN));
        let mut include = |latitude_deg: f64, longitude_deg: f64| {
            let longitude_deg = near(longitude_deg, centre_deg);
            lat = (lat.0.min(latitude_deg), lat.1.max(latitude_deg));
            lon = (lon.0.min(longitude_deg), lon.1.max(longitude_deg));
        };
        for (_, atlas) in &self.variants {
            atlas.spots.iter().for_each(|spot| include(spot.latitude_deg, spot.longitude_deg));
            for area in &atlas.areas {
                include(area.south_deg, area.west_deg);
                include(area.north_deg, area.east_deg);
            }
            let points = atlas.tracks.iter().flat_map(|track| &track.points);
            points.for_each(|(latitude_deg, longitude_deg)| include(*latitude_deg, *longitude_deg));
        }
        let pad = 0.04 * (lat.1 - lat.0).max(lon.1 - lon.0).max(0.1);
        let (lat, lon) = ((lat.0 - pad, lat.1 + pad), (lon.0 - pad, lon.1 + pad));
        let narrow = (0.5 * (lat.0 + lat.1)).to_radians().cos().max(0.1);
        let per_deg = ((WIDTH - 2.0 * MARGIN) / ((lon.1 - lon.0) * narrow))
            .min((HEIGHT_MAX - 2.0 * MARGIN) / (lat.1 - lat.0));
        let (wide, high) = ((lon.1 - lon.0) * narrow * per_deg, (lat.1 - lat.0) * per_deg);
        let left = 0.5 * (WIDTH - wide);
        let x = Scale { domain: lon, range: (left, left + wide) };
        let y = Scale { domain: lat, range: (MARGIN + high, MARGIN) };
        let height = high + 2.0 * MARGIN;
        let at = |latitude_deg: f64, longitude_deg: f64| {
            (x.at(near(longitude_deg, centre_deg)), y.at(latitude_deg))
        };

        let mut body = graticule(x, y);
        for (index, area) in first.areas.iter().enumerate() {
            let (a, b) = (at(area.north_deg, area.west_deg), at(area.south_deg, area.east_deg));
            let (width, tall) = ((b.0 - a.0).max(2.0), (b.1 - a.1).max(2.0));
            let _ = write!(
                body,
                "<rect class=\"band p2\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>\
                 <text class=\"unit m\" x=\"{}\" y=\"{}\">{}</text>",
                px(a.0),
                px(a.1),
                px(width),
                px(tall),
                escape(&area.name),
                px(a.0 + 0.5 * width),
                // Names of small areas side by side stand on different lines.
                px(a.1 - 5.0 - if width < 60.0 { 12.0 * (index % 4) as f64 } else { 0.0 }),
                escape(&area.name)
            );
        }
        for (variant, atlas) in &self.variants {
            let _ = write!(body, "<g class=\"v{variant}\">");
            for track in &atlas.tracks {
                let points: Vec<(f64, f64)> = track.points.iter().map(|p| at(p.0, p.1)).collect();
                let _ = write!(
                    body,
                    "<path class=\"line c{} d{}\" style=\"stroke-width:1;opacity:.55\" d=\"{}\"><title>{}</title></path>",
                    variant % 8,
                    (variant / 8).min(3),
                    path(&points),
                    escape(&track.name)
                );
            }
            body.push_str("</g>");
        }
        for spot in &first.spots {
            let (a, b) = at(spot.latitude_deg, spot.longitude_deg);
            let radius = if spot.kind == "port" { 5.0 } else { 3.5 };
            let class = if spot.kind == "port" { "c6" } else { "c4" };
            let _ = write!(
                body,
                "<circle class=\"dot {class}\" cx=\"{}\" cy=\"{}\" r=\"{radius}\"><title>{}</title></circle>",
                px(a),
                px(b),
                escape(&spot.name)
            );
            if spot.kind == "port" {
                let _ = write!(
                    body,
                    "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>",
                    px(a + 8.0),
                    px(b + 4.0),
                    escape(&spot.name)
                );
            }
        }
        let caption = Caption {
            title: "Where vessels went".into(),
            note: "Tracks as received; gaps where a tracker was silent are drawn straight. Grounds, ports (large) and \
                   plants (small); degrees north and east"
                .into(),
            parts: Vec::new(),
        };
        let description = format!("{} areas, {} places", first.areas.len(), first.spots.len());
        card(&caption, "wide", &drawing(WIDTH, height, &caption.title, &description, "", &body))
    }
}

/// Parallels and meridians at round degrees.
fn graticule(x: Scale, y: Scale) -> String {
    let mut body = String::from("<g class=\"grid\">");
    let (columns, rows) = (nice_ticks(x.domain.0, x.domain.1, 7), nice_ticks(y.domain.0, y.domain.1, 5));
    let within = |value: &f64, scale: Scale| *value >= scale.domain.0 && *value <= scale.domain.1;
    for value in columns.values.iter().filter(|value| within(value, x)) {
        let _ = write!(body, "<path d=\"M{} {}V{}\"/>", px(x.at(*value)), px(y.range.1), px(y.range.0));
    }
    for value in rows.values.iter().filter(|value| within(value, y)) {
        let _ = write!(body, "<path d=\"M{} {}H{}\"/>", px(x.range.0), px(y.at(*value)), px(x.range.1));
    }
    body.push_str("</g><g class=\"ticks\">");
    for (value, label) in columns.values.iter().zip(columns.labels()).filter(|(value, _)| within(value, x)) {
        let turned = if *value < -180.0 || *value >= 180.0 { near(*value, 0.0).to_string() } else { label };
        let (a, b) = (px(x.at(*value)), px(y.range.0 + 16.0));
        let _ = write!(body, "<text class=\"m\" x=\"{a}\" y=\"{b}\">{turned}°</text>");
    }
    for (value, label) in rows.values.iter().zip(rows.labels()).filter(|(value, _)| within(value, y)) {
        let (a, b) = (px(x.range.0 - 5.0), px(y.at(*value) + 4.0));
        let _ = write!(body, "<text class=\"e\" x=\"{a}\" y=\"{b}\">{label}°</text>");
    }
    body.push_str("</g>");
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::atlas::{Spot, Track};

    #[test]
    fn a_track_across_the_date_line_does_not_go_round_the_globe() {
        let spot = Spot { name: "<i>".into(), kind: "port".into(), latitude_deg: 0.0, longitude_deg: 179.0 };
        let track = Track { name: "boat".into(), points: vec![(0.0, 179.0), (1.0, -179.0)] };
        let atlas = Atlas { spots: vec![spot], tracks: vec![track], ..Atlas::default() };
        let html = Map { variants: vec![(0, &atlas)] }.card();
        assert!(!html.contains("<i>") && html.contains("-179°") || html.contains("-180°"), "{html}");
        assert_eq!(near(-179.0, 179.0), 181.0);
        assert!(Map { variants: Vec::new() }.card().is_empty());
    }
}
