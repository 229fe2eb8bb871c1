//! What holds on both databases.

mod documents;

mod log;

mod records;

mod transactions;
