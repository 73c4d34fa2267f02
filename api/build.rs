//! Makes Rust of the interface's `.proto` files, without protoc.

use prost::Message as _;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["twins", "runs", "simulation"].map(|name| format!("proto/celltide/v1/{name}.proto"));
    println!("cargo:rerun-if-changed=proto");
    let set = protox::compile(files, ["proto"])?;
    // `compile_fds` writes no descriptor set; reflection needs one.
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("celltide.v1.bin"), set.encode_to_vec())?;
    tonic_prost_build::configure().btree_map(".").bytes(".").compile_fds(set)?;
    Ok(())
}
