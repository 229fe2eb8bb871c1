//! What holds on both databases.

mod backup;

mod documents;

mod log;

mod records;

mod transactions;
