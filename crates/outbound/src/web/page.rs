//! What came back for one URL.
//!
//! It deliberately leaves the body as bytes: what they say is read elsewhere.

use super::WebError;
use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use url::Url;

/// An answer of the web.
#[derive(Debug, Clone)]
pub struct Page {
    /// The URL that answered, after all redirects.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, unpacked, at most as long as the bounds permit.
    pub body: Bytes,
    /// Whether the body goes on beyond what was read.
    pub cut: bool,
}

impl Page {
    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Where it redirects to.
    ///
    /// # Errors
    /// When it redirects to nowhere, or away from TLS.
    pub fn leads_to(&self) -> Result<Option<Url>, WebError> {
        if !matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let nowhere = |reason: &str| WebError::Redirect { from: self.url.to_string(), reason: reason.to_owned() };
        let location = self.headers.get(header::LOCATION).map(HeaderValue::as_bytes);
        let location = location.ok_or_else(|| nowhere("it names no Location"))?;
        let location = std::str::from_utf8(location).map_err(|_| nowhere("its Location is not UTF-8"))?;
        let next = self.url.join(location).map_err(|error| nowhere(&format!("its Location is no URL: {error}")))?;
        if self.url.scheme() == "https" && next.scheme() == "http" {
            return Err(WebError::Downgrade { from: self.url.to_string(), to: next.to_string() });
        }
        Ok(Some(next))
    }
}
