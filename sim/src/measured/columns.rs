//! Which column of a file is what: by name and unit, or as somebody says.

use super::MeasuredError;
use crate::world::table::Table;

/// What a column can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Time since the start.
    Time,
    /// Terminal voltage.
    Voltage,
    /// Current.
    Current,
    /// Temperature of the cell.
    Temperature,
    /// Temperature of the surroundings.
    Ambient,
    /// Charge counted by the tester.
    Charge,
    /// State of charge.
    Soc,
    /// Half the gap between the branches of the open-circuit voltage.
    Hysteresis,
    /// Number of cycles.
    Cycle,
    /// Age in days.
    Days,
    /// Capacity.
    Capacity,
    /// Depth of discharge.
    Depth,
    /// Mean rate.
    Rate,
}

/// Which sign of a current discharges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Positive.
    DischargePositive,
    /// Negative.
    DischargeNegative,
}

/// Columns that were named instead of left to be recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    named: Vec<(Quantity, String)>,
    /// Columns whose change begins another segment.
    pub segment: Vec<String>,
}

/// A column that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Position in the table.
    pub(super) column: usize,
    /// Multiplies what stands there.
    pub(super) scale: f64,
    /// Is added afterwards.
    pub(super) offset: f64,
}

const ALL: [Quantity; 13] = [
    Quantity::Time,
    Quantity::Voltage,
    Quantity::Current,
    Quantity::Temperature,
    Quantity::Ambient,
    Quantity::Charge,
    Quantity::Soc,
    Quantity::Hysteresis,
    Quantity::Cycle,
    Quantity::Days,
    Quantity::Capacity,
    Quantity::Depth,
    Quantity::Rate,
];

impl Quantity {
    /// Name on the command line and in complaints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Voltage => "voltage",
            Self::Current => "current",
            Self::Temperature => "temperature",
            Self::Ambient => "ambient",
            Self::Charge => "charge",
            Self::Soc => "soc",
            Self::Hysteresis => "hysteresis",
            Self::Cycle => "cycle",
            Self::Days => "days",
            Self::Capacity => "capacity",
            Self::Depth => "depth",
            Self::Rate => "rate",
        }
    }

    /// Words that a name may begin with, best first, without its unit and in lower case.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Time => &["time", "t", "test_time", "testtime", "elapsed", "total_time", "time_elapsed"],
            Self::Voltage => {
                &["voltage", "v", "u", "ecell", "ewe", "cell_voltage", "terminal_voltage", "ocv", "ocv_mean"]
            }
            Self::Current => &["current", "i", "cell_current"],
            Self::Temperature => &[
                "temperature",
                "cell_temperature",
                "temp",
                "battery_temp",
                "temp1",
                "t1",
                "t_cell",
                "surface_temp",
                "aux_temperature_1",
            ],
            Self::Ambient => {
                &["ambient", "chamber", "ambient_temperature", "chamber_temperature", "t_ambient", "air"]
            }
            Self::Charge => &["ah", "discharged", "charge_counter", "q", "accumulated_capacity"],
            Self::Soc => &["soc", "state_of_charge"],
            Self::Hysteresis => &["hysteresis_half_width", "half_gap", "hysteresis"],
            Self::Cycle => &["cycle", "cycle_index", "cycle_number", "discharge_cycle", "efc", "cycles"],
            Self::Days => &["t", "time", "days", "age"],
            Self::Capacity => &["capacity", "discharge_capacity", "q_discharge", "qd"],
            Self::Depth => &["dod", "depth", "depth_of_discharge"],
            Self::Rate => &["c_rate", "rate"],
        }
    }

    /// Scale and offset of a unit; `None` where the unit is another quantity's.
    fn unit(self, unit: &str) -> Option<(f64, f64)> {
        let plain = |scale: f64| Some((scale, 0.0));
        match (self, unit) {
            (Self::Time, "s" | "sec" | "seconds" | "second" | "") => plain(1.0),
            (Self::Time, "ms") => plain(1e-3),
            (Self::Time, "min" | "minutes") => plain(60.0),
            (Self::Time, "h" | "hours" | "hour" | "hr") => plain(3600.0),
            (Self::Days, "days" | "d" | "day") => plain(1.0),
            (Self::Voltage | Self::Hysteresis, "v" | "volt" | "volts" | "") => plain(1.0),
            (Self::Voltage | Self::Hysteresis, "mv") => plain(1e-3),
            (Self::Current, "a" | "amp" | "amps" | "") => plain(1.0),
            (Self::Current, "ma") => plain(1e-3),
            (Self::Temperature | Self::Ambient, "c" | "degc" | "deg_c" | "celsius" | "°c" | "") => {
                plain(1.0)
            }
            (Self::Temperature | Self::Ambient, "k" | "kelvin") => Some((1.0, -273.15)),
            (Self::Charge | Self::Capacity, "ah" | "") => plain(1.0),
            (Self::Charge | Self::Capacity, "mah") => plain(1e-3),
            (Self::Soc | Self::Depth, "") => plain(1.0),
            (Self::Soc | Self::Depth, "pct" | "percent" | "%") => plain(0.01),
            (Self::Cycle | Self::Rate, "") => plain(1.0),
            _ => None,
        }
    }

    /// Whether a header names this quantity: rank of its word, and the unit.
    fn recognises(self, header: &str) -> Option<(usize, f64, f64)> {
        let (word, unit) = split(header);
        if self == Self::Charge && word == "ah" {
            return Some((0, 1.0, 0.0));
        }
        let rank = self.words().iter().position(|known| *known == word)?;
        let (scale, offset) = self.unit(&unit)?;
        Some((rank, scale, offset))
    }
}

/// Word and unit of a header, both in lower case: `Voltage(V)`, `voltage_v`, `Test Time [s]`, `temp1_degC`.
fn split(header: &str) -> (String, String) {
    const UNITS: [&str; 28] = [
        "s", "sec", "seconds", "ms", "min", "minutes", "h", "hours", "hr", "days", "d", "v", "mv", "volt",
        "volts", "a", "ma", "amp", "amps", "degc", "c", "k", "kelvin", "celsius", "ah", "mah", "pct",
        "percent",
    ];
    let text = header.trim().to_lowercase();
    let (word, unit) = match text.find(['(', '[', '/']) {
        Some(at) => {
            let unit = text[at + 1..].trim_end_matches([')', ']']).trim().to_owned();
            (text[..at].trim().to_owned(), unit)
        }
        None => (text.clone(), String::new()),
    };
    let word = word.replace([' ', '-', '.'], "_").trim_matches('_').to_owned();
    if unit.is_empty()
        && let Some((front, last)) = word.rsplit_once('_')
        && UNITS.contains(&last)
    {
        let front = front.strip_suffix("_deg").unwrap_or(front);
        return (front.to_owned(), last.to_owned());
    }
    (word, unit)
}

impl Columns {
    /// Reads `time=…,voltage=…`; `segment=a+b` names the columns whose change begins another segment.
    ///
    /// # Errors
    /// When a part is not `QUANTITY=NAME`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut columns = Self::default();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let Some((quantity, name)) = part.split_once('=') else {
                return Err(format!("`{part}` is not QUANTITY=COLUMN"));
            };
            let (quantity, name) = (quantity.trim(), name.trim().to_owned());
            if quantity == "segment" {
                columns.segment = name.split('+').map(|name| name.trim().to_owned()).collect();
                continue;
            }
            let Some(known) = ALL.into_iter().find(|known| known.name() == quantity) else {
                let names: Vec<&str> = ALL.iter().map(|known| known.name()).collect();
                return Err(format!("`{quantity}` is none of {}, segment", names.join(", ")));
            };
            columns.named.push((known, name));
        }
        Ok(columns)
    }

    /// The column of a quantity, if there is one.
    ///
    /// # Errors
    /// When a column was named and is not there.
    pub(super) fn find(&self, table: &Table, quantity: Quantity) -> Result<Option<Found>, MeasuredError> {
        if let Some((_, name)) = self.named.iter().find(|(named, _)| *named == quantity) {
            let Some(column) = table.find(name) else {
                return Err(MeasuredError::NamedColumn {
                    file: table.file().to_owned(),
                    quantity: quantity.name(),
                    name: name.clone(),
                    there: table.columns().join(", "),
                });
            };
            let (scale, offset) = quantity.unit(&split(name).1).unwrap_or((1.0, 0.0));
            return Ok(Some(Found { column, scale, offset }));
        }
        let known = table.columns().iter().enumerate().filter_map(|(column, header)| {
            let (rank, scale, offset) = quantity.recognises(header)?;
            Some((rank, Found { column, scale, offset }))
        });
        Ok(known.min_by_key(|(rank, found)| (*rank, found.column)).map(|(_, found)| found))
    }

    /// The column of a quantity.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn get(&self, table: &Table, quantity: Quantity) -> Result<Found, MeasuredError> {
        self.find(table, quantity)?.ok_or_else(|| MeasuredError::NoColumn {
            file: table.file().to_owned(),
            quantity: quantity.name(),
            there: table.columns().join(", "),
        })
    }
}

impl Found {
    /// The value in a row, in the unit of this program.
    ///
    /// # Errors
    /// When the cell is no finite number.
    pub(super) fn value(self, table: &Table, row: usize) -> Result<f64, MeasuredError> {
        Ok(table.number(row, self.column)? * self.scale + self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(quantity: Quantity, header: &str) -> Option<(f64, f64)> {
        quantity.recognises(header).map(|(_, scale, offset)| (scale, offset))
    }

    #[test]
    fn columns_are_known_by_name_and_unit() {
        for header in ["time_s", "Test Time [s]", "t_s", "Time", "Test_Time(s)"] {
            assert_eq!(scale(Quantity::Time, header), Some((1.0, 0.0)), "{header}");
        }
        assert_eq!(scale(Quantity::Time, "time_h"), Some((3600.0, 0.0)));
        assert_eq!(scale(Quantity::Voltage, "Voltage(mV)"), Some((1e-3, 0.0)));
        assert_eq!(scale(Quantity::Current, "current_A"), Some((1.0, 0.0)));
        assert_eq!(scale(Quantity::Current, "I/mA"), Some((1e-3, 0.0)));
        assert_eq!(scale(Quantity::Temperature, "temp1_degC"), Some((1.0, 0.0)));
        assert_eq!(scale(Quantity::Temperature, "Temperature (K)"), Some((1.0, -273.15)));
        assert_eq!(scale(Quantity::Ambient, "chamber_degC"), Some((1.0, 0.0)));
        assert_eq!(scale(Quantity::Soc, "soc_pct"), Some((0.01, 0.0)));
        assert_eq!(scale(Quantity::Days, "t_days"), Some((1.0, 0.0)));
        assert_eq!(scale(Quantity::Time, "t_days"), None);
        assert_eq!(scale(Quantity::Charge, "ah_Ah"), Some((1.0, 0.0)));
        assert_eq!(scale(Quantity::Current, "current_mean_A"), None);
    }

    #[test]
    fn named_columns_go_first_and_mistakes_are_told() {
        let table = Table::read("t.csv", "a,Voltage\n1,2\n".as_bytes()).unwrap();
        let columns = Columns::parse("time=a,segment=x+y").unwrap();
        assert_eq!(columns.segment, ["x", "y"]);
        assert_eq!(columns.get(&table, Quantity::Time).unwrap().column, 0);
        let missing = columns.get(&table, Quantity::Current).unwrap_err().to_string();
        assert!(missing.contains("--columns current=NAME") && missing.contains("a, Voltage"), "{missing}");
        assert!(Columns::parse("speed=a").is_err() && Columns::parse("time").is_err());
        let wrong = Columns::parse("time=b").unwrap();
        assert!(wrong.get(&table, Quantity::Time).is_err());
    }
}
