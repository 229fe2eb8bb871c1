//! How long a search, a change and a start take, and how large an index is.

use crate::sets::{Definition, Set};
use search::{Index, Query, Tool};
use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

/// Prints figures for catalogs of several sizes, made of all sets, repeated under other names.
pub(crate) fn table(out: &mut impl Write, sets: &[Set]) -> Result<(), Box<dyn Error>> {
    let texts: Vec<&str> = sets.iter().flat_map(|set| set.queries.iter().map(|query| query.text.as_str())).collect();
    let short = |text: &&&str| text.split_whitespace().count() <= 25;
    let short: Vec<&str> = texts.iter().filter(short).copied().collect();
    writeln!(
        out,
        "| tools | servers | p50 us | p99 us | p99 us, up to 25 words | build ms | change ms | bytes MB | memory MB | load ms |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|")?;
    for count in [755, 5000, 20_000] {
        let catalog = catalog(sets, count);
        let began = Instant::now();
        let index = Index::build(catalog.iter().map(Definition::tool));
        let build = ms(began);
        let bytes = index.to_bytes();
        let load = least(|| black_box(Index::from_bytes(&bytes)).is_some());
        let all = latencies(&index, &texts);
        let few = latencies(&index, &short);
        let servers: std::collections::BTreeSet<&str> = catalog.iter().map(|tool| tool.server.as_str()).collect();
        writeln!(
            out,
            "| {} | {} | {:.0} | {:.0} | {:.0} | {build:.0} | {:.2} | {:.1} | {:.1} | {load:.1} |",
            index.len(),
            servers.len(),
            at(&all, 0.5),
            at(&all, 0.99),
            at(&few, 0.99),
            change(&index, &catalog),
            bytes.len() as f64 / 1e6,
            index.size_bytes() as f64 / 1e6,
        )?;
    }
    writeln!(out)?;
    Ok(())
}

fn catalog(sets: &[Set], count: usize) -> Vec<Definition> {
    let all: Vec<&Definition> = sets.iter().flat_map(|set| &set.definitions).collect();
    let copy = |at: usize| {
        let (round, tool) = (at / all.len(), all[at % all.len()]);
        match round {
            0 => tool.clone(),
            _ => Definition {
                id: format!("{}-{round}", tool.id),
                server: format!("{}-{round}", tool.server),
                ..tool.clone()
            },
        }
    };
    (0..count).map(copy).collect()
}

/// Milliseconds of one changed tool of the first server.
fn change(index: &Index, catalog: &[Definition]) -> f64 {
    let server = &catalog[0].server;
    let mut tools: Vec<Definition> = catalog.iter().filter(|tool| tool.server == *server).cloned().collect();
    tools[0].description.push_str(" It also changes.");
    let read: Vec<Tool<'_>> = tools.iter().map(Definition::tool).collect();
    least(|| black_box(index.with_server(server, read.iter().cloned())).len() == index.len())
}

/// Microseconds of each query, in order of size; each is the least of three, since the machine is shared.
fn latencies(index: &Index, texts: &[&str]) -> Vec<f64> {
    let mut all = vec![f64::MAX; texts.len()];
    for _ in 0..3 {
        for (text, least) in texts.iter().zip(&mut all) {
            let began = Instant::now();
            black_box(index.search(&Query::new(text)));
            *least = least.min(began.elapsed().as_nanos() as f64 / 1e3);
        }
    }
    all.sort_by(f64::total_cmp);
    all
}

fn at(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len() - 1) as f64 * share) as usize).copied().unwrap_or_default()
}

fn least(mut run: impl FnMut() -> bool) -> f64 {
    let times = (0..7).map(|_| {
        let began = Instant::now();
        assert!(run());
        ms(began)
    });
    times.fold(f64::MAX, f64::min)
}

fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}
