//! What the store promises, on every database that it knows, and the cache in both its places.

mod base;

mod cache_faults;

mod cache_same;

mod contract;
