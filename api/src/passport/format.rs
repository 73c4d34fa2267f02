//! In what form a report is wanted.

use crate::problem::Problem;
use host::platform::ErrorKind;

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON.
    Json,
}

/// Reads a form; JSON where nobody says.
///
/// # Errors
/// UNSUPPORTED_FORMAT where it is none that is made here.
pub(crate) fn format(text: Option<&str>) -> Result<Format, Problem> {
    match text.unwrap_or("json") {
        "json" => Ok(Format::Json),
        other => {
            let said = format!("{other:?} is no form of this report; it comes as json");
            Err(Problem::unfit("format", said).coded(ErrorKind::Unfit, "UNSUPPORTED_FORMAT"))
        }
    }
}
