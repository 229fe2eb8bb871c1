//! The table of classes is what the `regex` crate says; `TOKENS_WRITE=1` writes it.

use super::*;
use regex::Regex;
use std::path::Path;

#[test]
fn the_table_of_classes_is_that_of_the_pattern() {
    let patterns = [r"[\p{Lu}\p{Lt}]", r"\p{Ll}", r"[\p{Lm}\p{Lo}]", r"\p{M}", r"\p{N}", r"[\s&&[^\r\n]]", r"[\r\n]"];
    let patterns: Vec<Regex> = patterns.iter().map(|pattern| Regex::new(&format!("^{pattern}$")).unwrap()).collect();
    let (mut made, mut former) = (Vec::new(), None);
    for character in '\0'..=char::MAX {
        let mut bytes = [0; 4];
        let text = character.encode_utf8(&mut bytes);
        let class = patterns.iter().position(|pattern| pattern.is_match(text)).unwrap_or(7);
        let class = u32::try_from(class).unwrap();
        if former.replace(class) != Some(class) {
            made.extend(((u32::from(character) << 3) | class).to_le_bytes());
        }
        if character.is_ascii() {
            assert_eq!(ascii(bytes[0]) as u32, class, "{character:?}");
        }
    }
    if std::env::var_os("TOKENS_WRITE").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/classes.bin");
        std::fs::write(path, &made).unwrap();
        return;
    }
    assert!(made == CLASSES, "assets/classes.bin is another: TOKENS_WRITE=1 cargo nextest run -p tokens writes it");
    for (character, class) in [('ſ', Lower), ('字', Letter), ('\u{301}', Mark), ('٣', Number), ('\u{2028}', Space)] {
        assert_eq!(looked_up(character), class);
    }
}

#[test]
fn pieces_are_those_of_the_pattern() {
    let check = |text: &str, pieces: &[&str]| assert_eq!(of(text).collect::<Vec<_>>(), pieces, "{text:?}");
    check("", &[]);
    check("Don't stop", &["Don't", " stop"]);
    check("getHTTPHeader", &["get", "HTTPHeader"]);
    check("a  b", &["a", " ", " b"]);
    check("a \n\n  b  ", &["a", " \n\n", " ", " b", "  "]);
    check("12345", &["123", "45"]);
    check("!!\n/x", &["!!\n/", "x"]);
    check("x = {\"a\": 1}\r\n", &["x", " =", " {\"", "a", "\":", " ", "1", "}\r\n"]);
    check("\u{301}AB", &["\u{301}", "AB"]);
}
