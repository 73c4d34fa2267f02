//! Where references are, and columns of their files.

use sim::measured::open;
use sim::results::figure::{Figure, Panel, Series};
use std::error::Error;
use std::path::{Path, PathBuf};

/// A figure, or nothing where its reference is not there.
pub(crate) type Drawn = Result<Option<Figure>, Box<dyn Error>>;

/// Folders with what the models are compared with.
pub(crate) struct Sources {
    /// Curves of other packages.
    pub(crate) validation: Option<PathBuf>,
    /// Measurements.
    pub(crate) datasets: Option<PathBuf>,
}

impl Sources {
    /// As the environment tells.
    pub(crate) fn told() -> Self {
        let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_dir());
        Self { validation: folder("CELLTIDE_VALIDATION"), datasets: folder("CELLTIDE_DATASETS") }
    }
}

/// Texts and numbers of a line.
type Row = (Vec<String>, Vec<f64>);

/// Rows of a file: texts of some columns and numbers of others; what is no number is NaN.
pub(crate) fn rows(file: &Path, texts: &[&str], numbers: &[&str]) -> Result<Vec<Row>, Box<dyn Error>> {
    let table = open(file)?;
    let place = |name: &&str| table.find(name).ok_or_else(|| format!("{}: no column {name}", file.display()));
    let texts = texts.iter().map(place).collect::<Result<Vec<usize>, String>>()?;
    let numbers = numbers.iter().map(place).collect::<Result<Vec<usize>, String>>()?;
    let row = |row: usize| {
        let words = texts.iter().map(|column| table.text(row, *column).to_owned()).collect();
        let figures =
            numbers.iter().map(|column| table.text(row, *column).parse().unwrap_or(f64::NAN)).collect();
        (words, figures)
    };
    Ok((0..table.len()).map(row).collect())
}

/// Root of the mean square.
pub(crate) fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v * v, count + 1.0));
    if count > 0.0 { f64::sqrt(sum / count) } else { f64::NAN }
}

/// A panel for differences below another.
pub(crate) fn differences(unit: &str, x_label: &str, series: Vec<Series>) -> Panel {
    Panel {
        x_label: x_label.into(),
        y_label: format!("model less reference [{unit}]"),
        height: 84.0,
        series,
        ..Panel::default()
    }
}
