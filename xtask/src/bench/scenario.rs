//! What is measured: the backends behind a contender, and the calls made through it.

/// Tools of one backend: `echo`, `payload` and six dummies.
pub(super) const TOOLS: usize = 8;
/// The dummies among them.
pub(super) const DUMMIES: usize = TOOLS - 2;

/// A set of backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scenario {
    Http,
    Stdio,
    Http10,
    Http50,
}

impl Scenario {
    pub(super) const ALL: [Self; 4] = [Self::Http, Self::Stdio, Self::Http10, Self::Http50];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Stdio => "stdio",
            Self::Http10 => "10 HTTP",
            Self::Http50 => "50 HTTP",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Http => "HTTP client to one HTTP backend",
            Self::Stdio => "HTTP client to one stdio backend",
            Self::Http10 => "HTTP client to 10 HTTP backends, 80 tools",
            Self::Http50 => "HTTP client to 50 HTTP backends, 400 tools",
        }
    }

    pub(super) fn backends(self) -> u16 {
        match self {
            Self::Http | Self::Stdio => 1,
            Self::Http10 => 10,
            Self::Http50 => 50,
        }
    }

    pub(super) fn tools(self) -> usize {
        TOOLS * usize::from(self.backends())
    }

    /// The calls to measure; the modern ones only where one backend shows the difference.
    pub(super) fn cells(self) -> &'static [Cell] {
        match self {
            Self::Http | Self::Stdio => &CELLS,
            Self::Http10 | Self::Http50 => &CELLS[..7],
        }
    }
}

/// One kind of call at one number of connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// Its key in a row and its label in the tables.
    pub(super) name: &'static str,
    pub(super) op: &'static str,
    /// Bytes of the result's text; nothing for a list.
    pub(super) bytes: usize,
    pub(super) conns: usize,
    pub(super) version: &'static str,
}

const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";

pub(super) const SMALL_1: &str = "100 B, 1 conn";
pub(super) const SMALL_64: &str = "100 B, 64 conns";
pub(super) const LARGE_16: &str = "64 KiB, 16 conns";
pub(super) const LIST: &str = "tools/list";

const CELLS: [Cell; 10] = [
    cell(SMALL_1, "echo", 100, 1, LEGACY),
    cell("100 B, 16 conns", "echo", 100, 16, LEGACY),
    cell(SMALL_64, "echo", 100, 64, LEGACY),
    cell("64 KiB, 1 conn", "payload", 65_536, 1, LEGACY),
    cell(LARGE_16, "payload", 65_536, 16, LEGACY),
    cell("64 KiB, 64 conns", "payload", 65_536, 64, LEGACY),
    cell(LIST, "list", 0, 1, LEGACY),
    cell("100 B, 1 conn, 2026-07-28", "echo", 100, 1, MODERN),
    cell("100 B, 64 conns, 2026-07-28", "echo", 100, 64, MODERN),
    cell("64 KiB, 16 conns, 2026-07-28", "payload", 65_536, 16, MODERN),
];

const fn cell(name: &'static str, op: &'static str, bytes: usize, conns: usize, version: &'static str) -> Cell {
    Cell { name, op, bytes, conns, version }
}
