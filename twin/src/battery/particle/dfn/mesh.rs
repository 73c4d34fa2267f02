//! Points across the cell: elements of polynomials on Gauss-Lobatto points, and the weights of their quadrature.
//!
//! ```text
//! collector │ negative ─┬─ … │ separator │ … ─┬─ positive │ collector        ─┬─  elements meet and share a point
//! ```
//!
//! A function is known at the points; within an element it is the polynomial through them. Integrals are sums over
//! the same points, so that what flows out of one element flows into the next to rounding, and mass is diagonal.
//!
//! Source: Canuto et al., *Spectral Methods* (2006), ch. 5 (spectral elements).

use crate::battery::particle::salt::Layer;

/// Highest degree of the polynomials in an element.
pub const DEGREE_MAX: usize = 12;
/// Most elements in an electrode.
pub const ELEMENTS_MAX: usize = 16;

/// How finely the thickness is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    /// Elements in each electrode, 1 to [`ELEMENTS_MAX`].
    pub elements: usize,
    /// Degree of their polynomials, 2 to [`DEGREE_MAX`].
    pub degree: usize,
    /// Degree of the one element that is the separator, 2 to [`DEGREE_MAX`].
    pub separator: usize,
}

/// A stretch of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// Negative electrode, separator or positive electrode.
    pub layer: usize,
    /// Number of its first point.
    pub first: usize,
    /// Share of the bulk's transport that is left, ε^b.
    pub transport: f64,
    /// Weights of its points [m].
    pub weights: Vec<f64>,
    /// For each point, the derivatives there of the polynomials of all points [1/m].
    pub slopes: Vec<f64>,
}

impl Element {
    /// Points of the element.
    #[inline]
    pub fn points(&self) -> usize {
        self.weights.len()
    }

    /// Derivatives at one of its points.
    #[inline]
    pub fn slopes_at(&self, point: usize) -> &[f64] {
        &self.slopes[point * self.points()..(point + 1) * self.points()]
    }
}

/// The points across the cell. Those of the electrodes are also counted alone, as *places*, negative ones first.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    /// Elements from the negative to the positive collector.
    pub elements: Vec<Element>,
    /// Number of points.
    pub points: usize,
    /// Places in the negative electrode.
    pub negative: usize,
    /// Point of each place.
    pub point_of: Vec<usize>,
    /// Place of each point; `None` in the separator.
    pub place_of: Vec<Option<usize>>,
    /// Thickness of electrode that each place stands for [m].
    pub thickness_m: Vec<f64>,
    /// Volume of electrolyte per area at each point [m].
    pub electrolyte_m: Vec<f64>,
}

impl Mesh {
    /// Layers from the negative to the positive end.
    pub fn new(layers: [Layer; 3], resolution: Resolution) -> Self {
        let elements_each = resolution.elements.clamp(1, ELEMENTS_MAX);
        let mut elements = Vec::new();
        let mut last = 0;
        for (layer, of) in layers.iter().enumerate() {
            let (count, degree) =
                if layer == 1 { (1, resolution.separator) } else { (elements_each, resolution.degree) };
            let degree = degree.clamp(2, DEGREE_MAX);
            let thickness_m = of.thickness_m / count as f64;
            let (points, weights) = lobatto(degree);
            for _ in 0..count {
                let slopes = (0..=degree)
                    .flat_map(|q| (0..=degree).map(move |j| (q, j)))
                    .map(|(q, j)| lagrange_slope(&points, q, j) / thickness_m)
                    .collect();
                elements.push(Element {
                    layer,
                    first: last,
                    transport: of.transport(),
                    weights: weights.iter().map(|w| w * thickness_m).collect(),
                    slopes,
                });
                last += degree;
            }
        }
        let points = last + 1;
        let mut electrolyte_m = vec![0.0; points];
        let mut electrode_m = vec![0.0; points];
        for element in &elements {
            for (q, weight) in element.weights.iter().enumerate() {
                electrolyte_m[element.first + q] += layers[element.layer].porosity * weight;
                if element.layer != 1 {
                    electrode_m[element.first + q] += weight;
                }
            }
        }
        let mut place_of = vec![None; points];
        let mut point_of = Vec::new();
        for (point, place) in place_of.iter_mut().enumerate() {
            if electrode_m[point] > 0.0 {
                *place = Some(point_of.len());
                point_of.push(point);
            }
        }
        let negative = elements.iter().find(|e| e.layer == 1).map_or(0, |separator| separator.first + 1);
        let thickness_m = point_of.iter().map(|point| electrode_m[*point]).collect();
        Self { elements, points, negative, point_of, place_of, thickness_m, electrolyte_m }
    }

    /// Number of places.
    pub fn places(&self) -> usize {
        self.point_of.len()
    }

    /// Electrode of a place: 0 negative, 1 positive.
    #[inline]
    pub fn side(&self, place: usize) -> usize {
        usize::from(place >= self.negative)
    }

    /// Places of an electrode.
    #[inline]
    pub fn side_places(&self, side: usize) -> std::ops::Range<usize> {
        if side == 0 { 0..self.negative } else { self.negative..self.places() }
    }

    /// Average over an electrode of what is known at places.
    pub fn average(&self, side: usize, values: impl Fn(usize) -> f64) -> f64 {
        let (mut sum, mut thickness_m) = (0.0, 0.0);
        for place in self.side_places(side) {
            sum += self.thickness_m[place] * values(place);
            thickness_m += self.thickness_m[place];
        }
        sum / thickness_m
    }
}

/// Points and weights of Lobatto's quadrature between 0 and 1, `degree` + 1 of them.
fn lobatto(degree: usize) -> (Vec<f64>, Vec<f64>) {
    let n = degree as f64;
    let legendre = |x: f64| {
        let (mut p0, mut p1) = (1.0, x);
        for m in 2..=degree {
            let m = m as f64;
            (p0, p1) = (p1, ((2.0 * m - 1.0) * x * p1 - (m - 1.0) * p0) / m);
        }
        (p0, p1)
    };
    (0..=degree)
        .map(|k| {
            let mut x = -(std::f64::consts::PI * k as f64 / n).cos();
            if k != 0 && k != degree {
                // Newton's method on the derivative of the Legendre polynomial.
                for _ in 0..80 {
                    let (before, top) = legendre(x);
                    let change = (x * top - before) / ((n + 1.0) * top);
                    x -= change;
                    if change.abs() < 1e-16 {
                        break;
                    }
                }
            }
            let (_, top) = legendre(x);
            (0.5 * (1.0 + x), 1.0 / (n * (n + 1.0) * top * top))
        })
        .unzip()
}

/// Derivative at point `q` of the polynomial that is 1 at point `j` and 0 at the others.
fn lagrange_slope(points: &[f64], q: usize, j: usize) -> f64 {
    let others = |skip: usize| (0..points.len()).filter(move |k| *k != j && *k != skip);
    others(j)
        .map(|m| {
            let product: f64 = others(m).map(|k| (points[q] - points[k]) / (points[j] - points[k])).product();
            product / (points[j] - points[m])
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> [Layer; 3] {
        let layer = |thickness_m, porosity| Layer { thickness_m, porosity, bruggeman: 1.5 };
        [layer(85e-6, 0.25), layer(12e-6, 0.5), layer(75e-6, 0.3)]
    }

    #[test]
    fn places_and_points_fit_together() {
        let mesh = Mesh::new(layers(), Resolution { elements: 2, degree: 4, separator: 3 });
        assert_eq!((mesh.points, mesh.places(), mesh.negative), (20, 18, 9));
        assert_eq!((mesh.point_of[8], mesh.point_of[9]), (8, 11));
        let total: f64 = mesh.thickness_m.iter().sum();
        assert!((total / 160e-6 - 1.0).abs() < 1e-13);
        let electrolyte: f64 = mesh.electrolyte_m.iter().sum();
        assert!((electrolyte / (85e-6 * 0.25 + 12e-6 * 0.5 + 75e-6 * 0.3) - 1.0).abs() < 1e-13);
    }

    #[test]
    fn polynomials_are_integrated_and_derived_exactly() {
        for degree in [2, 5, 8, 12] {
            let (points, weights) = lobatto(degree);
            let power = 2 * degree as i32 - 1;
            let sum: f64 = points.iter().zip(&weights).map(|(x, w)| w * x.powi(power)).sum();
            assert!((sum * f64::from(power + 1) - 1.0).abs() < 1e-12, "{degree}: {sum}");
            for q in 0..=degree {
                let slope: f64 =
                    (0..=degree).map(|j| lagrange_slope(&points, q, j) * points[j].powi(degree as i32)).sum();
                let exact = degree as f64 * points[q].powi(degree as i32 - 1);
                assert!((slope - exact).abs() < 1e-10, "{degree}, {q}: {slope} {exact}");
            }
        }
    }
}
