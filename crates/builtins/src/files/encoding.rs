//! Text to bytes and back, in the encodings of the web (WHATWG Encoding Standard). Nothing is
//! replaced silently: what does not fit is an error.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use protocol::tools::Failure;

/// How many bytes are looked at to say what an unreadable file is.
const SNIFF_BYTES: usize = 1024;

/// The encoding called `label`, also as Python calls it (`latin-1`, `utf_8`).
///
/// # Errors
/// There is none of that name.
pub(super) fn named(label: &str) -> Result<&'static Encoding, Failure> {
    let found = Encoding::for_label(label.as_bytes());
    let found = found.or_else(|| Encoding::for_label(label.replace('_', "-").as_bytes()));
    let found = found.or_else(|| Encoding::for_label(label.replace(['-', '_'], "").as_bytes()));
    // Decoders that turn everything into one replacement character are no encoding of a file.
    found.filter(|encoding| encoding.name() != "replacement").ok_or_else(|| {
        Failure::validation(format!("`{label}` is no known encoding"))
            .next("use utf-8, utf-16le, latin1, windows-1252, shift_jis, gbk, big5, euc-kr, koi8-r or the like")
    })
}

/// The text that `bytes` hold; a byte order mark is left out.
///
/// # Errors
/// They hold none in this encoding.
pub(super) fn decode(bytes: &[u8], encoding: &'static Encoding, path: &str) -> Result<String, Failure> {
    // The mark says which way round UTF-16 is written, whatever was asked for.
    let encoding = match Encoding::for_bom(bytes) {
        Some((marked, _)) if is_utf_16(encoding) && is_utf_16(marked) => marked,
        _ => encoding,
    };
    let (text, malformed) = encoding.decode_with_bom_removal(bytes);
    if !malformed {
        return Ok(text.into_owned());
    }
    let failure = Failure::validation(format!("`{path}` is not text in {}", encoding.name().to_lowercase()));
    let start = &bytes[..bytes.len().min(SNIFF_BYTES)];
    Err(match Encoding::for_bom(bytes) {
        Some((marked, _)) => failure.next(format!("try encoding={}", marked.name().to_lowercase())),
        None if start.contains(&0) => failure.next("it is a binary file; get_file_info tells its type"),
        None => failure.next("try another encoding, such as latin1"),
    })
}

/// The bytes of `text`.
///
/// # Errors
/// A character cannot be written in this encoding.
pub(super) fn encode(text: &str, encoding: &'static Encoding) -> Result<Vec<u8>, Failure> {
    if is_utf_16(encoding) {
        let units = text.encode_utf16();
        let little = encoding == UTF_16LE;
        return Ok(units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect());
    }
    let (bytes, _, unmappable) = encoding.encode(text);
    match unmappable {
        false => Ok(bytes.into_owned()),
        true => {
            let name = encoding.name().to_lowercase();
            Err(Failure::validation(format!("the content has characters that {name} cannot write"))
                .next(format!("use encoding={}", UTF_8.name().to_lowercase())))
        }
    }
}

fn is_utf_16(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_as_it_was_written() {
        for (label, text, bytes) in [
            ("utf-8", "grüße\0", "grüße\0".as_bytes()),
            ("utf_8", "a", b"a"),
            ("latin-1", "grüße", b"gr\xfc\xdfe"),
            ("utf-16le", "aü", b"a\0\xfc\0"),
            ("utf-16be", "aü", b"\0a\0\xfc"),
            ("shift_jis", "日本", b"\x93\xfa\x96\x7b"),
        ] {
            let encoding = named(label).unwrap();
            assert_eq!(encode(text, encoding).unwrap(), bytes, "{label}");
            assert_eq!(decode(bytes, encoding, "x").unwrap(), text, "{label}");
        }
        assert_eq!(decode(b"\xfe\xff\0a", named("utf-16").unwrap(), "x").unwrap(), "a", "the mark decides");
        assert_eq!(decode(b"\xef\xbb\xbfa", UTF_8, "x").unwrap(), "a");
    }

    #[test]
    fn what_does_not_fit_is_said() {
        assert!(named("klingon").is_err());
        assert!(encode("日本", named("latin1").unwrap()).is_err());
        let next = |bytes: &[u8]| decode(bytes, UTF_8, "x").unwrap_err().next.unwrap();
        assert!(next(b"\xff\xfea\0").contains("utf-16le"));
        assert!(next(b"\x89PNG\0\0").contains("binary"));
        assert!(next(b"gr\xfc").contains("latin1"));
    }
}
