//! What a battery is made of, from its chemistry and size.
//!
//! ```text
//! m_element = E · m_pack · share_cathode · ν_element·M_element / Σ ν·M
//! ```
//!
//! Source: pack and cathode masses of BatPaC 5.2 for packs of 100 kWh, element shares by stoichiometry, the rest
//! of the pack in the order of GREET (`factors/materials.toml`). Limits: small packs carry more case per kWh;
//! blended cathodes are not known to the table.

use super::factors::{self, UnknownName};
use super::material::{Masses, Material};

/// Contents of a pack of `energy_kwh` [kg]. `chemistry` is a label such as `NMC811`, or `VRLA`.
///
/// # Errors
/// When the table does not know the chemistry.
pub fn of_pack(chemistry: &str, energy_kwh: f64) -> Result<Masses, UnknownName> {
    let table = factors::materials();
    if chemistry == "VRLA" {
        return Ok(of_lead_acid(energy_kwh * table.lead_acid.mass_kg_per_kwh.value));
    }
    let pack = factors::find(&table.chemistries, "chemistry", chemistry)?;
    let cathode_kg = pack.mass_kg_per_kwh.value * pack.cathode_share.value;
    let molar_g = |element: &str| table.molar_g.get(element).copied().unwrap_or(0.0);
    let formula_g: f64 = pack.cathode.iter().map(|(element, count)| count * molar_g(element)).sum();
    let mut masses = Masses::default();
    for (element, count) in &pack.cathode {
        let material = match element.as_str() {
            "Li" => Material::Lithium,
            "Ni" => Material::Nickel,
            "Co" => Material::Cobalt,
            "Mn" => Material::Manganese,
            "Al" => Material::Aluminium,
            _ => Material::Other,
        };
        masses[material] += cathode_kg * count * molar_g(element) / formula_g;
    }
    masses[Material::Graphite] += pack.graphite_kg_per_kwh.value;
    masses[Material::Copper] += table.lithium.copper_kg_per_kwh.value;
    masses[Material::Aluminium] += table.lithium.aluminium_kg_per_kwh.value;
    masses[Material::Electrolyte] += table.lithium.electrolyte_kg_per_kwh.value;
    let rest = (pack.mass_kg_per_kwh.value - masses.total_kg()).max(0.0);
    let steel = table.lithium.steel_share_of_rest.value;
    masses[Material::Steel] += rest * steel;
    masses[Material::Other] += rest * (1.0 - steel);
    Ok(masses.times(energy_kwh))
}

/// Contents of a lead-acid block of this mass [kg].
#[must_use]
pub fn of_lead_acid(mass_kg: f64) -> Masses {
    let shares = &factors::materials().lead_acid;
    let (lead, acid, pp) = (shares.lead.value, shares.acid.value, shares.pp.value);
    Masses::of([
        (Material::Lead, lead * mass_kg),
        (Material::Acid, acid * mass_kg),
        (Material::Pp, pp * mass_kg),
        (Material::Other, (1.0 - lead - acid - pp) * mass_kg),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64, tolerance: f64) {
        assert!((value - expected).abs() <= tolerance, "{value} against {expected}");
    }

    #[test]
    fn nmc811_by_hand() {
        // LiNi0.8Mn0.1Co0.1O2: 6.94 + 46.9544 + 5.4938 + 5.8933 + 31.998 = 97.2795 g/mol.
        // Cathode 4.99 · 0.26 = 1.2974 kg/kWh. Ni: 1.2974 · 46.9544 / 97.2795 = 0.62622;
        // Li: 1.2974 · 6.94 / 97.2795 = 0.09256; Co: 1.2974 · 5.8933 / 97.2795 = 0.07860.
        let masses = of_pack("NMC811", 100.0).unwrap();
        near(masses[Material::Nickel], 62.622, 1e-3);
        near(masses[Material::Lithium], 9.256, 1e-3);
        near(masses[Material::Cobalt], 7.860, 1e-3);
        near(masses.total_kg(), 499.0, 1e-9);
    }

    #[test]
    fn every_chemistry_fills_its_pack_and_no_more() {
        for (name, pack) in &factors::materials().chemistries {
            let masses = of_pack(name, 1.0).unwrap();
            near(masses.total_kg(), pack.mass_kg_per_kwh.value, 1e-9);
            assert!(masses.is_sound());
        }
        // 12 V · 120 Ah = 1.44 kWh at 35 Wh/kg: 41.14 kg, of that 0.63 lead = 25.92 kg.
        let block = of_pack("VRLA", 1.44).unwrap();
        near(block.total_kg(), 41.143, 1e-3);
        near(block[Material::Lead], 25.92, 1e-9);
        assert!(of_pack("XYZ", 1.0).is_err());
    }
}
