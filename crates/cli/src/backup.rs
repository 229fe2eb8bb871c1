//! Backups: one archive with everything that a switchboard cannot learn again, and the way back.
//!
//! It is a compressed tar file that other tools can read, with a manifest: what each member is, its
//! length and its hash. What is secret is in it only sealed with a passphrase. What the tables hold is
//! the business of the crate `store`.

mod seal;
pub(crate) use seal::{Key, passphrase};

mod archive;
pub(crate) use archive::{Reader, Writer};

mod files;

mod gather;
pub(crate) use gather::{gather, name_for_now};

mod bring;
pub(crate) use bring::{Brought, bring};

use crate::context::Context;
use crate::report::Report;
use seal::Derivation;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The format that this program writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// What an archive is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// [`FORMAT`] of who wrote it.
    pub(crate) format: u32,
    /// Version of the program that wrote it.
    pub(crate) version: String,
    /// Name of the machine.
    pub(crate) host: String,
    /// The data folder there.
    pub(crate) data: PathBuf,
    /// When, in UTC.
    pub(crate) at: String,
    /// How the key of sealed members is made of a passphrase; none where nothing is sealed.
    pub(crate) derivation: Option<Derivation>,
    /// Everything in it but the manifest.
    pub(crate) members: Vec<Member>,
    /// What is not in it, and why.
    pub(crate) left_out: Vec<LeftOut>,
}

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Its name in the archive.
    pub(crate) name: String,
    /// What it is.
    pub(crate) part: Part,
    /// Its length as it stands there, in bytes.
    pub(crate) bytes: u64,
    /// SHA-256 in hex of it as it stands there.
    pub(crate) sha256: String,
    /// Who may do what with the file: the last nine bits of its mode.
    pub(crate) mode: u32,
    /// Whether it opens only with the passphrase.
    pub(crate) sealed: bool,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Part {
    /// A copy of the local store.
    LocalStore,
    /// A copy of the shared store, where that is another one.
    SharedStore,
    /// A file of the configuration.
    Configuration {
        /// Where it stands.
        file: PathBuf,
    },
    /// The sealing keys.
    Keys,
    /// What was signed in to, of one server.
    SignIn {
        /// Name of its file.
        file: String,
    },
    /// What a server keeps.
    Data {
        /// The server.
        server: String,
        /// What its entry declares.
        declared: PathBuf,
        /// The file below that, from folder to folder; nothing where a file is declared.
        below: Vec<String>,
    },
}

/// Something that is not in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    /// What.
    pub(crate) what: String,
    /// Why not.
    pub(crate) why: String,
}

/// Looks whether the stores in an archive are whole; that the archive is, its reader knows already.
///
/// # Errors
/// They are not.
pub(crate) fn verify(reader: &Reader, context: &Context) -> Result<(), Report> {
    let folder = tempfile::tempdir().map_err(|error| Report::failed("there is no room to unpack it").cause(error))?;
    bring::take_stores(reader, folder.path())?;
    context.block_on(bring::check_stores(folder.path()))
}
