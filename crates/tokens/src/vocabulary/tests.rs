//! The file of ranks is what is made of the vocabulary of `tiktoken-rs`; `TOKENS_WRITE=1` writes it.

use super::*;
use std::path::Path;

fn made() -> Vec<u8> {
    let vocabulary = tiktoken_rs::o200k_base_singleton();
    let tokens: Vec<Vec<u8>> =
        (0..TOKENS).map(|rank| vocabulary.decode_bytes(&[u32::try_from(rank).unwrap()]).unwrap()).collect();
    let mut buckets: Vec<Vec<usize>> = vec![Vec::new(); 1 << BUCKET_BITS];
    for (rank, token) in tokens.iter().enumerate() {
        assert!(token.len() <= TOKEN_BYTES_MAX, "{rank}");
        let (bucket, mark) = places(token);
        buckets[bucket].push((mark << RANK_BITS) | rank);
    }
    let mut file = Vec::new();
    let mut write = |number: usize| file.extend(u32::try_from(number).unwrap().to_le_bytes());
    let mut start = 0;
    for bucket in &buckets {
        write(start);
        start += bucket.len();
    }
    write(start);
    for bucket in &mut buckets {
        bucket.sort_unstable();
        bucket.iter().for_each(|&entry| write(entry));
    }
    let mut start = 0;
    for (rank, token) in tokens.iter().enumerate() {
        if rank % BLOCK == 0 {
            write(start);
        }
        start += token.len();
    }
    file.extend(tokens.iter().map(|token| u8::try_from(token.len()).unwrap()));
    file.extend(tokens.iter().flatten());
    file
}

#[test]
fn the_file_is_made_of_the_vocabulary_and_every_token_is_found() {
    let made = made();
    if std::env::var_os("TOKENS_WRITE").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/o200k.bin");
        std::fs::write(path, &made).unwrap();
        return;
    }
    assert!(made == FILE, "assets/o200k.bin is another: TOKENS_WRITE=1 cargo nextest run -p tokens writes it");
    let longest = (0..TOKENS).map(|wanted| {
        let bytes = token(wanted).unwrap();
        assert_eq!(rank(bytes).map(|rank| rank as usize), Some(wanted));
        bytes.len()
    });
    assert_eq!(longest.max(), Some(TOKEN_BYTES_MAX));
    assert_eq!(rank(b""), None);
    assert_eq!(rank(&[b' '; TOKEN_BYTES_MAX + 1]), None);
}
