//! The samples of one scrape, and how they are written: OpenMetrics 1.0 by `prometheus-client`, and the
//! older text format of Prometheus, which differs in a few lines.

use super::calls::{BUCKETS, Durations, seconds};
use super::table::{METRICS, Metric, MetricKind};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::fmt;

/// Values of labels, in the order of the table.
type Labels = Vec<(&'static str, String)>;

/// The samples of a scrape.
#[derive(Debug, Default)]
pub(super) struct Sheet(HashMap<&'static str, Vec<(Labels, Value)>>);

#[derive(Debug)]
enum Value {
    Number(f64),
    Durations(Box<Durations>),
}

// === impl Sheet ===

impl Sheet {
    /// A number for the metric called `name`.
    pub(super) fn number<const N: usize>(&mut self, name: &'static str, labels: [&str; N], value: f64) {
        self.add(name, labels, Value::Number(value));
    }

    /// The durations for a histogram.
    pub(super) fn durations<const N: usize>(&mut self, name: &'static str, labels: [&str; N], value: Durations) {
        self.add(name, labels, Value::Durations(Box::new(value)));
    }

    fn add<const N: usize>(&mut self, name: &'static str, labels: [&str; N], value: Value) {
        let metric = METRICS.iter().find(|metric| metric.name == name);
        debug_assert!(metric.is_some_and(|metric| metric.labels.len() == N), "{name}");
        let Some(metric) = metric else { return };
        let labels = metric.labels.iter().copied().zip(labels.map(str::to_owned)).collect();
        self.0.entry(metric.name).or_default().push((labels, value));
    }

    /// The scrape as OpenMetrics 1.0.
    pub(super) fn open_metrics(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut out = String::with_capacity(16 * 1024);
        text::encode(&mut out, &registry)?;
        Ok(out)
    }
}

impl Collector for Sheet {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in METRICS {
            let family = family(metric);
            let kind = match metric.kind {
                MetricKind::Counter => MetricType::Counter,
                MetricKind::Gauge => MetricType::Gauge,
                MetricKind::Histogram => MetricType::Histogram,
            };
            let mut of_metric = encoder.encode_descriptor(family, metric.what, None, kind)?;
            for (labels, value) in self.0.get(metric.name).into_iter().flatten() {
                match labels.is_empty() {
                    true => write(&mut of_metric, metric.kind, value)?,
                    false => write(&mut of_metric.encode_family(labels)?, metric.kind, value)?,
                }
            }
        }
        Ok(())
    }
}

fn write(encoder: &mut MetricEncoder<'_>, kind: MetricKind, value: &Value) -> fmt::Result {
    match (kind, value) {
        (MetricKind::Counter, Value::Number(value)) => encoder.encode_counter::<NoLabelSet, _, f64>(value, None),
        (_, Value::Number(value)) => encoder.encode_gauge(value),
        (_, Value::Durations(durations)) => {
            let buckets: Vec<_> = BUCKETS.into_iter().zip(durations.buckets).collect();
            encoder.encode_histogram::<NoLabelSet>(seconds(durations.sum_us), durations.count(), &buckets, None)
        }
    }
}

/// The name of a metric without what is added to each sample of a counter.
fn family(metric: &Metric) -> &'static str {
    metric.name.strip_suffix("_total").filter(|_| metric.kind == MetricKind::Counter).unwrap_or(metric.name)
}

/// The text format of Prometheus 0.0.4: counters are called what their samples are, and there is no end.
pub(super) fn classic(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        let described = line.strip_prefix("# ").and_then(|rest| {
            let (word, rest) = rest.split_once(' ')?;
            let (name, rest) = rest.split_once(' ')?;
            let metric = METRICS.iter().find(|metric| family(metric) == name)?;
            Some(format!("# {word} {} {rest}", metric.name))
        });
        out.push_str(described.as_deref().unwrap_or(line));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_others_chose_cannot_leave_their_quotes() {
        let mut sheet = Sheet::default();
        sheet.number("switchboard_server_up", ["a\"} 1\nevil{x=\"\\"], 1.0);
        let text = sheet.open_metrics().unwrap();
        let line = text.lines().find(|line| line.starts_with("switchboard_server_up{")).unwrap();
        assert_eq!(line, r#"switchboard_server_up{server="a\"} 1\nevil{x=\"\\"} 1.0"#);
        assert!(!text.lines().any(|line| line.starts_with("evil")));
    }

    #[test]
    fn both_formats_name_counters_their_way() {
        let mut sheet = Sheet::default();
        sheet.number("switchboard_calls_total", ["s", "ok"], 3.0);
        sheet.durations("switchboard_call_duration_seconds", ["s"], Durations::default());
        let text = sheet.open_metrics().unwrap();
        assert!(
            text.contains("# TYPE switchboard_calls counter\nswitchboard_calls_total{server=\"s\",outcome=\"ok\"} 3"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"));
        let text = classic(&text);
        assert!(text.contains("# TYPE switchboard_calls_total counter\nswitchboard_calls_total{"), "{text}");
        assert!(text.contains("switchboard_call_duration_seconds_bucket{le=\"+Inf\",server=\"s\"} 0"), "{text}");
        assert!(!text.contains("# EOF") && text.contains("# TYPE switchboard_sessions gauge"), "{text}");
    }
}
