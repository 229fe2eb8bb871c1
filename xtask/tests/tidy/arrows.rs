//! Who may use whom: the arrows of the architecture against what the manifests say, and the heavy
//! dependencies that stay behind one door.

use crate::files::{none, root};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// A room, and the rooms it may use. A new crate or arrow needs a line here and in
/// `ARCHITECTURE.md`.
const ARROWS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("config", &[]),
    ("outbound", &["config"]),
    ("supervisor", &["config"]),
    ("search", &["protocol"]),
    ("tokens", &[]),
    ("gateway", &["protocol", "config", "supervisor", "outbound", "search", "tokens"]),
    ("control", &["protocol", "config", "store", "supervisor", "gateway", "search", "tokens"]),
    ("testkit", &["protocol", "config"]),
    ("store", &["config"]),
    ("builtins", &["protocol", "config", "store", "outbound", "search"]),
    (
        "cli",
        &[
            "protocol",
            "config",
            "supervisor",
            "outbound",
            "gateway",
            "control",
            "testkit",
            "store",
            "builtins",
            "search",
            "tokens",
        ],
    ),
    // No part of the product: they see it from outside, as programs.
    ("xtask", &[]),
    ("e2e", &[]),
    ("fixture", &[]),
    ("bench", &[]),
];

/// Dependencies that only these rooms know, so that changing them changes one room.
const DOORS: &[(&str, &[&str])] = &[
    ("annotate-snippets", &["config"]),
    ("argon2", &["cli"]),
    ("axum", &["control"]),
    ("brotli-decompressor", &["outbound"]),
    ("clap", &["cli"]),
    ("crossterm", &["cli"]),
    ("encoding_rs", &["builtins"]),
    ("flate2", &["outbound", "control", "cli"]),
    ("globset", &["config", "gateway"]),
    ("html5ever", &["builtins"]),
    ("hyper", &["outbound", "gateway", "control", "cli"]),
    ("jsonc-parser", &["config"]),
    ("legible", &["builtins"]),
    ("lopdf", &["builtins"]),
    ("notify", &["config"]),
    ("opentelemetry-proto", &["cli"]),
    ("prometheus-client", &["control"]),
    ("moka", &["store", "gateway"]),
    ("ratatui", &["cli"]),
    ("redis", &["store"]),
    ("rmcp", &[]),
    ("rust-embed", &["control"]),
    ("rustls", &["outbound"]),
    ("saphyr-parser", &["config"]),
    ("signal-hook", &["supervisor"]),
    ("snowball_stemmers_rs", &["search"]),
    ("sqlx", &["store"]),
    ("tar", &["cli"]),
    ("tokio-tungstenite", &["gateway", "control"]),
    ("toml", &["config"]),
    ("toml_edit", &["config"]),
    ("tracing-subscriber", &["cli"]),
    ("utoipa", &["control"]),
    ("utoipa-axum", &["control"]),
];

/// The crates that every doorkeeper row is about; tests and tools may use what they like.
const PRODUCT: &str = "crates";

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps();
    command.other_options(["--offline".to_owned()]);
    command.exec().expect("cargo metadata")
}

fn uses(package: &Package, kind: DependencyKind) -> impl Iterator<Item = &str> {
    let used = package.dependencies.iter().filter(move |used| used.kind == kind);
    used.map(|used| used.name.as_str())
}

#[test]
fn arrows_point_down() {
    let metadata = metadata();
    let mut problems = Vec::new();
    for package in &metadata.packages {
        let row = ARROWS.iter().find(|(room, _)| package.name.as_str() == *room);
        let Some((room, allowed)) = row else {
            problems.push(format!("`{}` has no line", package.name));
            continue;
        };
        for used in uses(package, DependencyKind::Normal) {
            let is_room = ARROWS.iter().any(|(room, _)| *room == used);
            if is_room && !allowed.contains(&used) {
                problems.push(format!("{room} must not use {used}"));
            }
        }
    }
    let missing =
        ARROWS.iter().filter(|(room, _)| !metadata.packages.iter().any(|package| package.name.as_str() == *room));
    problems.extend(missing.map(|(room, _)| format!("`{room}` has a line and does not exist")));
    none("arrows that the architecture does not have", &problems);
}

#[test]
fn rooms_are_named_like_their_folders() {
    let packages = metadata().packages.into_iter();
    let problems: Vec<_> = packages
        .filter(|package| {
            package.manifest_path.parent().and_then(|folder| folder.file_name()) != Some(package.name.as_str())
        })
        .map(|package| format!("{} in {}", package.name, package.manifest_path))
        .collect();
    none("folder and crate have one name", &problems);
}

#[test]
fn heavy_dependencies_stay_behind_one_door() {
    let metadata = metadata();
    let product = metadata.packages.iter().filter(|package| {
        let folder = package.manifest_path.parent().and_then(|folder| folder.parent());
        folder.and_then(|folder| folder.file_name()) == Some(PRODUCT)
    });
    let mut problems = Vec::new();
    for package in product {
        for used in uses(package, DependencyKind::Normal) {
            let door = DOORS.iter().find(|(heavy, _)| *heavy == used);
            if door.is_some_and(|(_, rooms)| !rooms.contains(&package.name.as_str())) {
                problems.push(format!("{} uses {used}", package.name));
            }
        }
    }
    none("a dependency behind another room's door", &problems);
}
