//! Skills of several servers behind one endpoint (protocol.md section 1.18): the lists of all are
//! joined, and what a URI names that no list of resources has is asked of each in turn.
//!
//! Nothing is remembered: a skill belongs to the first server, by name, that knows it.

use crate::Scope;
use crate::call::{Target, method_not_found, server, view};
use crate::catalog::View;
use crate::gateway::{Gateway, Snapshot};
use crate::policy::Action;
use crate::record::Open;
use crate::server::Server;
use protocol::{Call, Error, ErrorKind, Object, Raw, Reply, Text, meta};
use std::collections::HashSet;
use std::sync::Arc;

/// How many servers are asked for one thing.
const SERVERS_MAX: usize = 64;
/// The member of `skills/list` that holds the items.
const SKILLS: &str = "skills";

impl Gateway {
    /// `skills/list`: of the only server as it says, of several joined into one page.
    ///
    /// # Errors
    /// -32601 where no server has skills; the first failure when every server failed.
    pub(crate) async fn call_every(&self, scope: &Scope, call: Call) -> Reply {
        let snapshot = self.snapshot.load_full();
        let view = view(&snapshot, scope)?;
        if let [only] = &view.servers[..] {
            return self.ask(server(&snapshot, only)?, call).await;
        }
        let servers = with_skills(&snapshot, &view);
        if servers.is_empty() {
            return Err(method_not_found(&call.method));
        }
        let pages_max = snapshot.config.limits.list_pages_max;
        let lists = servers.iter().map(|server| self.read_all(server, &call, pages_max));
        let lists = futures_util::future::join_all(lists).await;
        join(lists, snapshot.config.limits.list_items_max)
    }

    /// Asks one server, with a record of its own.
    async fn ask(&self, server: &Arc<Server>, call: Call) -> Reply {
        let context = &call.context;
        let mut record =
            self.records.open(&call.method, &context.principal, context.era().as_str(), call.params.size());
        let target = Target { server: server.clone(), own: call.method.clone(), action: Action::Ask, route: None };
        let reply = self.send(target, "", call, &mut record).await;
        match &reply {
            Ok(result) => record.ended("ok", result.size()),
            Err(error) => record.failed(error.kind, error.cause.clone()),
        }
        reply
    }

    /// All pages of one server as one; the hints of the first page count.
    async fn read_all(&self, server: &Arc<Server>, call: &Call, pages_max: usize) -> Reply {
        let mut call = call.clone();
        call.params.remove("cursor");
        let mut whole = self.ask(server, call.clone()).await?;
        let mut items: Vec<Raw> = whole.get(SKILLS).and_then(|items| items.read().ok()).unwrap_or_default();
        let mut next = whole.remove("nextCursor");
        for _ in 1..pages_max {
            let Some(cursor) = next.take().filter(|cursor| !cursor.is_null()) else { break };
            call.params.set("cursor", cursor);
            let mut page = self.ask(server, call.clone()).await?;
            let more: Vec<Raw> = page.get(SKILLS).and_then(|items| items.read().ok()).unwrap_or_default();
            items.extend(more);
            next = page.remove("nextCursor");
        }
        whole.set(SKILLS, Raw::array(&items.iter().collect::<Vec<_>>()));
        Ok(whole)
    }

    /// A URI that no list or template has: the servers with skills are asked in turn, since their
    /// files are read like resources.
    ///
    /// # Errors
    /// Unknown, when none of them knows it; else what the server that knows it says.
    pub(crate) async fn call_unlisted(
        &self,
        snapshot: &Snapshot,
        view: &View,
        uri: &Text,
        call: Call,
        record: &mut Open,
    ) -> Reply {
        let mut failed = None;
        for server in with_skills(snapshot, view) {
            let target = Target { server, own: uri.clone(), action: Action::ReadResource, route: None };
            match self.send(target, uri, call.clone(), record).await {
                Err(error) if is_not_there(&error) => {}
                // Another may know it; if none does, this one might have.
                Err(error) => failed = failed.or(Some(error)),
                reply => return reply,
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let message = format!("no server lists the resource `{uri}` or a template that fits it");
        Err(Error::new(ErrorKind::UnknownName, message)
            .data(Raw::of(&serde_json::json!({"uri": &**uri, "kind": "unknown_name"}))))
    }
}

fn with_skills(snapshot: &Snapshot, view: &View) -> Vec<Arc<Server>> {
    let servers = view.servers.iter().filter_map(|name| snapshot.servers.get(name));
    let able = servers.filter(|server| {
        let capabilities = Object::of(&server.catalog().capabilities).unwrap_or_default();
        capabilities.object("extensions").is_some_and(|extensions| extensions.get(meta::SKILLS_EXTENSION).is_some())
    });
    able.take(SERVERS_MAX).cloned().collect()
}

/// One list of all that were read: what only some servers say about caching is left out.
fn join(lists: Vec<Reply>, items_max: usize) -> Reply {
    let mut failed = None;
    let (mut items, mut seen, mut ttl_ms, mut read) = (Vec::new(), HashSet::new(), u64::MAX, 0_usize);
    for list in lists {
        match list {
            Err(error) => failed = failed.or(Some(error)),
            Ok(list) => {
                read += 1;
                ttl_ms = ttl_ms.min(list.get("ttlMs").and_then(|ttl| ttl.read().ok()).unwrap_or(0));
                let of_one: Vec<Raw> = list.get(SKILLS).and_then(|items| items.read().ok()).unwrap_or_default();
                items.extend(of_one.into_iter().filter(|item| {
                    let uri = Object::of(item).ok().and_then(|item| item.text("uri"));
                    uri.is_none_or(|uri| seen.insert(uri))
                }));
            }
        }
    }
    match failed {
        Some(error) if read == 0 => return Err(error),
        // A partial list is read again soon.
        Some(_) => ttl_ms = 0,
        None => {}
    }
    items.truncate(items_max);
    let mut joined: Object = [(SKILLS, Raw::array(&items.iter().collect::<Vec<_>>()))].into_iter().collect();
    joined.set_json("ttlMs", &ttl_ms);
    joined.set("cacheScope", Raw::from_static("\"private\""));
    Ok(joined)
}

/// The server knows no such URI, or not the method.
fn is_not_there(error: &Error) -> bool {
    error.kind == ErrorKind::Upstream && [-32601, -32602, -32002].contains(&error.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(json: &'static str) -> Reply {
        Ok(Object::of(&Raw::from_static(json)).unwrap())
    }

    #[test]
    fn lists_are_joined_and_the_first_of_a_uri_wins() {
        let one = r#"{"skills":[{"uri":"skill://a","n":1}],"ttlMs":5000,"cacheScope":"public"}"#;
        let two = r#"{"skills":[{"uri":"skill://a","n":2},{"uri":"skill://b"}],"ttlMs":900}"#;
        assert_eq!(
            join(vec![list(one), list(two)], 10).unwrap().to_raw().as_str(),
            r#"{"skills":[{"uri":"skill://a","n":1},{"uri":"skill://b"}],"ttlMs":900,"cacheScope":"private"}"#
        );
        let failure = || Err(Error::new(ErrorKind::UpstreamDown, "down"));
        let partial = join(vec![failure(), list(one)], 10).unwrap();
        assert_eq!(partial.get("ttlMs").unwrap().as_str(), "0");
        assert!(join(vec![failure(), failure()], 10).is_err());
        assert_eq!(join(vec![list(two)], 1).unwrap().get("skills").unwrap().as_str(), r#"[{"uri":"skill://a","n":2}]"#);
    }
}
