//! Draws the plots of `docs/models` anew, from the models as they are and the curves that they are compared with:
//!
//! ```text
//! CELLTIDE_VALIDATION=… CELLTIDE_DATASETS=… cargo run -p sim --example model_plots -- [WORD] [--into FOLDER]
//! ```
//!
//! WORD keeps to plots with that in their name. References and measurements are no part of the repository: where their
//! folder is not told, the plots that need it are left as they are, and that is said. Of them only thinned points are drawn.

#![expect(clippy::print_stdout, reason = "a tool tells what it has drawn")]

mod ageing;
mod curves;
mod data;
mod lead_acid;
mod measured;
mod pack;

use data::{Drawn, Sources};
use std::error::Error;
use std::path::PathBuf;

/// Largest file that belongs into a repository for its picture [bytes].
const LARGEST: usize = 60_000;

/// What draws one.
type Draw = fn(&Sources) -> Drawn;

fn main() -> Result<(), Box<dyn Error>> {
    let mut word = String::new();
    let mut into = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/models/plots"));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--into" {
            into = arguments.next().ok_or("--into FOLDER")?.into();
        } else {
            word = argument;
        }
    }
    std::fs::create_dir_all(&into)?;
    let sources = Sources::told();
    let plots: [(&str, Draw); 13] = [
        ("particle-discharge", curves::single_particle_discharges),
        ("particle-heat", curves::temperatures),
        ("particle-drive", curves::drive_cycle),
        ("dfn-discharge", curves::full_model_discharges),
        ("particle-ageing", ageing::cycles),
        ("lg-m50-rates", measured::rate_tests),
        ("panasonic-cycles", measured::drive_cycles),
        ("panasonic-errors", measured::errors),
        ("nasa-fade", measured::fade),
        ("soc-estimate", measured::estimate),
        ("pack-currents", pack::currents),
        ("lead-acid-rates", lead_acid::rates),
        ("lead-acid-cycle", lead_acid::cycle),
    ];
    for (name, draw) in plots.iter().filter(|(name, _)| name.contains(&word)) {
        let Some(figure) = draw(&sources)? else {
            println!("{name}: left as it is, its reference is not there");
            continue;
        };
        let svg = figure.svg();
        if svg.len() > LARGEST {
            return Err(format!("{name} has {} bytes and may have {LARGEST}", svg.len()).into());
        }
        let file = into.join(format!("{name}.svg"));
        std::fs::write(&file, &svg)?;
        println!("{name}: {} bytes", svg.len());
    }
    Ok(())
}
