//! What remembered uses add: on MetaTool, some prompts of each tool are noted as uses, and the
//! others are asked.

use crate::ask;
use crate::figures::Figures;
use crate::sets::{Query, Set};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;

/// Prints the figures with 0, 2 and 8 uses of each tool. The prompts that are asked are the same in
/// each row.
pub(crate) fn table(out: &mut impl Write, sets: &[Set]) -> Result<(), Box<dyn Error>> {
    let Some(set) = sets.iter().find(|set| set.name == "metatool") else { return Ok(()) };
    let index = search::Index::build(set.tools());
    let mut of_tool: BTreeMap<&String, Vec<&Query>> = BTreeMap::new();
    for query in &set.queries {
        of_tool.entry(query.relevant.iter().next().ok_or("a query without a tool")?).or_default().push(query);
    }
    writeln!(out, "| uses of each tool | asked | R@1 | R@5 | R@10 | nDCG@5 | nDCG@10 | MRR | server@1 | server@3 |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|")?;
    for count in [0, 2, 8] {
        let mut uses = search::Uses::default();
        let mut asked: Vec<&Query> = Vec::new();
        for (tool, queries) in &of_tool {
            let logged = queries.len().saturating_sub(1).min(8);
            queries
                .iter()
                .take(count.min(logged))
                .for_each(|query| uses.note(&search::embed(&query.text), tool, true, 0));
            asked.extend(&queries[logged..]);
        }
        let figures = Figures::of(asked.iter().map(|query| (*query, ask(&index, &query.text, Some(&uses)))));
        writeln!(out, "| {count} | {} | {} |", asked.len(), figures.cells())?;
    }
    writeln!(out)?;
    Ok(())
}
