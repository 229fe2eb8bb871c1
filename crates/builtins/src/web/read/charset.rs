//! Bytes as text: which charset they are in, as browsers find out (WHATWG Encoding, HTML section 13.2.3).
//!
//! It deliberately guesses no language: what says nothing and is not UTF-8 is windows-1252.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// How much of a page is searched for what it says of itself, in bytes.
const PRESCAN_BYTES: usize = 4096;

/// The text of `body`, and the name of its charset. `said` is the `Content-Type` it came with.
pub(super) fn decode(body: &[u8], said: Option<&str>) -> (String, &'static str) {
    let charset = Encoding::for_bom(body)
        .map(|(encoding, _)| encoding)
        .or_else(|| said.and_then(parameter).and_then(|label| Encoding::for_label(label.as_bytes())))
        .or_else(|| declared(&body[..body.len().min(PRESCAN_BYTES)]))
        .unwrap_or_else(|| if is_utf8(body) { UTF_8 } else { WINDOWS_1252 });
    let (text, charset, _) = charset.decode(body);
    (text.into_owned(), charset.name())
}

/// Whether it is UTF-8, as far as it goes: a body that was cut may end within a character.
fn is_utf8(body: &[u8]) -> bool {
    match std::str::from_utf8(body) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && !body[..error.valid_up_to()].is_ascii(),
    }
}

/// `charset=` of a content type.
fn parameter(content_type: &str) -> Option<&str> {
    let parameters = content_type.split(';').skip(1);
    let pairs = parameters.filter_map(|one| one.split_once('='));
    let (_, label) = pairs.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(label.trim().trim_matches(['"', '\'']))
}

/// What the start of a page says of its charset: in a `meta` element or an XML declaration.
fn declared(start: &[u8]) -> Option<&'static Encoding> {
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    let xml = start.trim_start().strip_prefix("<?xml").and_then(|rest| rest.split("?>").next());
    if let Some(label) = xml.and_then(|head| value(head, "encoding")) {
        return Encoding::for_label(label.as_bytes());
    }
    let metas = start.split("<meta").skip(1).filter_map(|rest| rest.split('>').next());
    let label = metas.filter_map(|meta| value(meta, "charset")).next()?;
    let encoding = Encoding::for_label(label.as_bytes())?;
    // Whoever could read this far did not read UTF-16.
    Some(if encoding.is_ascii_compatible() { encoding } else { UTF_8 })
}

fn value(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(name)?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    let ends = |character: char| character.is_whitespace() || matches!(character, '"' | '\'' | ';' | '>' | '/');
    let label = rest.split(ends).next()?;
    (!label.is_empty()).then(|| label.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charset_is_found_as_browsers_find_it() {
        let check = |body: &[u8], said: Option<&str>, text: &str, name: &str| {
            assert_eq!(decode(body, said), (text.to_owned(), Encoding::for_label(name.as_bytes()).unwrap().name()));
        };
        check("é".as_bytes(), None, "é", "utf-8");
        check(b"\xe9", None, "é", "windows-1252");
        check(b"\xef\xbb\xbfx", Some("text/html; charset=iso-8859-2"), "x", "utf-8");
        check(b"\xff\xfex\0", None, "x", "utf-16le");
        check(b"\xb1", Some("text/html; charset=\"ISO-8859-2\""), "ą", "iso-8859-2");
        check(b"<meta charset='koi8-r'>\xc1", Some("text/html"), "<meta charset='koi8-r'>а", "koi8-r");
        let meta = b"<META http-equiv=Content-Type content=\"text/html; charset=shift_jis\">\x82\xa0";
        assert!(decode(meta, None).0.ends_with('あ'));
        check(
            b"<?xml version='1.0' encoding='iso-8859-5'?>\xd0",
            None,
            "<?xml version='1.0' encoding='iso-8859-5'?>а",
            "iso-8859-5",
        );
        check(b"<meta charset=utf-16>x", None, "<meta charset=utf-16>x", "utf-8");
        check(&"éé".as_bytes()[..3], None, "é\u{fffd}", "utf-8");
        check(b"x", Some("text/html; charset=nonsense"), "x", "utf-8");
    }
}
