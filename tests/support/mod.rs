//! What the end-to-end tests share: a folder of their own, and the built binary in it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(dead_code, reason = "every test file uses its part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Twenty packs, three cabinets and fifteen riders in two districts, for a month, in two variants.
pub(crate) const SMALL: &str = "\
name: small
description: Does anything at all happen?
start: 2026-03-01
horizon_days: 30
seed: 5
utc_offset_h: 7
climate:
  city: bangkok
energy:
  currency: USD
  tariff:
    flat_per_kwh: 0.12
  carbon:
    region: TH
batteries:
  pack:
    chemistry: nmc811-grsi-lg-m50-5ah
    series: 14
    parallel: 6
    price: 330
    production_carbon_kg: 115
networks:
  - name: town
    battery: pack
    packs: 20
    districts: 2
    cabinets:
      count: 3
      slots: 5
      charger_kw: 0.5
      site_power_kw: 2
      solar_kwp: 0.5
    charging:
      policy: immediate
      target_soc: 1.0
      ready_soc: 0.95
      reserve: 1
    riders:
      count: 15
      km_per_day: 70
      roaming: 0.1
    trips:
      cycle: urban-scooter
faults:
  - kind: charger
    network: town
    mean_days_between: 60
    repair_h: 24
output:
  interval_days: 1
variants:
  - name: today
  - name: gentle
    description: Charging stops at 80 %.
    set:
      networks.town.charging.target_soc: 0.8
      networks.town.charging.ready_soc: 0.75
";

/// The files of a result folder.
pub(crate) const FILES: [&str; 5] =
    ["events.parquet", "report.html", "summary.json", "timeseries.parquet", "twins.parquet"];

/// A folder that goes with its test; the binary runs in it.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place with a scenario called `s.yaml`.
    pub(crate) fn with(scenario: &str) -> Self {
        let place = Self::new();
        place.write("s.yaml", scenario);
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// Names of everything in a folder, in order; none where there is no folder.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.join(folder)) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_celltide"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn celltide(&self, args: &[&str]) -> Done {
        Done::of(self.command(args).output().unwrap())
    }

    /// Runs the binary and expects success.
    #[track_caller]
    pub(crate) fn good(&self, args: &[&str]) -> Done {
        let done = self.celltide(args);
        assert_eq!(done.code, Some(0), "{args:?}\n{}{}", done.stdout, done.stderr);
        done
    }

    /// Runs the binary and expects it to refuse.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str]) -> Done {
        let done = self.celltide(args);
        assert_eq!(done.code, Some(2), "{args:?}\n{}{}", done.stdout, done.stderr);
        assert!(done.stdout.is_empty(), "{}", done.stdout);
        done
    }

    /// A summary without its wall time.
    pub(crate) fn summary(&self, folder: &str) -> serde_json::Value {
        let mut value: serde_json::Value =
            serde_json::from_slice(&self.read(&format!("{folder}/summary.json"))).unwrap();
        let wall = value.as_object_mut().unwrap().remove("wall_time_s").unwrap();
        assert!(wall.as_f64().unwrap() > 0.0);
        value
    }

    /// Mean of a figure of a variant.
    #[track_caller]
    pub(crate) fn figure(&self, folder: &str, variant: &str, figure: &str) -> f64 {
        let summary = self.summary(folder);
        let variants = summary["variants"].as_array().unwrap();
        let found = variants.iter().find(|v| v["name"] == variant).unwrap();
        found["figures"][figure]["mean"].as_f64().unwrap_or_else(|| panic!("{figure}: {found}"))
    }
}

/// What a process left behind.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A CSV table by column.
pub(crate) fn columns(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut columns: BTreeMap<String, Vec<String>> =
        names.iter().map(|n| ((*n).to_owned(), Vec::new())).collect();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), names.len(), "{line}");
        for (name, cell) in names.iter().zip(cells) {
            columns.get_mut(*name).unwrap().push(cell.to_owned());
        }
    }
    columns
}

/// A column of numbers.
pub(crate) fn numbers(columns: &BTreeMap<String, Vec<String>>, name: &str) -> Vec<f64> {
    columns[name].iter().map(|cell| cell.parse().unwrap_or_else(|_| panic!("{name}: {cell:?}"))).collect()
}
