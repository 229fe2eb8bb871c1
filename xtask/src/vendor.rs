//! `cargo xtask vendor`: brings the modules of others that the dashboard stands on into the repository.
//! What, which version and with which hashes stands in `crates/control/dashboard/vendor.lock.json`; the
//! result is committed, so that building and running need no network.
//!
//! It bundles nothing: a file is taken as its package has it, but for the names that it imports by, which
//! a browser finds only by their path (the page's policy leaves no room for an import map).

use crate::tool;
use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha512};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The lock, below the root.
const LOCK: &str = "crates/control/dashboard/vendor.lock.json";
/// Where the files go, below the root.
const FOLDER: &str = "crates/control/dashboard/vendor";
/// The longest file that is taken from a package, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Flags of `cargo xtask vendor`.
#[derive(Debug, clap::Args)]
pub(crate) struct VendorArgs {
    /// Write the hashes that were found into the lock (after a version was changed by hand)
    #[arg(long)]
    relock: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Lock {
    /// Name in an import → path beside the importing file.
    imports: BTreeMap<String, String>,
    packages: Vec<Package>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: String,
    /// Of the tarball, as npm writes it.
    integrity: String,
    files: Vec<File>,
}

#[derive(Debug, Serialize, Deserialize)]
struct File {
    /// Path in the package.
    from: String,
    /// Path below the vendor folder.
    to: String,
    /// What makes a module of a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    append: Option<String>,
    /// Of what stands in the repository.
    sha256: String,
}

/// Downloads, verifies and writes every file of the lock.
///
/// # Errors
/// A package cannot be had, or is not what the lock says.
pub(crate) fn run(root: &Path, args: &VendorArgs) -> Result<()> {
    let path = root.join(LOCK);
    let mut lock: Lock = serde_json::from_str(&fs::read_to_string(&path)?).context(LOCK)?;
    let downloads = tool::target(root).join("vendor");
    fs::create_dir_all(&downloads)?;
    for package in &mut lock.packages {
        let tarball = fs::read(download(package, &downloads)?)?;
        let found = format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(&tarball)));
        if args.relock {
            package.integrity = found;
        } else {
            ensure!(package.integrity == found, "{} {} is not what the lock says", package.name, package.version);
        }
        for file in &mut package.files {
            let content = rewritten(taken(&tarball, &file.from)?, file, &lock.imports);
            let hash = hex(&content);
            if args.relock {
                file.sha256 = hash;
            } else {
                ensure!(file.sha256 == hash, "{} of {} is not what the lock says", file.from, package.name);
            }
            let place = root.join(FOLDER).join(&file.to);
            fs::create_dir_all(place.parent().unwrap_or(root))?;
            fs::write(&place, content).with_context(|| format!("cannot write {}", place.display()))?;
        }
    }
    if args.relock {
        fs::write(path, serde_json::to_string_pretty(&lock)? + "\n")?;
    }
    Ok(())
}

fn download(package: &Package, folder: &Path) -> Result<PathBuf> {
    let wanted = format!("{}@{}", package.name, package.version);
    let mut npm = tool::command("npm");
    npm.args(["pack", "--silent", "--pack-destination"]).arg(folder).arg(&wanted);
    let name = printed(&mut npm).with_context(|| format!("npm cannot fetch {wanted}; is the registry reachable?"))?;
    Ok(folder.join(name.trim()))
}

fn printed(command: &mut Command) -> Result<String> {
    tool::output(command).filter(|text| !text.trim().is_empty()).context("it failed")
}

/// One file of a tarball.
fn taken(tarball: &[u8], wanted: &str) -> Result<Vec<u8>> {
    let mut archive = tar::Archive::new(GzDecoder::new(tarball));
    for entry in archive.entries()? {
        let entry = entry?;
        // npm puts everything into one folder, mostly `package`.
        let inside: PathBuf = entry.path()?.components().skip(1).collect();
        if inside == Path::new(wanted) {
            let mut content = Vec::new();
            entry.take(FILE_BYTES_MAX).read_to_end(&mut content)?;
            return Ok(content);
        }
    }
    bail!("the package has no file {wanted}")
}

/// Imports by path, no pointer to a source map that is not here, an export where there was none.
fn rewritten(content: Vec<u8>, file: &File, imports: &BTreeMap<String, String>) -> Vec<u8> {
    let Ok(mut text) = String::from_utf8(content) else { return Vec::new() };
    if file.to.ends_with(".js") {
        for (name, path) in imports {
            for quote in ['"', '\''] {
                for word in ["from", "from "] {
                    let bare = format!("{word}{quote}{name}{quote}");
                    text = text.replace(&bare, &format!("{word}{quote}{path}{quote}"));
                }
            }
        }
        let lines = text.lines().filter(|line| !line.starts_with("//# sourceMappingURL="));
        text = lines.collect::<Vec<_>>().join("\n") + "\n";
    }
    (text + file.append.as_deref().unwrap_or_default()).into_bytes()
}

fn hex(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> (PathBuf, Lock) {
        let root = crate::root();
        let lock = serde_json::from_str(&fs::read_to_string(root.join(LOCK)).unwrap()).unwrap();
        (root, lock)
    }

    fn listed(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() { listed(&path, found) } else { found.push(path) }
        }
    }

    #[test]
    fn what_is_vendored_is_what_the_lock_says() {
        let (root, lock) = lock();
        let folder = root.join(FOLDER);
        let files: Vec<_> = lock.packages.iter().flat_map(|package| &package.files).collect();
        for file in &files {
            let content = fs::read(folder.join(&file.to)).unwrap_or_else(|why| panic!("{}: {why}", file.to));
            assert_eq!(hex(&content), file.sha256, "{} was changed by hand; run: cargo xtask vendor", file.to);
        }
        let mut found = Vec::new();
        listed(&folder, &mut found);
        // What we say about their types is ours.
        found.retain(|path| !path.to_string_lossy().ends_with(".d.ts"));
        let known = |path: &&PathBuf| files.iter().any(|file| folder.join(&file.to) == **path);
        assert_eq!(found.iter().find(|path| !known(path)), None, "a file that the lock does not know");
    }

    #[test]
    fn each_package_brings_its_licence() {
        for package in lock().1.packages {
            let brings = package.files.iter().any(|file| file.to.starts_with("licenses/"));
            assert!(brings, "{} comes without its licence", package.name);
            assert!(["MIT", "Apache-2.0"].contains(&&*package.license), "{}: {}", package.name, package.license);
        }
    }

    #[test]
    fn imports_are_by_path() {
        let file =
            File { from: String::new(), to: "x.js".to_owned(), append: Some("end".to_owned()), sha256: String::new() };
        let imports = [("a".to_owned(), "./a.js".to_owned()), ("a/b".to_owned(), "./b.js".to_owned())];
        let text = "import{x}from\"a\";export*from 'a/b';\n//# sourceMappingURL=x.map";
        let done = rewritten(text.as_bytes().to_vec(), &file, &imports.into_iter().collect());
        assert_eq!(String::from_utf8(done).unwrap(), "import{x}from\"./a.js\";export*from './b.js';\nend");
    }
}
