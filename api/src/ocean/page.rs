//! The page that a batch's label leads to: its way on a map drawn here, and its stations in words. Nothing is fetched.
//!
//! The map is equirectangular about the middle of what is shown, as `x = (λ − λ₀)·cos φ₀`, `y = φ` (Snyder, *Map
//! Projections*, USGS 1395, ch. 12): true in all directions at the middle, which is enough for the way of one batch. A
//! graticule and a scale say where and how far.

use super::wire::seconds;
use host::plastic::{BatchSight, Plastic};
use std::fmt::Write;
use twin::geo::Position;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 48.0;
/// Kilometres of a degree of latitude.
const KM_PER_DEG: f64 = 111.195;
/// Least that a map spans [°].
const SPAN_MIN_DEG: f64 = 0.08;

/// Text as it may stand in a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A place as everybody may see it.
fn coarse(place: Position) -> (f64, f64) {
    let round = |deg: f64| (deg * 100.0).round() / 100.0;
    (round(place.latitude_deg), round(place.longitude_deg))
}

/// Steps of 1, 2 or 5 times a power of ten, some four to a span.
fn step_of(span: f64) -> f64 {
    let rough = span / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
    factor * power
}

/// What a map shows.
struct Map {
    middle: (f64, f64),
    narrow: f64,
    /// Points of the drawing per degree of latitude.
    scale: f64,
}

impl Map {
    fn of(points: &[(f64, f64)]) -> Self {
        let centre = points.first().map_or(0.0, |point| point.1);
        // Brought near the first by whole turns, so that nothing jumps at the date line.
        let near = |lon: f64| centre + (lon - centre + 180.0).rem_euclid(360.0) - 180.0;
        let mut lat = (f64::MAX, f64::MIN);
        let mut lon = (f64::MAX, f64::MIN);
        for point in points {
            lat = (lat.0.min(point.0), lat.1.max(point.0));
            lon = (lon.0.min(near(point.1)), lon.1.max(near(point.1)));
        }
        let middle = (0.5 * (lat.0 + lat.1), 0.5 * (lon.0 + lon.1));
        let narrow = middle.0.to_radians().cos().max(0.05);
        let high = (lat.1 - lat.0).max(SPAN_MIN_DEG);
        let wide = ((lon.1 - lon.0) * narrow).max(SPAN_MIN_DEG);
        let scale = ((WIDTH - 2.0 * MARGIN) / wide).min((HEIGHT - 2.0 * MARGIN) / high);
        Self { middle, narrow, scale }
    }

    fn at(&self, (lat, lon): (f64, f64)) -> (f64, f64) {
        let east = (lon - self.middle.1 + 180.0).rem_euclid(360.0) - 180.0;
        (0.5 * WIDTH + east * self.narrow * self.scale, 0.5 * HEIGHT - (lat - self.middle.0) * self.scale)
    }

    fn graticule(&self, svg: &mut String) {
        let high = HEIGHT / self.scale;
        let wide = WIDTH / self.scale / self.narrow;
        let step = step_of(high.max(wide));
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let mut line = (self.middle.0 - 0.5 * high).div_euclid(step) * step;
        while line <= self.middle.0 + 0.5 * high {
            let y = self.at((line, self.middle.1)).1;
            if line.abs() <= 90.0 && (0.0..HEIGHT).contains(&y) {
                let side = if line < 0.0 { "S" } else { "N" };
                let _ = write!(
                    svg,
                    "<path class=\"g\" d=\"M0 {y:.1}H{WIDTH}\"/><text class=\"t\" x=\"6\" y=\"{:.1}\">{:.decimals$}° {side}</text>",
                    y - 4.0,
                    line.abs()
                );
            }
            line += step;
        }
        let mut line = (self.middle.1 - 0.5 * wide).div_euclid(step) * step;
        while line <= self.middle.1 + 0.5 * wide {
            let x = self.at((self.middle.0, line)).0;
            let turned = (line + 180.0).rem_euclid(360.0) - 180.0;
            if (0.0..WIDTH).contains(&x) {
                let side = if turned < 0.0 { "W" } else { "E" };
                let _ = write!(
                    svg,
                    "<path class=\"g\" d=\"M{x:.1} 0V{HEIGHT}\"/><text class=\"t\" x=\"{:.1}\" y=\"{:.1}\">{:.decimals$}° {side}</text>",
                    x + 4.0,
                    HEIGHT - 8.0,
                    turned.abs()
                );
            }
            line += step;
        }
    }

    /// How far is how long.
    fn ruler(&self, svg: &mut String) {
        let km = step_of(WIDTH / self.scale * KM_PER_DEG * 0.6);
        let long = km / KM_PER_DEG * self.scale;
        let (right, y) = (WIDTH - 16.0, 22.0);
        let _ = write!(
            svg,
            "<path class=\"r\" d=\"M{:.1} {y}v6H{right}v-6\"/><text class=\"t\" x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{km} km</text>",
            right - long,
            y - 5.0
        );
    }
}

/// The way of a batch as a drawing; nothing where no place is known.
fn map(sight: &BatchSight) -> String {
    let steps = sight.batch.steps.iter().enumerate();
    let stops: Vec<(usize, (f64, f64))> =
        steps.filter_map(|(index, step)| Some((index, coarse(step.place.position?)))).collect();
    if stops.is_empty() {
        return String::new();
    }
    let points: Vec<(f64, f64)> = stops.iter().map(|stop| stop.1).collect();
    let map = Map::of(&points);
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Map of the way\">");
    let _ = write!(svg, "<rect class=\"s\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"10\"/>");
    map.graticule(&mut svg);
    map.ruler(&mut svg);
    let path: Vec<String> = points
        .iter()
        .map(|point| {
            let (x, y) = map.at(*point);
            format!("{x:.1} {y:.1}")
        })
        .collect();
    let _ = write!(svg, "<path class=\"w\" d=\"M{}\"/>", path.join("L"));
    // Steps at one place share a mark, which bears their numbers.
    let mut marks: Vec<((f64, f64), Vec<usize>)> = Vec::new();
    for (index, point) in stops {
        match marks.iter_mut().find(|mark| mark.0 == point) {
            Some(mark) => mark.1.push(index + 1),
            None => marks.push((point, vec![index + 1])),
        }
    }
    for (point, numbers) in marks {
        let (x, y) = map.at(point);
        let text = numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let _ = write!(
            svg,
            "<circle class=\"m\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"7\"/><text class=\"n\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
            x + 11.0,
            y - 9.0
        );
    }
    svg.push_str("</svg>");
    svg
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;color:#1c2a1a;background:#f6f9f1;margin:0}\
    main{max-width:860px;margin:0 auto;padding:28px 20px 60px}h1{font-size:26px;margin:0 0 2px}\
    .sub{color:#55644f;margin:0 0 20px}.b{display:inline-block;background:#84cc16;color:#14230a;border-radius:99px;padding:2px 12px;font-weight:600}\
    svg{width:100%;height:auto;display:block;margin:0 0 22px}.s{fill:#e3eef6}.g{stroke:#c3d5e2;fill:none}\
    .t{font-size:12px;fill:#5b7587}.r{stroke:#3c5666;fill:none}.w{stroke:#4d7c0f;stroke-width:3;fill:none;stroke-linejoin:round}\
    .m{fill:#84cc16;stroke:#fff;stroke-width:2}.n{font-size:14px;font-weight:700;fill:#1c2a1a;paint-order:stroke;stroke:#e3eef6;stroke-width:4px}\
    ol{padding-left:24px;margin:0}li{padding:6px 0;border-bottom:1px solid #dde6d3}.k{color:#55644f;font-size:14px}";

/// The page.
pub(super) fn page(sight: &BatchSight) -> String {
    let batch = &sight.batch;
    let id = batch.id.to_string();
    let mut stops = String::new();
    for leg in Plastic::journey(batch) {
        let step = leg.step;
        let mut more = vec![seconds(step.at).replace('T', " ").replace('Z', " UTC")];
        more.extend(step.place.facility.as_deref().map(escaped));
        more.extend(step.place.position.map(|place| {
            let (lat, lon) = coarse(place);
            let (north, east) = (if lat < 0.0 { "S" } else { "N" }, if lon < 0.0 { "W" } else { "E" });
            format!("{:.2}° {north}, {:.2}° {east}", lat.abs(), lon.abs())
        }));
        more.extend(leg.distance_km.map(|km| format!("{km:.0} km from the last station")));
        let _ = write!(
            stops,
            "<li><strong>{}</strong><br><span class=\"k\">{}</span></li>",
            step.stage.status(),
            more.join(" · ")
        );
    }
    let collected = seconds(batch.origin.at);
    let method = batch.origin.method.name().replace('_', " ");
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{id}</title><style>{STYLE}</style></head><body><main><h1>{id}</h1>\
         <p class=\"sub\">{:.1} kg of plastic, {method}, {}. <span class=\"b\">{}</span></p>{}<ol>{stops}</ol>\
         <p class=\"k\">Places are rounded to about a kilometre.</p></main></body></html>",
        sight.collected.mass_kg(),
        &collected[..10.min(collected.len())],
        batch.stage().status(),
        map(sight)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_over_the_date_line_stays_on_the_map() {
        let points = [(10.0, 179.5), (11.0, -179.5)];
        let map = Map::of(&points);
        let (a, b) = (map.at(points[0]), map.at(points[1]));
        assert!((b.0 - a.0) > 0.0 && (b.0 - a.0) < WIDTH, "{a:?} {b:?}");
        for (x, y) in [a, b] {
            assert!((0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y));
        }
        assert_eq!((step_of(4.0), step_of(7.0), step_of(100.0)), (1.0, 2.0, 50.0));
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escaped("<b a=\"&\">"), "&lt;b a=&quot;&amp;&quot;&gt;");
    }
}
