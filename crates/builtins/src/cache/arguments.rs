//! What the tools are told. Comments on fields become descriptions that models read: few words.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Set {
    pub(super) key: String,
    /// Text or JSON.
    pub(super) value: Value,
    /// Seconds; else it stays.
    pub(super) ttl: Option<i64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Key {
    pub(super) key: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Keys {
    pub(super) keys: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Expire {
    pub(super) key: String,
    /// From now.
    pub(super) seconds: i64,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Find {
    /// Such as user:*
    pub(super) pattern: Option<String>,
    /// Default 1000.
    pub(super) limit: Option<i64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Scan {
    /// 0, then as answered.
    pub(super) cursor: Option<i64>,
    /// Pattern.
    #[serde(rename = "match")]
    pub(super) pattern: Option<String>,
    /// About how many; default 10.
    pub(super) count: Option<i64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Mset {
    /// Keys and values.
    pub(super) data: Map<String, Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Count {
    pub(super) key: String,
    /// Default 1.
    pub(super) amount: Option<i64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Nothing {}
