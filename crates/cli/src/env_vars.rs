//! Every environment variable that the switchboard itself reads, in one list, from which the
//! reference is generated. Variables of servers are the configuration's business.

/// A variable and what it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EnvVar {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does, in one sentence.
    pub(crate) about: &'static str,
}

macro_rules! variables {
    ($($name:ident $text:literal $about:literal;)*) => {
        $(#[doc = $about] pub(crate) const $name: &str = $text;)*

        /// Every variable, in the order of the documentation.
        pub(crate) const ALL: &[EnvVar] = &[$(EnvVar { name: $text, about: $about },)*];
    };
}

variables! {
    CONFIG "SWITCHBOARD_CONFIG" "Configuration files, separated by `:`, as if each were named with `--config`.";
    DATA "SWITCHBOARD_DATA" "The folder that holds all state of this instance, as `--data`.";
    LISTEN "SWITCHBOARD_LISTEN" "Address of the HTTP listener, as `--listen`; stronger than the files.";
    BUILTINS "SWITCHBOARD_BUILTINS" "Servers inside this program that are offered without an entry, separated by commas; stronger than `builtins` of the files, empty for none.";
    BACKUP_PASSPHRASE "SWITCHBOARD_BACKUP_PASSPHRASE" "Seals the secrets of backups, and opens them, where no `--passphrase-file` is given.";
    JSON "SWITCHBOARD_JSON" "Anything but empty, `0`, `false` or `no`: print JSON, as `--json`.";
    QUIET "SWITCHBOARD_QUIET" "Anything but empty, `0`, `false` or `no`: print only data and errors, as `-q`.";
    VERBOSE "SWITCHBOARD_VERBOSE" "`1` or `2`: say more, as `-v` and `-vv`.";
    NO_COLOR "NO_COLOR" "Anything but empty: no colour, even on a terminal.";
    TERM "TERM" "`dumb`: no colour.";
    DISPLAY "DISPLAY" "Whether there is a screen for a browser, where the system has one through this.";
    WAYLAND_DISPLAY "WAYLAND_DISPLAY" "The same.";
    STATE_HOME "XDG_STATE_HOME" "Where the default data folder lies; `~/.local/state` where it is not set.";
    CONFIG_HOME "XDG_CONFIG_HOME" "Where the user's `switchboard/switchboard.toml` lies; `~/.config` where it is not set.";
    OTLP_URL "OTEL_EXPORTER_OTLP_ENDPOINT" "Where traces of calls go, where `telemetry.otlp_url` does not say.";
    OTLP_HEADERS "OTEL_EXPORTER_OTLP_HEADERS" "Headers for the collector, where `telemetry.otlp_headers` does not say.";
    OTEL_NAME "OTEL_SERVICE_NAME" "The name of this service in traces, where `telemetry.service_name` does not say.";
    NOTIFY_SOCKET "NOTIFY_SOCKET" "Where the daemon tells systemd that it is ready, reloads and ends; set by systemd.";
    WATCHDOG_USEC "WATCHDOG_USEC" "How often systemd wants to hear that the daemon lives, in microseconds; set by systemd.";
    WATCHDOG_PID "WATCHDOG_PID" "The process that the watchdog is about; set by systemd.";
    LISTEN_PID "LISTEN_PID" "The process that sockets are handed to; set by systemd.";
    LISTEN_FDS "LISTEN_FDS" "How many sockets are handed to the daemon, from descriptor 3 on; set by systemd.";
    LISTEN_FDNAMES "LISTEN_FDNAMES" "Their names, separated by `:`: `http`, `tcp`, or anything else; set by systemd.";
    PATH "PATH" "Where programs are looked for, and whether `aliases install` put its names where a shell finds them.";
    RUNTIME_DIR "XDG_RUNTIME_DIR" "Where sockets go whose path in the data folder would be longer than 100 bytes.";
}

const _: &str = LISTEN;
const _: &str = BUILTINS;
const _: [&str; 3] = [OTLP_URL, OTLP_HEADERS, OTEL_NAME];
const _: &str = CONFIG_HOME;
