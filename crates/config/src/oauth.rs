//! How to sign in to a declared server: `auth` and `oauth` of its entry, checked among each other
//! and expanded. Nothing here signs in.

use secrecy::SecretString;

use crate::config::{OAuth, Reach};
use crate::read::{Fields, Manner, Value, flag_of, text_of, texts_of};
use crate::server::{Work, owned};

/// `None` for a server that is not reached over HTTP or a WebSocket, where it is not wanted, and where the entry brings a header of its own.
pub(crate) fn oauth(work: &mut Work<'_>, reach: &Reach) -> Option<OAuth> {
    let section = work.field("oauth");
    // What another tool means by it is not ours to judge.
    let judged = work.declaration.raw.manner == Manner::Own;
    let (Reach::Http { headers, .. } | Reach::WebSocket { headers, .. }) = reach else {
        if !judged {
            return None;
        }
        for field in [work.field("auth"), section].into_iter().flatten() {
            work.problem(field.key_span, "`auth` and `oauth` go with a `url` of HTTP or a WebSocket");
        }
        return None;
    };
    let declared = match section.map(|field| &field.value) {
        Some(Value::Section(fields)) => read(work, fields),
        _ => OAuth::default(),
    };
    let wanted = text_of(work.field("auth")).is_none_or(|word| word.text != "none");
    let own = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    if let Some(field) = section
        && judged
        && (own || !wanted)
    {
        let message = if own { "`oauth` beside an Authorization header" } else { "`oauth` beside auth = \"none\"" };
        work.problem(field.key_span, &format!("{message} has no effect")).hint("keep one of them");
    }
    (wanted && !own).then_some(declared)
}

fn read(work: &mut Work<'_>, fields: &Fields) -> OAuth {
    let mut text = |name| text_of(fields.get(name)).map(|text| work.expand(text));
    let oauth = OAuth {
        client_id: text("client_id"),
        client_secret: text("client_secret").map(SecretString::from),
        issuer: text("issuer"),
        client_metadata_url: text("client_metadata_url"),
        scopes: owned(texts_of(fields.get("scopes"))),
        redirect_port: match fields.get("redirect_port").map(|field| &field.value) {
            Some(Value::Count(port)) => u16::try_from(*port).unwrap_or(0),
            _ => 0,
        },
        allow_private: flag_of(fields.get("allow_private")).unwrap_or(false),
        headless: flag_of(fields.get("headless")).unwrap_or(false),
    };
    for name in ["client_secret", "issuer"] {
        if let (Some(field), None, Manner::Own) = (fields.get(name), &oauth.client_id, work.declaration.raw.manner) {
            work.problem(field.key_span, &format!("`oauth.{name}` belongs to a `client_id`, which is not there"));
        }
    }
    if let (Some(url), Some(field)) = (&oauth.client_metadata_url, fields.get("client_metadata_url"))
        && !is_document_url(url)
    {
        work.problem(field.span, "`oauth.client_metadata_url` is not an https URL with a path");
    }
    for scope in texts_of(fields.get("scopes")) {
        let legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        if scope.text.is_empty() || !scope.text.bytes().all(legal) {
            work.problem(scope.span, "this cannot be a scope").hint("each is one word of its own in the list");
        }
    }
    oauth
}

fn is_document_url(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    uri.scheme_str() == Some("https") && uri.host().is_some() && uri.path() != "/"
}
