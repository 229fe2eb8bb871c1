//! Every file under `examples/` loads without an error, and says what it is meant to say.

use std::path::{Path, PathBuf};

use config::{Environment, Loaded, Sources, load};

fn example(name: &str) -> Loaded {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let vars = [
        ("SWITCHBOARD_TOKEN", "0123456789abcdef0123456789abcdef"),
        ("GITHUB_TOKEN", "a-token"),
        ("FIGMA_TOKEN", "a-token"),
        ("HOME", "/home/ann"),
        ("MEM0_PASSWORD", "a-password"),
        ("WEATHER_KEY", "a-key"),
        ("SEARCH_TOKEN", "a-token"),
    ];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let sources = Sources {
        files: vec![PathBuf::from(name)],
        environment: Environment { vars: vars.into(), home: Some(PathBuf::from("/home/ann")), cwd: root },
        ..Sources::default()
    };
    let loaded = load(&sources);
    let text = config::render(&loaded.diagnostics, false);
    assert!(!loaded.has_errors(), "{name}: {text}");
    loaded
}

#[test]
fn our_own_files_load_without_a_word() {
    let minimal = example("minimal/switchboard.toml");
    assert!(minimal.diagnostics.is_empty());
    assert_eq!(minimal.config.servers.len(), 2);
    let full = example("full/switchboard.toml");
    assert!(full.diagnostics.is_empty(), "{:?}", full.diagnostics);
    assert_eq!(full.config.servers.len(), 13);
}

#[test]
fn the_full_example_holds_every_key_of_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/full/switchboard.toml");
    let text = std::fs::read_to_string(path).expect("the example");
    let schema = config::json_schema();
    let mut names = Vec::new();
    collect(&schema, &mut names);
    names.retain(|name| !["mcpServers", "servers"].contains(&name.as_str()));
    for name in names {
        assert!(text.contains(&name), "{name} is not in the example");
    }
}

fn collect(schema: &serde_json::Value, names: &mut Vec<String>) {
    for part in [&schema["properties"], &schema["$defs"]] {
        for (name, inner) in part.as_object().into_iter().flatten() {
            if std::ptr::eq(part, &schema["properties"]) {
                names.push(name.clone());
            }
            collect(inner, names);
        }
    }
}

#[test]
fn files_of_other_tools_load() {
    let claude = example("claude/mcp.json").config;
    assert_eq!(claude.servers.keys().collect::<Vec<_>>(), ["filesystem", "memory", "old-search", "tickets"]);
    let vscode = example("vscode/mcp.json").config;
    assert_eq!(vscode.servers.keys().collect::<Vec<_>>(), ["fetch", "github"]);
    let codex = example("codex/config.toml").config;
    assert_eq!(codex.servers.keys().collect::<Vec<_>>(), ["docs", "figma"]);
}

#[test]
fn files_of_predecessors_load() {
    let launcher = example("mcp-servers.json").config;
    assert_eq!(launcher.servers.keys().collect::<Vec<_>>(), ["filesystem", "mem0", "weather"]);
    let manager = example("mcp-servers.yaml").config;
    assert_eq!(manager.servers.keys().collect::<Vec<_>>(), ["board", "live", "search", "task-runner"]);
}

#[test]
fn no_example_is_forgotten() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut folders: Vec<String> = std::fs::read_dir(root)
        .expect("examples")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let known = ["claude", "codex", "full", "mcp-servers.json", "mcp-servers.yaml", "minimal", "vscode"];
    assert_eq!(folders, known);
}
