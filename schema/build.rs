//! Rebuilds when a migration changes (they are embedded), and hands their digest to test databases.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new("../migrations");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut texts = BTreeMap::new();
    for migration in std::fs::read_dir(folder)? {
        for file in std::fs::read_dir(migration?.path())? {
            let path = file?.path();
            println!("cargo:rerun-if-changed={}", path.display());
            texts.insert(path.clone(), std::fs::read(path)?);
        }
    }
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    println!("cargo:rustc-env=MIGRATIONS_DIGEST={:016x}", hasher.finish());
    Ok(())
}
