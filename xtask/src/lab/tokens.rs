//! `lab tokens`: what the same servers cost in tokens behind ours, in each exposure, and behind gateways of
//! others, in one run, into a table of its own in `BENCH.md`. The others are installed here, each in an
//! environment of its own, since no test needs them.

use crate::peers;
use crate::tool::{self, Watched};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use tiktoken_rs::CoreBPE;

/// Gateways of others from npm. Those that a comparison lacks are named below the table.
const NPM: [(&str, &str); 2] = [("mcp-hub", "4.2.1"), ("@standardbeagle/slop-mcp", "0.15.0")];
/// Gateways of others from PyPI, each in an environment of its own.
const PYPI: [(&str, &str); 4] =
    [("lazy-mcp", "2.7.2"), ("mcp-compressor", "0.38.2"), ("slm-mcp-hub", "0.3.4"), ("fastmcp-gateway", "0.35.0")];
/// What could not be compared, and why.
const ABSENT: &str = "Not compared: `@1mcp/agent` is not in the npm registry that is reached here; `smart-mcp-proxy` 0.3.1 \
    (PyPI) starts neither with the `fastmcp` that pip picks for it nor with 2.8.1; `@karashiiro/my-cool-proxy` 1.6.2 (npm) wants a \
    database binding that is fetched from elsewhere; `smartmcp-router` 0.3.0 (PyPI) was not tried: it brings 6 GB.";
/// How many contenders speak: three exposures of ours, and theirs, one of them in two ways.
const CONTENDERS: usize = 10;

/// Where the table stands.
const BEGIN: &str = "<!-- tokens:begin -->\n";
const END: &str = "<!-- tokens:end -->\n";

/// How many servers stand behind each gateway.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Sizes {
    /// How many servers stand behind each gateway whose list is counted
    #[arg(long, default_value_t = 50)]
    token_servers: u64,
}

/// What one contender said.
struct Said {
    name: String,
    tools: usize,
    list: usize,
    instructions: usize,
    /// Tokens of the answers to searches by words, sorted.
    answers: Vec<usize>,
    found_by_prompt: u64,
    found_by_words: u64,
}

/// Measures, writes the table, and says in a line what was done.
///
/// # Errors
/// A contender cannot be had or failed.
pub(super) fn run(root: &Path, sizes: &Sizes, write: bool) -> Result<String> {
    peers::install(root)?;
    let others = install(root)?;
    // Tokens are the same in every build.
    tool::run(tool::cargo(root).args(["build", "-p", "cli", "-p", "testkit", "--bins"]))?;
    let out = fresh_folder(root)?;
    let mut test = tool::cargo(root);
    test.env("SWITCHBOARD_LAB_TOKENS", sizes.token_servers.to_string());
    test.env("SWITCHBOARD_LAB_TOKENS_OTHERS", others).env("SWITCHBOARD_LAB_TOKENS_OUT", &out);
    test.args(["test", "-p", "e2e", "--", "the_same_servers_behind_ours_and_others", "--nocapture"]);
    let mut files = Vec::new();
    let calm = tool::watch(&mut test, Watched::Stderr, |line| {
        files.extend(line.strip_prefix("tokens: ").map(|file| PathBuf::from(file.trim())));
    })?;
    ensure!(calm && files.len() == CONTENDERS, "`cargo test` failed, or {} of {CONTENDERS} spoke", files.len());
    let vocabulary = tiktoken_rs::o200k_base().context("the vocabulary cannot be read")?;
    let said: Result<Vec<Said>> = files.iter().map(|file| Said::read(file, &vocabulary)).collect();
    let said = said?;
    if write {
        put(root, &table(&said)?)?;
    }
    let ours = said.iter().filter(|one| one.name.starts_with("switchboard"));
    let ours: Vec<String> = ours.map(|one| format!("{} {}", one.name, one.list)).collect();
    Ok(format!("{} servers, {} gateways: {}", sizes.token_servers, said.len(), ours.join("; ")))
}

/// A folder for what they need and say; it stays, for whoever wants to look.
fn fresh_folder(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/lab-tokens");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Installs the gateways of others; gives their folder.
fn install(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/peers/tokens");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let stamp = folder.join("installed");
    let wanted = format!("{NPM:?} {PYPI:?}");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    let mut npm = tool::command("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefix"]).arg(&folder);
    tool::run(npm.args(NPM.map(|(name, version)| format!("{name}@{version}"))))?;
    for (name, version) in PYPI {
        let own = folder.join(name);
        tool::run(tool::command("python3").args(["-m", "venv", "--clear"]).arg(&own))?;
        let mut pip = tool::command(own.join("bin/pip"));
        tool::run(pip.args(["install", "--quiet", "--disable-pip-version-check", &format!("{name}=={version}")]))?;
    }
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(folder)
}

// === impl Said ===

impl Said {
    fn read(file: &Path, vocabulary: &CoreBPE) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let said: Value = serde_json::from_str(&text)?;
        let count = |text: &str| vocabulary.encode_ordinary(text).len();
        let list = |member: &str| said[member].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut answers: Vec<usize> =
            list("answers").iter().map(|text| count(text.as_str().unwrap_or_default())).collect();
        answers.sort_unstable();
        Ok(Self {
            name: said["name"].as_str().unwrap_or_default().to_owned(),
            tools: list("tools").len(),
            list: list("tools").iter().map(|tool| count(&tool.to_string())).sum(),
            instructions: count(said["instructions"].as_str().unwrap_or_default()),
            found_by_prompt: said["found_by_prompt"].as_u64().unwrap_or_default(),
            found_by_words: said["found_by_words"].as_u64().unwrap_or_default(),
            answers,
        })
    }

    /// Its name with its version, where it is of others.
    fn title(&self) -> String {
        let (package, way) = self.name.split_once(',').unwrap_or((&self.name, ""));
        let pinned = NPM.iter().chain(&PYPI).find(|(name, _)| name.ends_with(package));
        match (pinned, way.is_empty()) {
            (Some((name, version)), true) => format!("`{name}` {version}"),
            (Some((name, version)), false) => format!("`{name}` {version},{way}"),
            (None, _) => format!("**{}**", self.name),
        }
    }
}

fn table(said: &[Said]) -> Result<String> {
    let mut text =
        "| gateway | tools listed | tokens of the list | of instructions | tokens of a search's answer, p50 | \
                    right tool in it, by the words of its name | by a prompt |\n|---|--:|--:|--:|--:|--:|--:|\n"
            .to_owned();
    for one in said {
        let searched = match one.answers.get(one.answers.len() / 2) {
            Some(middle) => {
                let asked = one.answers.len();
                format!("{middle} | {} of {asked} | {} of {asked}", one.found_by_words, one.found_by_prompt)
            }
            None => "— | — | —".to_owned(),
        };
        writeln!(text, "| {} | {} | {} | {} | {searched} |", one.title(), one.tools, one.list, one.instructions)?;
    }
    Ok(text)
}

/// Puts the table into `BENCH.md`, in place of the former one.
fn put(root: &Path, table: &str) -> Result<()> {
    let path = root.join("BENCH.md");
    let mut page = fs::read_to_string(&path).context("BENCH.md cannot be read")?;
    if !page.contains(BEGIN) {
        write!(
            page,
            "\n## Tokens of many tools\n\n`cargo xtask lab tokens`: the same 50 servers with the definitions of real ones \
             (`shared/routing/data`, 799 tools) behind each gateway, in one run, asked by the TypeScript SDK. Tokens: o200k \
             vocabulary, each definition as it came; a search's answer: its text. Each search is made twice: by the words of \
             the right tool's name, as somebody who knows the tool would search by keywords, and by one of the 108 prompts of \
             `mcp-registry`, on which our ranking was tuned and theirs was not (`cargo xtask bench search` is the place for \
             quality). Gateways without a search of their own have none here. {ABSENT}\n\n{BEGIN}{END}"
        )?;
    }
    let (before, rest) = page.split_once(BEGIN).context("no table")?;
    let (_, after) = rest.split_once(END).context("BENCH.md lost tokens:end")?;
    fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).context("BENCH.md cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_the_version_and_the_middle_answer() {
        let one = Said {
            name: "slop-mcp".to_owned(),
            tools: 10,
            list: 2_000,
            instructions: 0,
            answers: vec![1, 5, 9],
            found_by_prompt: 1,
            found_by_words: 2,
        };
        let row = "| `@standardbeagle/slop-mcp` 0.15.0 | 10 | 2000 | 0 | 5 | 2 of 3 | 1 of 3 |\n";
        assert!(table(&[one]).unwrap().ends_with(row));
    }
}
