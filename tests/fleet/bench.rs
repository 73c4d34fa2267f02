//! `celltide bench` measures what it says; how much comes out is the machine's business.

use serde_json::Value;
use std::process::Command;

#[test]
fn every_figure_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["--twins", "20", "--clients", "2", "--in-flight", "16", "--batch", "4", "--seconds", "0.5"];
    let besides = ["--awake", "30", "--registered", "50", "--stored", "2000", "--stored-twins", "10"];
    let done = Command::new(env!("CARGO_BIN_EXE_celltide"))
        .args(["bench", "ingest", "--json", "--data", "."])
        .args(small)
        .args(besides)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let figures: Value = serde_json::from_slice(&done.stdout).unwrap();
    for name in [
        "readings_per_s",
        "bare_broker_readings_per_s",
        "half_load_visible_p50_ms",
        "half_load_ack_p99_ms",
        "disk_settled_bytes_per_reading",
        "read_a_day_ms",
        "awake_30_memory_mib",
        "registered_50_memory_mib",
        "stored_start_s",
    ] {
        let figure = figures[name].as_f64().unwrap_or_else(|| panic!("{name} is missing: {figures}"));
        assert!(figure > 0.0, "{name}: {figure}");
    }
    // What does not depend on how fast the machine is.
    assert_eq!(figures["stored_readings"], 2_000.0);
    // Sixteen to eighteen where this was written; sled's own share differs from run to run.
    assert!(figures["disk_settled_bytes_per_reading"].as_f64().unwrap() < 25.0, "{figures}");
    // Its data went with it.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn every_figure_of_the_api_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let small =
        ["--batteries", "250", "--connections", "4", "--seconds", "0.5", "--reads", "200", "--writes", "40"];
    let done = Command::new(env!("CARGO_BIN_EXE_celltide"))
        .args(["bench", "api", "--json", "--data", ".", "--listeners", "20"])
        .args(small)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let figures: Value = serde_json::from_slice(&done.stdout).unwrap();
    for name in [
        "native_reads_per_s",
        "management_reads_per_s",
        "rul_reads_per_s",
        "native_read_bytes",
        "reads_at_200_p99_ms",
        "list_asleep_p50_ms",
        "native_list_p50_ms",
        "management_list_p50_ms",
        "rul_list_p50_ms",
        "writes_at_40_p99_ms",
        "websocket_told",
        "socket_io_told",
    ] {
        let figure = figures[name].as_f64().unwrap_or_else(|| panic!("{name} is missing: {figures}"));
        assert!(figure > 0.0, "{name}: {figure}");
    }
    // What does not depend on how fast the machine is.
    assert_eq!((&figures["batteries"], &figures["websocket_listeners"]), (&250.0.into(), &20.0.into()));
    assert_eq!((&figures["websocket_lost"], &figures["websocket_let_go"]), (&0.0.into(), &0.0.into()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
