//! What the servers inside promise.
