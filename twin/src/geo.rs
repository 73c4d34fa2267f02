//! Places on the globe: distances, bearings and areas, whatever side of the date line they lie on.
//!
//! The globe is a sphere of the mean Earth radius. Against the WGS 84 ellipsoid distances are off by 0.5 % at most,
//! which is less than anything that is done with them here.

use serde::{Deserialize, Serialize};

/// Mean radius of the Earth [km]. Source: Moritz, *Geodetic Reference System 1980*, J. Geodesy 74 (2000), R₁.
pub const EARTH_RADIUS_KM: f64 = 6371.0088;

/// Kilometres in a nautical mile.
pub const NAUTICAL_MILE_KM: f64 = 1.852;

/// Why something is no place.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum GeoError {
    /// A latitude beyond the poles, or no number.
    #[error("latitude {latitude_deg} is not within -90 to 90")]
    Latitude {
        /// What was given.
        latitude_deg: f64,
    },
    /// A longitude more than half round the globe, or no number.
    #[error("longitude {longitude_deg} is not within -180 to 180")]
    Longitude {
        /// What was given.
        longitude_deg: f64,
    },
    /// A box whose south lies north of its north.
    #[error("south {south_deg} is not below north {north_deg}")]
    UpsideDown {
        /// Southern edge.
        south_deg: f64,
        /// Northern edge.
        north_deg: f64,
    },
    /// Too few corners.
    #[error("{corners} corners enclose nothing: at least 3 are needed")]
    TooFewCorners {
        /// How many were given.
        corners: usize,
    },
}

/// A point on the globe. Longitudes are kept within −180 (included) to 180.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Degrees north.
    pub latitude_deg: f64,
    /// Degrees east.
    pub longitude_deg: f64,
}

/// An angle brought to −180 (included) to 180 by whole turns.
pub fn wrapped_deg(angle_deg: f64) -> f64 {
    (angle_deg + 180.0).rem_euclid(360.0) - 180.0
}

impl Position {
    /// A position from outside.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(latitude_deg: f64, longitude_deg: f64) -> Result<Self, GeoError> {
        if !(-90.0..=90.0).contains(&latitude_deg) {
            return Err(GeoError::Latitude { latitude_deg });
        }
        if !(-180.0..=180.0).contains(&longitude_deg) {
            return Err(GeoError::Longitude { longitude_deg });
        }
        Ok(Self { latitude_deg, longitude_deg: wrapped_deg(longitude_deg) })
    }

    /// Great-circle distance [km].
    ///
    /// ```text
    /// d = 2R·asin √(sin²(Δφ/2) + cos φ₁·cos φ₂·sin²(Δλ/2))
    /// ```
    ///
    /// Source: Sinnott, *Virtues of the Haversine*, Sky & Telescope 68 (1984). Good at short range, where the
    /// cosine rule loses digits; within a millimetre of the antipode it loses some itself.
    pub fn distance_km(self, to: Position) -> f64 {
        let (a, b) = (self.latitude_deg.to_radians(), to.latitude_deg.to_radians());
        let half_lat = 0.5 * (b - a);
        let half_lon = 0.5 * wrapped_deg(to.longitude_deg - self.longitude_deg).to_radians();
        let h = half_lat.sin().powi(2) + a.cos() * b.cos() * half_lon.sin().powi(2);
        2.0 * EARTH_RADIUS_KM * h.sqrt().min(1.0).asin()
    }

    /// Bearing at which the great circle to another place begins [°, 0 north, 90 east].
    pub fn bearing_deg(self, to: Position) -> f64 {
        let (a, b) = (self.latitude_deg.to_radians(), to.latitude_deg.to_radians());
        let lon = wrapped_deg(to.longitude_deg - self.longitude_deg).to_radians();
        let east = lon.sin() * b.cos();
        let north = a.cos() * b.sin() - a.sin() * b.cos() * lon.cos();
        east.atan2(north).to_degrees().rem_euclid(360.0)
    }

    /// The place so far away on the great circle that begins at a bearing.
    pub fn moved(self, bearing_deg: f64, distance_km: f64) -> Position {
        let (lat, turn) = (self.latitude_deg.to_radians(), bearing_deg.to_radians());
        let arc = distance_km / EARTH_RADIUS_KM;
        let sine = (lat.sin() * arc.cos() + lat.cos() * arc.sin() * turn.cos()).clamp(-1.0, 1.0);
        let east = turn.sin() * arc.sin() * lat.cos();
        let north = arc.cos() - lat.sin() * sine;
        Position {
            latitude_deg: sine.asin().to_degrees(),
            longitude_deg: wrapped_deg(self.longitude_deg + east.atan2(north).to_degrees()),
        }
    }

    /// The place so far to the east and north, along one great circle [m].
    pub fn shifted(self, east_m: f64, north_m: f64) -> Position {
        let distance_m = east_m.hypot(north_m);
        if distance_m == 0.0 {
            return self;
        }
        self.moved(east_m.atan2(north_m).to_degrees(), distance_m * 1e-3)
    }

    /// The place at a share of the way to another, 0 here and 1 there.
    pub fn on_the_way(self, to: Position, share: f64) -> Position {
        match share {
            s if s <= 0.0 => self,
            s if s >= 1.0 => to,
            s => self.moved(self.bearing_deg(to), s * self.distance_km(to)),
        }
    }
}

/// A part of the sea or land between two parallels and two meridians. West above east means that it lies across the
/// date line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GeoBox {
    /// Southern edge [°].
    pub south_deg: f64,
    /// Northern edge [°].
    pub north_deg: f64,
    /// Western edge [°].
    pub west_deg: f64,
    /// Eastern edge [°].
    pub east_deg: f64,
}

impl GeoBox {
    /// A box from outside.
    ///
    /// # Errors
    /// When an edge is none or south lies above north.
    pub fn new(south_deg: f64, north_deg: f64, west_deg: f64, east_deg: f64) -> Result<Self, GeoError> {
        Position::new(south_deg, west_deg)?;
        Position::new(north_deg, east_deg)?;
        if south_deg >= north_deg {
            return Err(GeoError::UpsideDown { south_deg, north_deg });
        }
        Ok(Self { south_deg, north_deg, west_deg, east_deg })
    }

    /// Degrees from west to east.
    pub fn width_deg(&self) -> f64 {
        let width = (self.east_deg - self.west_deg).rem_euclid(360.0);
        // From −180 to 180 it is once around, not nothing.
        if width == 0.0 && self.east_deg != self.west_deg { 360.0 } else { width }
    }

    /// Whether a place lies in it, edges included.
    pub fn contains(&self, place: Position) -> bool {
        let east_of_west = (place.longitude_deg - self.west_deg).rem_euclid(360.0);
        (self.south_deg..=self.north_deg).contains(&place.latitude_deg) && east_of_west <= self.width_deg()
    }

    /// The place at shares of its height and width from the south-western corner.
    pub fn at(&self, northward: f64, eastward: f64) -> Position {
        Position {
            latitude_deg: self.south_deg + northward * (self.north_deg - self.south_deg),
            longitude_deg: wrapped_deg(self.west_deg + eastward * self.width_deg()),
        }
    }

    /// Its middle.
    pub fn centre(&self) -> Position {
        self.at(0.5, 0.5)
    }

    /// The place in it that is nearest by angles to another, which is that place itself when it lies inside.
    pub fn nearest(&self, place: Position) -> Position {
        let latitude_deg = place.latitude_deg.clamp(self.south_deg, self.north_deg);
        let eastward = wrapped_deg(place.longitude_deg - self.centre().longitude_deg);
        let half = 0.5 * self.width_deg();
        let longitude_deg = wrapped_deg(self.centre().longitude_deg + eastward.clamp(-half, half));
        Position { latitude_deg, longitude_deg }
    }

    /// Area [km²]: `R²·Δλ·(sin φ_north − sin φ_south)`, exact on the sphere.
    pub fn area_km2(&self) -> f64 {
        let sines = self.north_deg.to_radians().sin() - self.south_deg.to_radians().sin();
        EARTH_RADIUS_KM.powi(2) * self.width_deg().to_radians() * sines
    }
}

/// A polygon of up to half the globe's width that holds no pole. It may lie across the date line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Polygon {
    corners: Vec<Position>,
}

impl Polygon {
    /// A polygon from its corners in order, the last joined to the first.
    ///
    /// # Errors
    /// When there are fewer than three.
    pub fn new(corners: Vec<Position>) -> Result<Self, GeoError> {
        if corners.len() < 3 {
            return Err(GeoError::TooFewCorners { corners: corners.len() });
        }
        Ok(Self { corners })
    }

    /// The corners.
    pub fn corners(&self) -> &[Position] {
        &self.corners
    }

    /// Edges as (longitude from the first corner, latitude), unrolled so that none jumps at the date line.
    fn edges(&self) -> impl Iterator<Item = ((f64, f64), (f64, f64))> + '_ {
        let first = self.corners[0].longitude_deg;
        let flat = move |p: Position| (wrapped_deg(p.longitude_deg - first), p.latitude_deg);
        let next = self.corners.iter().cycle().skip(1);
        self.corners.iter().zip(next).map(move |(a, b)| (flat(*a), flat(*b)))
    }

    /// Whether a place lies in it, by crossings of a line to the east; edges are straight in latitude and longitude.
    pub fn contains(&self, place: Position) -> bool {
        let x = wrapped_deg(place.longitude_deg - self.corners[0].longitude_deg);
        let y = place.latitude_deg;
        let crosses = |(a, b): &((f64, f64), (f64, f64))| {
            (a.1 > y) != (b.1 > y) && x < a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0)
        };
        self.edges().filter(crosses).count() % 2 == 1
    }

    /// Area [km²].
    ///
    /// ```text
    /// A = R²/2·|Σ Δλ·(2 + sin φ₁ + sin φ₂)|
    /// ```
    ///
    /// Source: Chamberlain & Duquette, *Some Algorithms for Polygons on a Sphere*, JPL 07-03 (2007). Exact for edges
    /// along meridians and parallels, good to a per mille for edges of a few degrees.
    pub fn area_km2(&self) -> f64 {
        let term = |(a, b): ((f64, f64), (f64, f64))| {
            let sines = a.1.to_radians().sin() + b.1.to_radians().sin();
            (b.0 - a.0).to_radians() * (2.0 + sines)
        };
        0.5 * EARTH_RADIUS_KM.powi(2) * self.edges().map(term).sum::<f64>().abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(latitude_deg: f64, longitude_deg: f64) -> Position {
        Position::new(latitude_deg, longitude_deg).unwrap()
    }

    #[test]
    fn known_distances_and_bearings() {
        // Haeundae beach to Seoul city hall, and Seoul to Berlin, great circle.
        let (busan, seoul, berlin) =
            (place(35.1587, 129.1604), place(37.5665, 126.978), place(52.52, 13.405));
        assert!((busan.distance_km(seoul) - 331.0).abs() < 2.0, "{}", busan.distance_km(seoul));
        assert!((seoul.distance_km(berlin) - 8127.0).abs() < 10.0, "{}", seoul.distance_km(berlin));
        assert!((place(0.0, 0.0).bearing_deg(place(0.0, 1.0)) - 90.0).abs() < 1e-9);
        assert!((place(0.0, 179.5).distance_km(place(0.0, -179.5)) - 111.195).abs() < 1e-2);
        assert!((place(0.0, 179.5).bearing_deg(place(0.0, -179.5)) - 90.0).abs() < 1e-9);
        assert!((place(0.0, 0.0).distance_km(place(0.0, 180.0)) - 20_015.1).abs() < 0.1);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        assert!(Position::new(90.1, 0.0).is_err() && Position::new(0.0, 180.5).is_err());
        assert!(Position::new(f64::NAN, 0.0).is_err() && Position::new(0.0, f64::INFINITY).is_err());
        assert!(GeoBox::new(10.0, 5.0, 0.0, 1.0).is_err());
        assert_eq!(Polygon::new(vec![]), Err(GeoError::TooFewCorners { corners: 0 }));
    }

    #[test]
    fn boxes_and_polygons_lie_across_the_date_line() {
        let sea = GeoBox::new(-5.0, 5.0, 170.0, -170.0).unwrap();
        assert!(sea.contains(place(0.0, 180.0)) && sea.contains(place(0.0, -175.0)));
        assert!(!sea.contains(place(0.0, 165.0)) && !sea.contains(place(0.0, 0.0)));
        assert_eq!(sea.centre().longitude_deg.abs(), 180.0);
        let corners = [(-5.0, 170.0), (-5.0, -170.0), (5.0, -170.0), (5.0, 170.0)];
        let ring = Polygon::new(corners.iter().map(|(a, b)| place(*a, *b)).collect()).unwrap();
        assert!(ring.contains(place(0.0, -179.0)) && !ring.contains(place(0.0, -169.0)));
        assert!((ring.area_km2() / sea.area_km2() - 1.0).abs() < 1e-12);
        assert_eq!(sea.nearest(place(10.0, 0.0)).latitude_deg, 5.0);
        let globe = GeoBox::new(-90.0, 90.0, -180.0, 180.0).unwrap();
        assert!((globe.area_km2() / 510_065_884.0 - 1.0).abs() < 1e-4, "{}", globe.area_km2());
    }

    proptest! {
        #[test]
        fn going_there_and_measuring_back_agree(
            lat in -80.0..80.0f64, lon in -180.0..180.0f64, turn in 0.0..360.0f64, km in 0.001..9000.0f64,
        ) {
            let from = place(lat, lon);
            let to = from.moved(turn, km);
            prop_assert!((from.distance_km(to) - km).abs() < 1e-6 * km.max(1.0));
            prop_assert!((-180.0..180.0).contains(&to.longitude_deg));
            let middle = from.on_the_way(to, 0.25);
            prop_assert!((from.distance_km(middle) - 0.25 * km).abs() < 1e-5 * km.max(1.0));
            prop_assert!((to.distance_km(from) - from.distance_km(to)).abs() < 1e-9 * km.max(1.0));
        }
    }
}
