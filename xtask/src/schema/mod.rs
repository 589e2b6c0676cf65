//! The tables of Envoy's schema, `crates/envoy/src/schema/`.
//!
//! Protos → `protoc` → descriptors → [`model::Schema`] → Rust tables and a pool of strings.

mod collect;
mod emit;
mod model;
mod protos;
mod rules;
mod supplement;

use crate::{Failure, put, root};

/// Writes, or checks, the tables. Where there is no `protoc` there is nothing to check them with, and
/// nothing that would need it: they are committed.
pub(crate) fn generate(check: bool) -> Result<(), Failure> {
    if check && !protos::has_compiler() {
        println!(
            "crates/envoy/src/schema: not checked, because there is no protoc (Debian: protobuf-compiler)"
        );
        return Ok(());
    }
    let descriptors = protos::compile()?;
    let mut schema = collect::collect(&descriptors)?;
    supplement::add(&mut schema)?;
    let tables = emit::emit(&schema)?;
    println!(
        "{} messages, {} fields, {} enums",
        schema.messages.len(),
        schema.messages.iter().map(|message| message.fields.len()).sum::<usize>(),
        schema.enums.len(),
    );
    let directory = root().join("crates/envoy/src/schema");
    put(&directory.join("names.txt"), &tables.pool, check)?;
    put(&directory.join("tables.rs"), &tables.rust, check)
}
