//! JSON-RPC batches of clients up to 2025-03-26: an array is cut into its messages, which are then
//! read one by one as if they had come alone. Who may send one is decided elsewhere.

use crate::scan::{self, ScanError, ScanErrorKind};
use crate::{Error, ErrorKind};
use bytes::Bytes;

/// Why bytes are no batch that we accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Not JSON, or no array.
    #[error("not a valid batch: {0}")]
    Json(#[from] ScanError),
    /// Nothing in it.
    #[error("a batch has at least one message")]
    Empty,
    /// More in it than allowed.
    #[error("a batch has at most {items_max} messages (limit `batch_max`)")]
    TooMany {
        /// The limit.
        items_max: usize,
    },
}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        match &error {
            BatchError::Json(_) => Self::new(ErrorKind::Parse, error.to_string()),
            BatchError::Empty => Self::new(ErrorKind::InvalidRequest, error.to_string()),
            BatchError::TooMany { .. } => Self::new(ErrorKind::InvalidRequest, error.to_string())
                .hint("send several smaller batches or raise limits.batch_max"),
        }
    }
}

/// Cuts an array into its values, each a slice of `bytes`. A value may nest `depth_max` deep.
///
/// # Errors
/// See [`BatchError`]; nothing is kept of an array that is too long.
pub fn split_batch(bytes: &Bytes, depth_max: u32, items_max: usize) -> Result<Vec<Bytes>, BatchError> {
    scan::check_utf8(bytes)?;
    let unexpected = |at| ScanError {
        at,
        kind: if at < bytes.len() { ScanErrorKind::Unexpected } else { ScanErrorKind::Truncated },
    };
    let mut at = scan::blanks(bytes, 0);
    if bytes.get(at) != Some(&b'[') {
        return Err(unexpected(at).into());
    }
    let mut items = Vec::new();
    at = scan::blanks(bytes, at + 1);
    if bytes.get(at) == Some(&b']') {
        return Err(BatchError::Empty);
    }
    loop {
        let end = scan::value(bytes, at, depth_max)?;
        if items.len() == items_max {
            return Err(BatchError::TooMany { items_max });
        }
        items.push(bytes.slice(at..end));
        at = scan::blanks(bytes, end);
        match bytes.get(at) {
            Some(b',') => at = scan::blanks(bytes, at + 1),
            Some(b']') => break,
            _ => return Err(unexpected(at).into()),
        }
    }
    let rest = scan::blanks(bytes, at + 1);
    if rest < bytes.len() {
        return Err(ScanError { at: rest, kind: ScanErrorKind::Trailing }.into());
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &'static str) -> Result<Vec<Bytes>, BatchError> {
        split_batch(&Bytes::from_static(text.as_bytes()), 4, 3)
    }

    #[test]
    fn an_array_is_cut_into_its_values() {
        assert_eq!(split(r#" [ {"a":[1]} , 7,"x"] "#).unwrap(), [&br#"{"a":[1]}"#[..], b"7", b"\"x\""]);
        assert_eq!(split("[]").unwrap_err(), BatchError::Empty);
        assert_eq!(split("[1,2,3,4]").unwrap_err(), BatchError::TooMany { items_max: 3 });
        for text in ["", "{}", "[", "[1", "[1,", "[1,]", "[1]x", "[1 2]", "[[[[[[1]]]]]]"] {
            assert!(matches!(split(text), Err(BatchError::Json(_))), "{text}");
        }
    }
}
