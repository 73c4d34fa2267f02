//! Where places are: a small gazetteer, and distances.

/// How far a place is whose position nobody knows [km].
const UNKNOWN_KM: f64 = 12.5;

/// Places with degrees north and east, to about a kilometre.
const PLACES: [(&str, f64, f64); 32] = [
    ("agra", 27.18, 78.01),
    ("ahmedabad", 23.02, 72.57),
    ("bangalore", 12.972, 77.595),
    ("bangalore central", 12.972, 77.595),
    ("bengaluru", 12.972, 77.595),
    ("bhopal", 23.26, 77.41),
    ("bhubaneswar", 20.30, 85.82),
    ("chandigarh", 30.73, 76.78),
    ("chennai", 13.08, 80.27),
    ("coimbatore", 11.02, 76.96),
    ("delhi", 28.61, 77.21),
    ("electronic city", 12.845, 77.660),
    ("guwahati", 26.14, 91.74),
    ("hebbal", 13.036, 77.597),
    ("hyderabad", 17.39, 78.49),
    ("indiranagar", 12.972, 77.641),
    ("indore", 22.72, 75.86),
    ("jaipur", 26.91, 75.79),
    ("jayanagar", 12.930, 77.583),
    ("kanpur", 26.45, 80.33),
    ("kochi", 9.93, 76.27),
    ("kolkata", 22.57, 88.36),
    ("koramangala", 12.935, 77.625),
    ("lucknow", 26.85, 80.95),
    ("mumbai", 19.08, 72.88),
    ("mysuru", 12.30, 76.64),
    ("nagpur", 21.15, 79.09),
    ("new delhi", 28.61, 77.21),
    ("patna", 25.59, 85.14),
    ("pune", 18.52, 73.86),
    ("varanasi", 25.32, 82.97),
    ("whitefield", 12.970, 77.750),
];

fn key(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Degrees north and east of a place of the gazetteer, or of a text such as `12.97, 77.59`.
pub fn position(name: &str) -> Option<(f64, f64)> {
    let key = key(name);
    if let Some((_, lat, lon)) = PLACES.iter().find(|(known, _, _)| *known == key) {
        return Some((*lat, *lon));
    }
    let (lat, lon) = key.split_once(',')?;
    let (lat, lon): (f64, f64) = (lat.trim().parse().ok()?, lon.trim().parse().ok()?);
    ((-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon)).then_some((lat, lon))
}

/// How far one place is from another [km]: nothing where they have one name, a great circle where both are known.
pub fn distance_km(one: &str, other: &str) -> f64 {
    if key(one) == key(other) {
        return 0.0;
    }
    match (position(one), position(other)) {
        (Some(a), Some(b)) => great_circle_km(a, b),
        _ => UNKNOWN_KM,
    }
}

/// Great circle on a sphere of the mean radius of the Earth [km].
fn great_circle_km((lat_a, lon_a): (f64, f64), (lat_b, lon_b): (f64, f64)) -> f64 {
    let half = |a: f64, b: f64| ((b - a).to_radians() / 2.0).sin().powi(2);
    let h = half(lat_a, lat_b) + lat_a.to_radians().cos() * lat_b.to_radians().cos() * half(lon_a, lon_b);
    2.0 * 6_371.0 * h.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_known_where_both_places_are() {
        assert_eq!(distance_km("Bangalore  Central", "bangalore central"), 0.0);
        assert!((distance_km("Mumbai", "Pune") - 120.0).abs() < 5.0);
        assert!((distance_km("Koramangala", "12.972, 77.595") - 5.2).abs() < 0.5);
        assert_eq!(distance_km("Somewhere", "Pune"), 12.5);
    }
}
