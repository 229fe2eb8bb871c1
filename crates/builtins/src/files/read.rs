//! `read_file` and `get_file_info`. A path that does not exist is answered with names that do.

use super::{Files, encoding, media};
use crate::beneath::{Found, Place, Refusal, Roots};
use crate::moment::utc;
use protocol::CallContext;
use protocol::tools::Failure;
use rustix::fs::Dir;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

/// How many names of a folder are compared with one that does not exist.
const COMPARED_MAX: usize = 2000;
/// How many of them are offered.
const SIMILAR_MAX: usize = 3;
/// How alike two names are that are taken for each other, from 0 to 1 (Jaro-Winkler).
const LIKENESS_MIN: f64 = 0.8;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ReadArguments {
    file_path: String,
    /// Default utf-8.
    encoding: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct InfoArguments {
    file_path: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Content {
    content: String,
    metadata: ContentMetadata,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ContentMetadata {
    path: String,
    size: u64,
    modified: Option<String>,
    created: Option<String>,
    mime_type: &'static str,
    encoding: String,
    /// `sha256:` and 64 hexadecimal digits.
    hash: String,
    permissions: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Info {
    path: String,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    size: u64,
    created: Option<String>,
    modified: Option<String>,
    permissions: String,
    mime_type: &'static str,
    parent: Option<String>,
}

// === impl Files ===

impl Files {
    pub(super) async fn read_file(
        self: Arc<Self>,
        _context: CallContext,
        asked: ReadArguments,
    ) -> Result<Content, Failure> {
        let encoding = encoding::named(asked.encoding.as_deref().unwrap_or("utf-8"))?;
        let (roots, bytes_max) = (Arc::clone(&self.roots), self.file_bytes_max);
        self.blocking
            .run(move || {
                let place = roots.place(&asked.file_path)?;
                let read = roots.read(&place, bytes_max).map_err(|refusal| similar(&roots, &place, refusal));
                let (bytes, found) = read?;
                let content = encoding::decode(&bytes, encoding, &asked.file_path)?;
                let metadata = ContentMetadata {
                    path: found.path.display().to_string(),
                    size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                    modified: found.metadata.modified().ok().map(utc),
                    created: found.metadata.created().ok().map(utc),
                    mime_type: media::type_of(&found.path),
                    encoding: encoding.name().to_lowercase(),
                    hash: format!("sha256:{:x}", Sha256::digest(&bytes)),
                    permissions: permissions(&found),
                };
                Ok(Content { content, metadata })
            })
            .await
    }

    pub(super) async fn get_file_info(
        self: Arc<Self>,
        _context: CallContext,
        asked: InfoArguments,
    ) -> Result<Info, Failure> {
        let roots = Arc::clone(&self.roots);
        self.blocking
            .run(move || {
                let place = roots.place(&asked.file_path)?;
                let found = roots.look(&place).map_err(|refusal| similar(&roots, &place, refusal))?;
                Ok(Info::of(&found))
            })
            .await
    }
}

// === impl Info ===

impl Info {
    fn of(found: &Found) -> Info {
        let (path, metadata) = (&found.path, &found.metadata);
        let kind = match metadata {
            metadata if metadata.is_dir() => "directory",
            metadata if metadata.is_file() => "file",
            _ => "other",
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Info {
            path: path.display().to_string(),
            name: name.unwrap_or_default(),
            kind,
            size: metadata.len(),
            created: metadata.created().ok().map(utc),
            modified: metadata.modified().ok().map(utc),
            permissions: permissions(found),
            mime_type: if kind == "directory" { "inode/directory" } else { media::type_of(path) },
            parent: path.parent().map(|parent| parent.display().to_string()),
        }
    }
}

fn permissions(found: &Found) -> String {
    format!("{:03o}", found.metadata.permissions().mode() & 0o7777)
}

/// What does not exist, with names beside it that do.
fn similar(roots: &Roots, place: &Place, refusal: Refusal) -> Failure {
    let is_missing = matches!(refusal, Refusal::Missing { .. });
    let failure = Failure::from(refusal);
    let names = if is_missing { beside(roots, place) } else { Vec::new() };
    match names.as_slice() {
        [] if is_missing => failure.next("call list_directory on its folder"),
        [] => failure,
        names => failure.next(format!("did you mean {}?", names.join(" or "))),
    }
}

/// Names in the folder of a file that are like its own.
fn beside(roots: &Roots, place: &Place) -> Vec<String> {
    let path = place.path();
    let (Some(wanted), Some(above)) = (path.file_name(), path.parent()) else { return Vec::new() };
    let wanted = wanted.to_string_lossy().to_lowercase();
    let Ok(folder) = roots.place(&above.to_string_lossy()).and_then(|above| roots.open_folder(&above)) else {
        return Vec::new();
    };
    let Ok(entries) = Dir::read_from(&folder.handle) else { return Vec::new() };
    let names = entries.take(COMPARED_MAX).filter_map(|entry| {
        let name = entry.ok()?.file_name().to_string_lossy().into_owned();
        let likeness = strsim::jaro_winkler(&wanted, &name.to_lowercase());
        (likeness >= LIKENESS_MIN).then_some((likeness, name))
    });
    let mut names: Vec<(f64, String)> = names.collect();
    names.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    let path = |(_, name): (f64, String)| Path::new(&folder.path).join(name).display().to_string();
    names.into_iter().take(SIMILAR_MAX).map(path).collect()
}
