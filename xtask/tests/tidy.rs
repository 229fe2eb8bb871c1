//! The rules of the house, as tests. Each names every place that breaks it.
//!
//! What a compiler or clippy can check is not here (`Cargo.toml`, `clippy.toml`). Lists of
//! exceptions are short, stand beside their rule and say why.

#[cfg(test)]
#[path = "tidy/files.rs"]
mod files;

#[cfg(test)]
#[path = "tidy/source.rs"]
mod source;

#[cfg(test)]
#[path = "tidy/code.rs"]
mod code;

#[cfg(test)]
#[path = "tidy/arrows.rs"]
mod arrows;

#[cfg(test)]
#[path = "tidy/manifests.rs"]
mod manifests;

#[cfg(test)]
#[path = "tidy/pages.rs"]
mod pages;

#[cfg(test)]
#[path = "tidy/keys.rs"]
mod keys;

#[cfg(test)]
#[path = "tidy/effects.rs"]
mod effects;

#[cfg(test)]
#[path = "tidy/dashboard.rs"]
mod dashboard;
