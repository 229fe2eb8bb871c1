//! One request to the collector (OTLP 1.x over HTTP, binary protobuf): `POST {otlp_url}/v1/traces`.
//! What it cannot take now is offered again a few times; what it refuses is lost. That it fails is
//! said once, and that it works again.

use super::spans::text;
use bytes::Bytes;
use config::Telemetry;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use outbound::relay::{Payload, Relay, Target};
use prost::Message as _;
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long the collector may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Bytes of its answer that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Times that spans are offered.
const ATTEMPTS_MAX: u32 = 3;
/// The pause before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that a collector can ask for.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The collector, as it was last.
#[derive(Debug, Default)]
pub(super) struct Collector {
    relay: Option<(String, Arc<Relay>)>,
    failing: bool,
}

/// Why a request was in vain.
struct Refused {
    why: String,
    /// Whether it may be taken later, and when at the earliest.
    again: Option<Option<Duration>>,
}

// === impl Collector ===

impl Collector {
    /// Sends spans; says whether they were taken.
    pub(super) async fn send(&mut self, telemetry: &Telemetry, spans: Vec<Span>) -> bool {
        // Traces were switched off while these waited.
        let Some(url) = &telemetry.otlp_url else { return false };
        let body = Bytes::from(request(telemetry, spans).encode_to_vec());
        let mut pause = PAUSE;
        let mut attempt = 1;
        let refused = loop {
            let refused = match self.post(url, telemetry, body.clone()).await {
                Ok(()) => {
                    if std::mem::take(&mut self.failing) {
                        tracing::info!("traces are sent again");
                    }
                    return true;
                }
                Err(refused) => refused,
            };
            let Some(wait) = refused.again.filter(|_| attempt < ATTEMPTS_MAX) else { break refused };
            sleep(wait.unwrap_or(pause).min(PAUSE_MAX)).await;
            (attempt, pause) = (attempt + 1, pause * 2);
        };
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!("traces are lost, and counted: {}; look at telemetry.otlp_url", refused.why);
        }
        false
    }

    async fn post(&mut self, url: &str, telemetry: &Telemetry, body: Bytes) -> Result<(), Refused> {
        let relay = self.relay(url).map_err(|why| Refused { why, again: None })?;
        let headers = headers(telemetry.otlp_headers.as_ref().map(|text| text.expose_secret()));
        let sending = async {
            let answer = relay.send(Method::POST, headers, Payload::new([body].into())).await?;
            let (status, later) = (answer.status(), retry_after(answer.headers()));
            // Read to its end, so that the connection can be used again.
            let _ = answer.collect(ANSWER_BYTES_MAX).await;
            Ok::<_, outbound::relay::RelayError>((status, later))
        };
        match timeout(ANSWER_MAX, sending).await {
            Ok(Ok((status, _))) if status.is_success() => Ok(()),
            Ok(Ok((status, later))) => {
                let temporary = [
                    StatusCode::TOO_MANY_REQUESTS,
                    StatusCode::BAD_GATEWAY,
                    StatusCode::SERVICE_UNAVAILABLE,
                    StatusCode::GATEWAY_TIMEOUT,
                ];
                let again = temporary.contains(&status).then_some(later);
                Err(Refused { why: format!("the collector answers {status}"), again })
            }
            Ok(Err(error)) => Err(Refused { why: error.to_string(), again: Some(None) }),
            Err(_) => Err(Refused { why: format!("the collector is silent for {ANSWER_MAX:?}"), again: None }),
        }
    }

    fn relay(&mut self, url: &str) -> Result<Arc<Relay>, String> {
        match &self.relay {
            Some((known, relay)) if known == url => Ok(relay.clone()),
            _ => {
                let target = Target::parse(&format!("{url}/v1/traces")).map_err(|error| error.to_string())?;
                let relay = Relay::new(target);
                self.relay = Some((url.to_owned(), relay.clone()));
                Ok(relay)
            }
        }
    }
}

fn request(telemetry: &Telemetry, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes =
        vec![text("service.name", &telemetry.service_name), text("service.version", env!("CARGO_PKG_VERSION"))];
    let scope = InstrumentationScope {
        name: "switchboard".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource = Resource { attributes, ..Resource::default() };
    let resource_spans = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

/// The headers, with those that the configuration adds: `name=value,name=value`, values percent-encoded
/// (OpenTelemetry Protocol Exporter, "Specifying headers via environment variables").
fn headers(more: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("switchboard/", env!("CARGO_PKG_VERSION"))));
    for (name, value) in more.unwrap_or_default().split(',').filter_map(|pair| pair.split_once('=')) {
        let (name, value) = (name.trim().parse::<HeaderName>(), HeaderValue::from_bytes(&decoded(value.trim())));
        if let (Ok(name), Ok(mut value)) = (name, value) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    headers
}

/// A percent-encoded text.
fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(one) => {
                decoded.push(one);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_the_environment_writes_them() {
        let headers = headers(Some("authorization=Bearer%20a%2Bb, X-Scope=1,broken,=x,b d=1,c=%zz"));
        let of = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(of("authorization").as_deref(), Some("Bearer a+b"));
        assert_eq!((of("x-scope").as_deref(), of("c").as_deref()), (Some("1"), Some("%zz")));
        assert_eq!(headers.len(), 5);
        assert!(!format!("{headers:?}").contains("Bearer"), "secrets do not show");
    }
}
