//! Reads a server's lists to the end, within bounds: pages, items and time all have a limit, and
//! a server that pages in a circle is noticed.

use crate::catalog::{Kind, ServerCatalog};
use crate::upstream::Connection;
use config::Limits;
use protocol::{Call, CallContext, Error, ErrorKind, Object, Principal, Raw, Text};
use std::collections::HashSet;

/// A list that was read.
pub(super) struct Read {
    pub(super) items: Vec<Raw>,
    pub(super) ttl_ms: Option<u64>,
    /// Why it is not whole.
    pub(super) cut: Option<String>,
}

/// Reads every list that the server advertises into `catalog`; returns what is not as it should
/// be, if anything.
pub(super) async fn read_all(
    link: &Connection,
    limits: &Limits,
    catalog: &mut ServerCatalog,
) -> Result<Option<String>, Error> {
    let advertised = Object::of(&link.handshake().capabilities).unwrap_or_default();
    let mut degraded = None;
    let mut ttl_ms: Option<u64> = None;
    let wanted = |kind: Kind| advertised.get(kind.capability()).is_some();
    let (tools, prompts, resources, templates) = futures_util::future::join4(
        read_if(wanted(Kind::Tools), link, Kind::Tools, limits),
        read_if(wanted(Kind::Prompts), link, Kind::Prompts, limits),
        read_if(wanted(Kind::Resources), link, Kind::Resources, limits),
        read_if(wanted(Kind::Templates), link, Kind::Templates, limits),
    )
    .await;
    for (kind, read) in Kind::ALL.into_iter().zip([tools?, prompts?, resources?, templates?]) {
        if read.items.is_empty() && !catalog.items(kind).is_empty() && wanted(kind) {
            degraded =
                Some(format!("{} is empty, though it listed {} before", kind.method(), catalog.items(kind).len()));
        }
        ttl_ms = [ttl_ms, read.ttl_ms].into_iter().flatten().min();
        degraded = read.cut.or(degraded);
        *catalog.items_mut(kind) = read.items;
    }
    catalog.ttl_ms = ttl_ms.unwrap_or(0);
    Ok(degraded)
}

async fn read_if(wanted: bool, link: &Connection, kind: Kind, limits: &Limits) -> Result<Read, Error> {
    if wanted { read(link, kind, limits).await } else { Ok(Read { items: Vec::new(), ttl_ms: None, cut: None }) }
}

/// Reads one list.
pub(super) async fn read(link: &Connection, kind: Kind, limits: &Limits) -> Result<Read, Error> {
    let mut read = Read { items: Vec::new(), ttl_ms: None, cut: None };
    let mut cursor: Option<Text> = None;
    let mut seen = HashSet::new();
    for page in 0.. {
        if page == limits.list_pages_max {
            read.cut = Some(format!(
                "{} has more than {page} pages (limit `list_pages_max`); the rest is not listed",
                kind.method()
            ));
            break;
        }
        let mut params = Object::new();
        if let Some(cursor) = &cursor {
            params.set_json("cursor", cursor);
        }
        let context = CallContext::internal(Principal::new("switchboard"));
        let call = Call { method: Text::from_static(kind.method()), params, context };
        let result = match link.call(call).await {
            Ok(result) => result,
            // Advertised but not implemented happens; it means there is nothing.
            Err(error) if error.code() == ErrorKind::MethodNotFound.row().code && page == 0 => break,
            Err(error) => return Err(error),
        };
        let items: Vec<Raw> = match result.get(kind.member()).map(Raw::read) {
            Some(Ok(items)) => items,
            _ => {
                return Err(Error::new(
                    ErrorKind::UpstreamInvalid,
                    format!("{} has no list `{}`", kind.method(), kind.member()),
                ));
            }
        };
        read.items.extend(items.into_iter().filter(Raw::is_object));
        if let Some(ttl) = result.get("ttlMs").and_then(|ttl| ttl.read::<u64>().ok()) {
            read.ttl_ms = Some(read.ttl_ms.map_or(ttl, |least| least.min(ttl)));
        }
        if read.items.len() > limits.list_items_max {
            read.items.truncate(limits.list_items_max);
            read.cut = Some(format!(
                "{} has more than {} items (limit `list_items_max`); the rest is not listed",
                kind.method(),
                limits.list_items_max
            ));
            break;
        }
        match result.text("nextCursor") {
            None => break,
            Some(next) if !seen.insert(next.clone()) => {
                read.cut = Some(format!("{} repeats a page; reading stopped there", kind.method()));
                break;
            }
            next => cursor = next,
        }
    }
    Ok(read)
}
