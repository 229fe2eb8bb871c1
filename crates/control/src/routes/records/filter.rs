//! Which records are meant. Pure: it is told lines and says which fit.

use super::Asked;
use crate::access::Asker;
use crate::moment::moment;
use crate::said::Record;
use std::time::UNIX_EPOCH;
use store::records::NewPage;

/// Outcomes that are no failures; the others are counted as such by whoever writes the pages.
const GOOD: [&str; 2] = ["ok", "input_required"];
/// The word for all outcomes but the good ones.
const FAILED: &str = "failed";

/// What a record must be like.
pub(super) struct Filter {
    asked: Asked,
    /// Whose calls alone are shown, whatever was asked for.
    only: Option<String>,
    /// In lower case.
    text: Option<String>,
    since_ms: Option<i64>,
    until_ms: Option<i64>,
}

// === impl Filter ===

impl Filter {
    /// What was asked for, as far as whoever asks may see it.
    pub(super) fn new(asked: Asked, asker: &Asker, since_ms: Option<i64>, until_ms: Option<i64>) -> Self {
        let only = (!asker.is_owner).then(|| asker.principal.as_str().to_owned());
        let text = asked.q.as_ref().map(|text| text.to_lowercase()).filter(|text| !text.is_empty());
        Self { asked, only, text, since_ms, until_ms }
    }

    /// Whether a page need not be looked at.
    pub(super) fn fits_nothing_of(&self, page: &NewPage) -> bool {
        match self.asked.outcome.as_deref() {
            None => false,
            Some(outcome) if GOOD.contains(&outcome) => page.failed >= page.records,
            Some(_) => page.failed == 0,
        }
    }

    /// The record of a line, if it is one that is meant.
    pub(super) fn record(&self, line: &str) -> Option<Record> {
        // A line that cannot be read is none of this version's.
        let record: Record = serde_json::from_str(line).ok()?;
        self.fits(&record).then_some(())?;
        let Some(text) = &self.text else { return Some(record) };
        let holds = |seen: &str| seen.to_lowercase().contains(text);
        // It is looked for in what is shown, so that nobody learns what they may not see.
        let has_it = match self.only {
            None => holds(line),
            Some(_) => {
                let seen =
                    [record.name.as_deref(), record.server.as_deref(), Some(&record.outcome), Some(&record.method)];
                seen.into_iter().flatten().any(holds)
            }
        };
        has_it.then_some(record)
    }

    fn fits(&self, record: &Record) -> bool {
        let Asked { server, tool, principal, outcome, method, .. } = &self.asked;
        let is =
            |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| found == Some(wanted));
        let is_tool = tool.as_deref().is_none_or(|tool| {
            let (server, name) = (record.server.as_deref().unwrap_or_default(), record.name.as_deref());
            name.is_some_and(|name| {
                name == tool || tool.strip_prefix(server).and_then(|rest| rest.strip_prefix('.')) == Some(name)
            })
        });
        let is_outcome = outcome.as_deref().is_none_or(|outcome| match outcome {
            FAILED => !GOOD.contains(&record.outcome.as_str()),
            outcome => record.outcome == outcome,
        });
        is(server, record.server.as_deref())
            && is(principal, Some(&record.principal))
            && is(&self.only, Some(&record.principal))
            && is(method, Some(&record.method))
            && is_tool
            && is_outcome
            && self.is_of_the_time(record)
    }

    fn is_of_the_time(&self, record: &Record) -> bool {
        if self.since_ms.is_none() && self.until_ms.is_none() {
            return true;
        }
        let Ok(at) = moment("at", &record.at, UNIX_EPOCH) else { return false };
        self.since_ms.is_none_or(|since| at >= since) && self.until_ms.is_none_or(|until| at <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Principal;
    use serde_json::json;

    fn line(server: &str, name: &str, principal: &str, outcome: &str) -> String {
        json!({ "id": "0", "at": "2026-11-21T05:37:00.000Z", "method": "tools/call", "server": server, "name": name,
            "principal": principal, "client_era": "modern", "server_era": "modern", "outcome": outcome,
            "total_us": 1, "bytes_in": 1, "bytes_out": 1, "arguments": { "word": "Hidden" } })
        .to_string()
    }

    fn fits(asked: Asked, asker: &Asker, line: &str) -> bool {
        Filter::new(asked, asker, None, None).record(line).is_some()
    }

    #[test]
    fn every_word_must_fit() {
        let (line, owner) = (line("db", "query", "me", "tool_error"), Asker::local());
        let some = |word: &str| Some(word.to_owned());
        for tool in ["query", "db.query"] {
            assert!(fits(Asked { tool: some(tool), ..Asked::default() }, &owner, &line), "{tool}");
        }
        for tool in ["quer", "x.query", "dbquery"] {
            assert!(!fits(Asked { tool: some(tool), ..Asked::default() }, &owner, &line), "{tool}");
        }
        assert!(fits(Asked { outcome: some("failed"), server: some("db"), ..Asked::default() }, &owner, &line));
        assert!(!fits(Asked { outcome: some("ok"), ..Asked::default() }, &owner, &line));
        assert!(!fits(Asked { principal: some("you"), ..Asked::default() }, &owner, &line));
        assert!(fits(Asked { q: some("hIDDen"), ..Asked::default() }, &owner, &line));
    }

    #[test]
    fn who_is_not_the_owner_finds_their_own_calls_and_nothing_in_arguments() {
        let me = Asker { principal: Principal::new("me"), is_owner: false };
        let (mine, other) = (line("db", "query", "me", "ok"), line("db", "query", "you", "ok"));
        assert!(fits(Asked::default(), &me, &mine) && !fits(Asked::default(), &me, &other));
        assert!(!fits(Asked { principal: Some("you".to_owned()), ..Asked::default() }, &me, &other));
        assert!(!fits(Asked { q: Some("hidden".to_owned()), ..Asked::default() }, &me, &mine));
        assert!(fits(Asked { q: Some("QUERY".to_owned()), ..Asked::default() }, &me, &mine));
    }

    #[test]
    fn a_page_without_failures_is_not_looked_at_for_them() {
        let page = NewPage { from_ms: 0, to_ms: 1, records: 3, failed: 0, body: String::new() };
        let of = |outcome: Option<&str>| {
            let asked = Asked { outcome: outcome.map(str::to_owned), ..Asked::default() };
            Filter::new(asked, &Asker::local(), None, None).fits_nothing_of(&page)
        };
        assert!(of(Some("failed")) && of(Some("timeout")) && !of(Some("ok")) && !of(None));
    }
}
