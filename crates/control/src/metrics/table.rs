//! Every metric of `/metrics`, once: name, type, labels, meaning. The answer and `docs/metrics.md` are made
//! of this table; what is not in it is not told.
//!
//! Labels have few values: servers that are declared, tools that were called, outcomes, states. Who calls
//! and what with is no label.

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, as it is asked for in Prometheus.
    pub name: &'static str,
    /// Its type.
    pub kind: MetricKind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it counts, in which unit.
    pub what: &'static str,
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only ever rises, but for restarts of the daemon.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts in buckets of seconds.
    Histogram,
}

impl MetricKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

const fn counter(name: &'static str, labels: &'static [&'static str], what: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, what }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], what: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, what }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], what: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, labels, what }
}

/// The metrics, in the order in which they are told.
pub const METRICS: &[Metric] = &[
    counter(
        "switchboard_calls_total",
        &["server", "outcome"],
        "Calls that ended: ok, tool_error, input_required, abandoned, or the kind of the error; `-` is no server",
    ),
    histogram("switchboard_call_duration_seconds", &["server"], "How long calls took, from the request to the answer"),
    counter(
        "switchboard_stage_seconds_total",
        &["stage"],
        "Time that calls spent in each stage: authn, listener, route, policy, wait, upstream, finish",
    ),
    counter(
        "switchboard_errors_total",
        &["kind"],
        "Calls that failed, by kind (docs/errors.md); tool_error is a tool's own",
    ),
    counter("switchboard_cached_calls_total", &["server"], "Calls that were answered without calling the server"),
    counter("switchboard_call_bytes_total", &["direction"], "Bytes of parameters (in) and of results (out)"),
    gauge("switchboard_calls_in_flight", &["server"], "Calls that a server has now, or that wait for a place with it"),
    gauge("switchboard_calls_parked", &[], "Calls that wait for the answer of a person"),
    gauge("switchboard_server_up", &["server"], "1 where calls can be served at once, else 0"),
    gauge("switchboard_server_state", &["server", "state"], "1 for the state that a server is in"),
    gauge("switchboard_server_health", &["server", "level"], "1 for the level of health that a server has"),
    gauge("switchboard_breaker_open", &["server"], "1 where calls are refused since the server failed too often"),
    counter("switchboard_server_restarts_total", &["server"], "Times that a server was started again"),
    counter("switchboard_server_noise_lines_total", &["server"], "Lines on stdout that were no messages"),
    gauge("switchboard_sessions", &[], "Sessions of clients of the older revisions"),
    gauge("switchboard_subscriptions", &[], "Open streams of changes"),
    counter("switchboard_cache_hits_total", &["server"], "Results that were kept and given again"),
    counter(
        "switchboard_cache_misses_total",
        &["server"],
        "Calls of tools whose results are kept, that had to be made",
    ),
    gauge("switchboard_catalog_tools", &["server"], "Tools that are offered"),
    gauge(
        "switchboard_catalog_tokens",
        &["server"],
        "Tokens that the definitions of its tools take (o200k vocabulary)",
    ),
    counter(
        "switchboard_cache_broken_tokens_total",
        &[],
        "Tokens of lists that a session had read and got another of: at least so much of its prompt was read anew",
    ),
    counter(
        "switchboard_records_dropped_total",
        &[],
        "Records of calls that were lost: the store was too slow or failed",
    ),
    counter("switchboard_log_lines_dropped_total", &[], "Lines of servers' logs that were lost: the disk was too slow"),
    counter(
        "switchboard_log_events_dropped_total",
        &[],
        "Events of the daemon's own log that were lost for the same reason",
    ),
    counter("switchboard_spans_sent_total", &[], "Spans that the collector took"),
    counter("switchboard_spans_dropped_total", &[], "Spans that were lost: the collector was too slow or refused them"),
    gauge("switchboard_build_info", &["version"], "1, with the version of the daemon"),
    gauge("switchboard_uptime_seconds", &[], "Time since the daemon was started"),
    counter("mcp_tool_calls_total", &["tool_name", "status"], "Calls of tools by their own names: success or error"),
    histogram("mcp_tool_duration_seconds", &["tool_name"], "How long calls of tools took"),
    gauge("mcp_active_connections", &[], "Sessions and open streams of changes together"),
    counter("process_cpu_seconds_total", &[], "CPU time of the daemon, user and system"),
    gauge("process_resident_memory_bytes", &[], "Memory that the daemon holds"),
    gauge("process_virtual_memory_bytes", &[], "Address space of the daemon"),
    gauge("process_open_fds", &[], "Open file descriptors of the daemon"),
    gauge("process_max_fds", &[], "The most file descriptors that it may have"),
    gauge("process_threads", &[], "Threads of the daemon"),
    gauge("process_start_time_seconds", &[], "When the daemon was started, in seconds since 1970"),
];
