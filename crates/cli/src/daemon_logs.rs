//! The daemon's own log as a thing that can be asked and told: which events are said, where they go, and
//! that nothing is left when the daemon ends. How an event looks is the business of `log_format.rs`.

use crate::context::Context;
use crate::log_format::{Look, filter};
use crate::log_output::{LogFile, LogSink};
use crate::report::Report;
use config::{Log, LogDirectives, LogFormat, Verbosity};
use control::DaemonLog;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::Layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, registry};

/// The log of this process.
#[derive(Debug)]
pub(crate) struct DaemonLogs {
    reload: reload::Handle<Targets, Registry>,
    state: Mutex<State>,
    /// How often `-v` was given.
    verbose: u8,
    /// What is said where the configuration does not say.
    usual: LogDirectives,
    sink: Option<LogSink>,
}

#[derive(Debug)]
struct State {
    /// In force.
    now: LogDirectives,
    /// What the configuration said last.
    configured: Option<LogDirectives>,
}

// === impl DaemonLogs ===

impl DaemonLogs {
    /// Says events from now on as the configuration wants it; `detached` from a person, into the file
    /// unless it says otherwise.
    ///
    /// # Errors
    /// The system refuses a thread, or there is no data folder.
    pub(crate) fn start(context: &Context, log: &Log, detached: bool) -> Result<Arc<Self>, Report> {
        let settings = &context.settings;
        let usual = only(if settings.quiet { Verbosity::Error } else { Verbosity::Info });
        let now = match settings.verbose {
            0 => log.level.clone().unwrap_or_else(|| usual.clone()),
            1 => only(Verbosity::Debug),
            2.. => only(Verbosity::Trace),
        };
        let in_file = log.file.unwrap_or(detached);
        let sink = in_file.then(|| sink(context, log)).transpose()?;
        let fields = settings.verbose > 0;
        let json = log.format == LogFormat::Json;
        // In the background stderr is the very file that the sink writes.
        let on_stderr = (!in_file || !detached).then(|| {
            let time = !std::io::stderr().is_terminal();
            let look = Look { printer: Some(context.printer.clone()), time, fields, json };
            Layer::default().with_writer(std::io::stderr).event_format(look)
        });
        let to_file = sink.clone().map(|sink| {
            let look = Look { printer: None, time: true, fields, json };
            Layer::default().with_writer(move || sink.clone()).event_format(look).with_ansi(false)
        });
        let (filter, reload) = reload::Layer::new(filter(&now, settings.verbose));
        // There is one subscriber in the life of a process; a second start changes nothing.
        let _ = registry().with(filter).with(on_stderr).with(to_file).try_init();
        let state = Mutex::new(State { now, configured: log.level.clone() });
        Ok(Arc::new(Self { reload, state, verbose: settings.verbose, usual, sink }))
    }

    /// Another configuration is in force. What a person set at run time holds until `log.level` changes.
    pub(crate) fn reconfigure(&self, log: &Log) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.configured == log.level {
            return;
        }
        state.configured = log.level.clone();
        if self.verbose == 0 {
            state.now = log.level.clone().unwrap_or_else(|| self.usual.clone());
            self.apply(&state.now);
        }
    }

    /// Waits until everything that was said is where it belongs.
    pub(crate) fn flush(&self) {
        self.sink.iter().for_each(LogSink::flush);
    }

    fn apply(&self, directives: &LogDirectives) {
        // The subscriber lives as long as the process.
        let _ = self.reload.reload(filter(directives, self.verbose));
    }
}

impl DaemonLog for DaemonLogs {
    fn filter(&self) -> String {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).now.to_string()
    }

    fn set_filter(&self, filter: &str) -> Result<(), String> {
        let wanted = LogDirectives::parse(filter)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.apply(&wanted);
        state.now = wanted;
        Ok(())
    }

    fn dropped(&self) -> u64 {
        self.sink.as_ref().map_or(0, LogSink::dropped)
    }
}

fn only(level: Verbosity) -> LogDirectives {
    LogDirectives { level, targets: Vec::new() }
}

fn sink(context: &Context, log: &Log) -> Result<LogSink, Report> {
    let place = LogFile {
        path: context.data_folder()?.daemon_log(),
        bytes_max: log.file_bytes_max as u64,
        files_max: u32::try_from(log.files_max).unwrap_or(u32::MAX),
    };
    LogSink::start(place).map_err(|error| Report::failed("the daemon's log cannot be written").cause(error))
}
