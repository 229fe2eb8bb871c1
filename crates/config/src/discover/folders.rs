//! Where servers are declared: the files of clients and predecessors in the home folder, and the
//! files of projects below the folders that are searched. Bounded in depth, entries and files;
//! links to folders are not followed.

use std::path::{Path, PathBuf};

use crate::client_files::Client;
use crate::environment::Environment;

/// How deep below a folder is searched.
const DEPTH_MAX: usize = 6;
/// The most entries of folders that one search looks at.
const ENTRIES_MAX: usize = 20_000;
/// The most files that one search reads.
const FILES_MAX: usize = 500;

/// Folders that hold what others have written, or what is built.
const SKIPPED: &[&str] = &["node_modules", "target", "dist", "build", "venv", "__pycache__", "site-packages", "vendor"];

/// Files of clients inside a project: folder and file.
const HIDDEN: &[(&str, &str)] = &[
    (".vscode", "mcp.json"),
    (".cursor", "mcp.json"),
    (".gemini", "settings.json"),
    (".codex", "config.toml"),
    (".roo", "mcp.json"),
    (".kiro", "settings/mcp.json"),
    (".github", "mcp.json"),
    (".junie", "mcp/mcp.json"),
];

/// Files of clients and predecessors below the home folder.
const AT_HOME: &[&str] = &[
    ".mcp-servers.json",
    ".codeium/windsurf/mcp_config.json",
    ".codeium/mcp_config.json",
    ".gemini/settings.json",
    ".copilot/mcp-config.json",
    ".kiro/settings/mcp.json",
    ".lmstudio/mcp.json",
    ".junie/mcp/mcp.json",
    ".mcp-inspector/mcp.json",
];

/// The files in the home folder that may declare servers.
pub(super) fn places(environment: &Environment) -> Vec<PathBuf> {
    let clients = Client::ALL.iter().filter_map(|client| client.file(environment));
    let home = environment.home.iter();
    let others = home.flat_map(|home| AT_HOME.iter().map(|file| home.join(file)));
    clients.chain(others).filter(|file| file.is_file()).collect()
}

/// Adds the files below `folder` that may declare servers.
pub(super) fn walk(folder: &Path, files: &mut Vec<PathBuf>, remarks: &mut Vec<String>) {
    let mut waiting = vec![(folder.to_path_buf(), 0)];
    let mut entries = 0;
    let most = files.len() + FILES_MAX;
    if !folder.is_dir() {
        remarks.push(format!("{} is not a folder", folder.display()));
    }
    while let Some((folder, depth)) = waiting.pop() {
        hidden(&folder, files);
        let mut inside: Vec<std::fs::DirEntry> = std::fs::read_dir(&folder).into_iter().flatten().flatten().collect();
        inside.sort_by_key(std::fs::DirEntry::file_name);
        let mut below = Vec::new();
        for entry in inside {
            entries += 1;
            if entries > ENTRIES_MAX || files.len() >= most {
                remarks.push(format!(
                    "{} was not searched to its end: {ENTRIES_MAX} entries or {FILES_MAX} files are the most; name folders inside it",
                    folder.display()
                ));
                return;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            match entry.file_type() {
                // A link is not followed: it may lead back here.
                Ok(kind) if kind.is_dir() && depth < DEPTH_MAX && is_searched(&name) => below.push((path, depth + 1)),
                Ok(kind) if !kind.is_dir() && declares(&name, &path) => files.push(path),
                _ => {}
            }
        }
        // The first folder of the alphabet is searched first.
        waiting.extend(below.into_iter().rev());
    }
}

fn hidden(folder: &Path, files: &mut Vec<PathBuf>) {
    let paths = HIDDEN.iter().map(|(inside, file)| folder.join(inside).join(file));
    files.extend(paths.filter(|path| path.is_file()));
}

fn is_searched(folder: &str) -> bool {
    !folder.starts_with('.') && !SKIPPED.contains(&folder)
}

/// Whether a file of this name may declare servers.
fn declares(name: &str, path: &Path) -> bool {
    let known = matches!(
        name,
        "pyproject.toml"
            | "package.json"
            | "mcp-config.yaml"
            | "mcp-config.yml"
            | "mcp-servers.yaml"
            | "mcp-servers.yml"
            | ".mcp-servers.json"
    );
    known || name.ends_with(".mcp.json") || super::projects::is_script(path)
}

/// The project that a file belongs to: its folder, or the one around the folder of a client.
pub(super) fn project(file: &Path) -> Option<&Path> {
    let around = HIDDEN.iter().find(|(inside, name)| file.ends_with(Path::new(inside).join(name)));
    let levels = around.map_or(1, |(inside, name)| Path::new(inside).join(name).components().count());
    file.ancestors().nth(levels)
}
