//! Where the protos come from, and how they become descriptors.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Failure, root};

/// The crate whose package holds the protos, and its version.
pub(super) const SOURCE: (&str, &str) = ("envoy-types", "0.7.7");

/// The folders of that package that are roots of imports.
const ROOTS: &[&str] = &[
    "data-plane-api",
    "xds",
    "protoc-gen-validate",
    "googleapis",
    "opentelemetry-proto",
    "client_model",
    "cel-spec/proto",
];

/// Whether there is a `protoc`.
pub(super) fn has_compiler() -> bool {
    Command::new("protoc").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Compiles all protos to a descriptor set without comments.
pub(super) fn compile() -> Result<Vec<u8>, Failure> {
    let source = source()?.join("proto");
    let mut roots: Vec<PathBuf> = ROOTS.iter().map(|root| source.join(root)).collect();
    roots.push(root().join("xtask/proto"));

    let mut files = Vec::new();
    for root in &roots {
        list(root, root, &mut files)?;
    }
    files.sort();

    let output = scratch()?.join("descriptors.bin");
    let mut protoc = Command::new("protoc");
    for root in &roots {
        protoc.arg("-I").arg(root);
    }
    let mut out = OsString::from("--descriptor_set_out=");
    out.push(&output);
    let result = protoc.arg("--include_imports").arg(out).args(&files).output();
    let result = result.map_err(|error| format!("can't run protoc (3.21 or later is needed): {error}"))?;
    if !result.status.success() {
        return Err(format!("protoc failed:\n{}", String::from_utf8_lossy(&result.stderr)).into());
    }
    Ok(std::fs::read(output)?)
}

/// The unpacked source of the crate that ships the protos. Cargo fetches it by way of a package that is
/// never built, so that neither the crate nor what it depends on enters the workspace's lock file.
fn source() -> Result<PathBuf, Failure> {
    let directory = scratch()?;
    let (name, version) = SOURCE;
    let manifest = directory.join("Cargo.toml");
    std::fs::write(
        &manifest,
        format!(
            "[package]\nname = \"proto-source\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
             [dependencies]\n{name} = {{ version = \"={version}\", default-features = false }}\n"
        ),
    )?;
    std::fs::create_dir_all(directory.join("src"))?;
    std::fs::write(directory.join("src/lib.rs"), "")?;

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(&manifest)
        .output()?;
    if !metadata.status.success() {
        return Err(format!("cargo metadata failed:\n{}", String::from_utf8_lossy(&metadata.stderr)).into());
    }
    let metadata: Value = serde_json::from_slice(&metadata.stdout)?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let package = packages
        .into_iter()
        .flatten()
        .find(|package| package.get("name").and_then(Value::as_str) == Some(name))
        .and_then(|package| package.get("manifest_path"))
        .and_then(Value::as_str)
        .ok_or("cargo metadata does not know the package with the protos")?;
    let directory = Path::new(package).parent().ok_or("a manifest without a directory")?;
    Ok(directory.to_path_buf())
}

fn scratch() -> Result<PathBuf, Failure> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let directory = target.join("xtask/proto-source");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// All `.proto` files below a directory, as they are imported.
fn list(root: &Path, directory: &Path, files: &mut Vec<String>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            list(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            let name = path.strip_prefix(root)?.to_str().ok_or("a proto whose name is not UTF-8")?;
            files.push(name.to_owned());
        }
    }
    Ok(())
}
