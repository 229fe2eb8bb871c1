//! `cargo xtask bench search`: how well tools and servers are found on labelled sets, beside
//! keywords, BM25 and the table alone in the same run; how fast, how large, how sure.
//!
//! The sets lie outside the repository (`/work/shared/routing/data`, or `SWITCHBOARD_ROUTING_DATA`).
//! It judges nothing by itself.

mod baseline;
mod figures;
mod learning;
mod sets;
mod speed;

use figures::Figures;
use sets::{Query, Set};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

/// How far down a ranking is looked at.
const DEPTH: usize = 20;

/// What a contender answers: ids of tools and names of servers, best first.
pub(crate) struct Ranked {
    tools: Vec<String>,
    servers: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let folder = std::env::var_os("SWITCHBOARD_ROUTING_DATA").unwrap_or_else(|| "/work/shared/routing/data".into());
    let folder = PathBuf::from(folder);
    let mut out = std::io::stdout().lock();
    let sets = Set::all(&folder)?;
    let no_tool = sets::queries(&folder.join("no-tool.jsonl"))?;
    if has("--misses") {
        return misses(&mut out, &sets);
    }
    if has("--speed") {
        return speed::table(&mut out, &sets);
    }
    if !has("--bands") {
        quality(&mut out, &sets)?;
    }
    bands(&mut out, &sets, &no_tool)?;
    if has("--quick") {
        return Ok(());
    }
    learning::table(&mut out, &sets)?;
    speed::table(&mut out, &sets)?;
    Ok(())
}

fn quality(out: &mut impl Write, sets: &[Set]) -> Result<(), Box<dyn Error>> {
    writeln!(out, "| set | contender | R@1 | R@5 | R@10 | nDCG@5 | nDCG@10 | MRR | server@1 | server@3 |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|")?;
    for set in sets {
        for (name, contender) in baseline::all(set) {
            let figures = Figures::of(set.queries.iter().map(|query| (query, contender(&query.text))));
            writeln!(out, "| {} | {name} | {} |", set.name, figures.cells())?;
        }
        let index = search::Index::build(set.tools());
        let ours = set.queries.iter().map(|query| (query, ask(&index, &query.text, None)));
        writeln!(out, "| {} | switchboard | {} |", set.name, Figures::of(ours).cells())?;
    }
    writeln!(out)?;
    Ok(())
}

/// What the index answers.
pub(crate) fn ask(index: &search::Index, text: &str, uses: Option<&search::Uses>) -> Ranked {
    let answer = index.search(&search::Query { limit: DEPTH, uses, ..search::Query::new(text) });
    Ranked {
        tools: answer.tools.into_iter().map(|hit| hit.id).collect(),
        servers: answer.servers.into_iter().map(|hit| hit.server).collect(),
    }
}

/// How many prompts fall into which band: for each set those that need a tool, and those that need none.
fn bands(out: &mut impl Write, sets: &[Set], no_tool: &[Query]) -> Result<(), Box<dyn Error>> {
    writeln!(out, "| set | prompts | confident % | weak % | nothing % |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for set in sets {
        let index = search::Index::build(set.tools());
        for (kind, queries) in [("need a tool", &set.queries[..]), ("need none", no_tool)] {
            let mut counts: BTreeMap<search::Band, usize> = BTreeMap::new();
            for query in queries {
                *counts.entry(index.search(&search::Query::new(&query.text)).band).or_default() += 1;
            }
            let share = |band| 100.0 * counts.get(&band).copied().unwrap_or_default() as f64 / queries.len() as f64;
            let bands = [search::Band::Confident, search::Band::Weak, search::Band::Nothing];
            let shares: Vec<String> = bands.map(|band| format!("{:.1}", share(band))).into();
            writeln!(out, "| {} | {kind} | {} |", set.name, shares.join(" | "))?;
        }
    }
    writeln!(out)?;
    Ok(())
}

/// The queries whose tool is not among the first five, with what came instead.
fn misses(out: &mut impl Write, sets: &[Set]) -> Result<(), Box<dyn Error>> {
    for set in sets {
        let index = search::Index::build(set.tools());
        for query in &set.queries {
            let found = ask(&index, &query.text, None).tools;
            if !query.relevant.iter().any(|id| found.iter().take(5).any(|hit| hit == id)) {
                writeln!(
                    out,
                    "{}: {}\n   wanted {:?}\n   got {:?}",
                    set.name,
                    query.text,
                    query.relevant,
                    &found[..5]
                )?;
            }
        }
    }
    Ok(())
}
