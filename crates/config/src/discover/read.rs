//! Reads one file that was found, in whatever form it declares servers. What its project means by
//! a relative path is made absolute, since the daemon runs elsewhere.

use std::path::Path;

use super::{Brought, folders, projects};
use crate::diagnostic::{Report, Source};
use crate::environment::Environment;
use crate::load::Document;
use crate::origin::Layer;
use crate::raw::{RawConfig, read, read_found};
use crate::read::{Field, Located, Value, text_of};
use crate::tree::{Entry, Node, parse_json, parse_toml};

/// The most bytes of a file that was found.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The servers of a file; `None` if it cannot be read or declares none.
pub(super) fn file(path: &Path, environment: &Environment) -> Option<Brought> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let mut report = Report::default();
    let scripted = projects::is_script(path).then(|| projects::script(path));
    let text = match &scripted {
        Some(_) => String::new(),
        None => text(path)?,
    };
    let mut source = Source::new(path, &text);
    let mut raw = match (scripted, name) {
        (Some(script), _) => read_found(&source, vec![script?], &mut report),
        (None, "pyproject.toml") => {
            let tree = parse_toml(&source, &mut Report::default());
            of_project(&mut source, &tree, projects::python(&tree, folder), &mut report)
        }
        (None, "package.json") => {
            let tree = parse_json(&source, &mut Report::default())?;
            of_project(&mut source, &tree, projects::node(&tree), &mut report)
        }
        (None, _) => read(&mut source, &mut report),
    };
    if raw.servers.is_empty() && report.diagnostics.is_empty() {
        return None;
    }
    let at_home = environment.home.as_deref().is_some_and(|home| folder == home);
    if let Some(project) =
        folders::project(path).filter(|project| !at_home && Some(*project) != environment.home.as_deref())
    {
        stay_inside(&mut raw, project, name);
    }
    let document = Document { source, layer: Layer::Found, folder: folder.to_path_buf(), file: path.to_path_buf() };
    Some(Brought { document, raw, report })
}

fn of_project(source: &mut Source, tree: &Node, servers: Vec<Entry>, report: &mut Report) -> RawConfig {
    source.mask(&crate::raw::secrets(tree));
    read_found(source, servers, report)
}

fn text(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    let readable = metadata.is_file() && metadata.len() <= FILE_BYTES_MAX;
    readable.then(|| std::fs::read_to_string(path).ok()).flatten()
}

/// Programs of a project run in its folder unless they say otherwise; so tools read such files.
fn stay_inside(raw: &mut RawConfig, project: &Path, name: &str) {
    // The files of clients are not about a project: their programs run anywhere.
    let of_client = matches!(name, "claude_desktop_config.json" | "mcp_config.json" | "mcp-config.json");
    for server in raw.servers.iter_mut().filter(|_| !of_client) {
        let span = server.name_span;
        if text_of(server.fields.get("command")).is_some() && !server.fields.contains_key("cwd") {
            let text = project.display().to_string();
            let value = Value::Text(Located { text, span });
            server.fields.insert("cwd", Field { key_span: span, span, value });
        }
    }
}
