//! The words of results that were cut.

use super::*;

#[test]
fn the_sentence_and_the_definition_cost_little() {
    let cursor = "x".repeat(100);
    let (said, meta) = read_on("123456 tokens", &cursor);
    assert!(said.contains(&cursor) && meta["cursor"] == cursor.as_str());
    let sealer = protocol::seal::Sealer::new(&[1; 32], &[2; 32]);
    let cursor = sealer.seal(binding(&Principal::new("me")), &[7; 16], u64::MAX).unwrap();
    let (said, _) = read_on("about 123456789 tokens", &cursor);
    assert!(tokens::count(&said) <= SENTENCE_TOKENS, "{}", tokens::count(&said));
    assert!(tokens::fits(&definition().to_string(), 100), "{}", tokens::count(&definition().to_string()));
}

#[test]
fn there_is_room_for_the_sentence_and_never_for_nothing() {
    assert_eq!([room(1), room(100), room(10_000)], [1, 50, 10_000 - SENTENCE_TOKENS]);
    assert_eq!((left("word"), left("")), ("1 token".to_owned(), "0 tokens".to_owned()));
    assert!(left(&"word ".repeat(100_000)).starts_with("about 1"));
}
