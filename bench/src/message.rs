//! A JSON-RPC message, borrowed from the bytes that it was read from.
//!
//! It checks nothing beyond the shape: strictness is the product's, and would cost the yardstick.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The `_meta` key that marks a modern request.
pub const META_VERSION: &[u8] = b"io.modelcontextprotocol/protocolVersion";

/// A request, notification or response with its members left raw.
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// The id as it was written.
    #[serde(borrow)]
    pub id: Option<&'a RawValue>,
    /// Empty in a response.
    #[serde(borrow, default)]
    pub method: Cow<'a, str>,
    /// The parameters as they were written.
    #[serde(borrow)]
    pub params: Option<&'a RawValue>,
    /// The result as it was written.
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    /// The error as it was written.
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

impl Message<'_> {
    /// The id as JSON, `None` in a notification.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.map(RawValue::get)
    }
}

/// The parameters of `tools/call`.
#[derive(Debug, Deserialize)]
pub struct Call<'a> {
    /// The tool's name.
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    /// The arguments as they were written.
    #[serde(borrow)]
    pub arguments: Option<&'a RawValue>,
    /// The metadata as it was written.
    #[serde(borrow, rename = "_meta")]
    pub meta: Option<&'a RawValue>,
}
