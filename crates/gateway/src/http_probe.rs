//! Asks a URL whether what is behind it is there, for the supervisor, which knows no HTTP.

use futures_util::future::BoxFuture;
use supervisor::services::Probe;

/// Asks over HTTP.
pub(crate) struct HttpProbe;

impl Probe for HttpProbe {
    fn http<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let target = outbound::relay::Target::parse(url).map_err(|error| error.to_string())?;
            let relay = outbound::relay::Relay::new(target);
            let headers = http::HeaderMap::new();
            let answer = relay.send(http::Method::GET, headers, outbound::relay::Payload::default()).await;
            let status = answer.map_err(|error| error.to_string())?.status();
            let well = status.is_success() || status.is_redirection();
            if well { Ok(()) } else { Err(format!("it is answered with HTTP {status}")) }
        })
    }
}
