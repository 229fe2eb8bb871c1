//! Why a path is not opened, and what whoever asked can do. It opens nothing.

use protocol::tools::{Failure, FailureKind};
use rustix::io::Errno;

/// Why there is no file at a path for who asks. Paths are as they were given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody said which folders may be seen.
    #[error("this server may see no folder yet")]
    NoRoots {
        /// The option that names them.
        option: &'static str,
    },
    /// The path cannot be a path.
    #[error("the path {why}")]
    NoPath {
        /// As in "is empty".
        why: &'static str,
    },
    /// It leads, by itself or through links, to no place below a root.
    #[error("`{path}` does not lie below a folder that may be seen")]
    Outside {
        /// The path.
        path: String,
        /// The folders.
        roots: Vec<String>,
    },
    /// A root cannot be opened.
    #[error("the folder {root} cannot be opened: {reason}")]
    RootGone {
        /// The root.
        root: String,
        /// What the system said.
        reason: String,
    },
    /// One of its folders or the file itself has a name that is never touched.
    #[error("`{path}` is not opened: `{name}` is on the list of what stays hidden")]
    Hidden {
        /// The path.
        path: String,
        /// The name on the list.
        name: String,
    },
    /// One of its folders or the file itself has a name that is never written.
    #[error("`{path}` is not written: `{name}` is on the list of what is only read")]
    Kept {
        /// The path.
        path: String,
        /// The name on the list.
        name: String,
    },
    /// Its root is only read.
    #[error("`{path}` is not written: its folder is only read")]
    ReadOnly {
        /// The path.
        path: String,
        /// The folders that may be written.
        writable: Vec<String>,
    },
    /// A symbolic link stands where a file would be written.
    #[error("`{path}` is a symbolic link, and is not written through")]
    Link {
        /// The path.
        path: String,
    },
    /// A device, a FIFO, a socket, or a file that the kernel makes up.
    #[error("`{path}` is a {kind}, which is never opened")]
    Special {
        /// The path.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// More folders would be made than one file needs.
    #[error("`{path}` lies over {folders_max} folders deep, and its folders are not made")]
    TooDeep {
        /// The path.
        path: String,
        /// The limit.
        folders_max: usize,
    },
    /// There is no such file.
    #[error("`{path}` does not exist")]
    Missing {
        /// The path.
        path: String,
    },
    /// It is a folder and should be a file.
    #[error("`{path}` is a folder")]
    Folder {
        /// The path.
        path: String,
    },
    /// It is a file and should be a folder.
    #[error("`{path}` is not a folder")]
    NoFolder {
        /// The path.
        path: String,
    },
    /// It has more bytes than are read.
    #[error("`{path}` has {bytes} bytes; at most {bytes_max} are read")]
    TooLarge {
        /// The path.
        path: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The system said no.
    #[error("`{path}`: {reason}")]
    System {
        /// The path.
        path: String,
        /// What the system said.
        reason: String,
    },
}

// === impl Refusal ===

impl Refusal {
    /// What the error number of an open at `path` means.
    pub(super) fn of(errno: Errno, path: &str, roots: &[String]) -> Self {
        let path = path.to_owned();
        match errno {
            Errno::XDEV => Refusal::Outside { path, roots: roots.to_vec() },
            Errno::NOENT => Refusal::Missing { path },
            Errno::NOTDIR => Refusal::NoFolder { path },
            Errno::ISDIR => Refusal::Folder { path },
            Errno::NXIO | Errno::NODEV => Refusal::Special { path, kind: "special file" },
            other => Refusal::System { path, reason: std::io::Error::from(other).to_string() },
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Refusal::NoRoots { .. } | Refusal::RootGone { .. } => FailureKind::Unavailable,
            Refusal::NoPath { .. } | Refusal::Folder { .. } | Refusal::NoFolder { .. } => FailureKind::Validation,
            Refusal::Missing { .. } => FailureKind::NotFound,
            Refusal::TooLarge { .. } | Refusal::TooDeep { .. } => FailureKind::Quota,
            Refusal::System { .. } => FailureKind::Unexpected,
            _ => FailureKind::Denied,
        }
    }

    fn next(&self) -> Option<String> {
        Some(match self {
            Refusal::NoRoots { option } => {
                format!("a person names folders in the entry of this server: options = {{ {option} = [\"~/notes\"] }}")
            }
            Refusal::Outside { roots, .. } => format!("use a path below {}", roots.join(", ")),
            Refusal::RootGone { root, .. } => format!("a person makes {root}, or corrects the options of this server"),
            Refusal::Hidden { .. } => "a person may change `hidden` in the options of this server".to_owned(),
            Refusal::Kept { .. } => "a person may change `kept` in the options of this server".to_owned(),
            Refusal::ReadOnly { writable, .. } if writable.is_empty() => {
                "a person names folders that may be written in the options of this server: writable = [\"…\"]"
                    .to_owned()
            }
            Refusal::ReadOnly { writable, .. } => format!("write below {}", writable.join(", ")),
            Refusal::Link { .. } => "write to the file that it points to".to_owned(),
            Refusal::Folder { .. } => "call list_directory".to_owned(),
            _ => return None,
        })
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        let failure = Failure::new(refusal.kind(), refusal.to_string());
        match refusal.next() {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}
