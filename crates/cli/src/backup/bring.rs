//! The way back. An archive is read whole and looked at before anything is changed; then the stores
//! are replaced, each in one transaction, and then files, which stay beside as `*.before-restore`.
//!
//! An archive decides nothing about this machine: files go only to places that the configuration in
//! force here reads, or that servers declare in it.

use super::files::{before_restore, is_plain, swap, write_below};
use super::{LeftOut, Part, Reader};
use crate::context::Context;
use crate::data_folder::DataFolder;
use crate::report::Report;
use crate::state::{self, State};
use crate::store_files::replace;
use config::{Config, Sources};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use store::{Error, Options, Place, Store};
use tempfile::TempDir;

/// The longest configuration file, in bytes.
const CONFIGURATION_BYTES_MAX: u64 = 8 << 20;

/// What was restored.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// Places that are as they were in the archive now.
    pub(crate) restored: Vec<String>,
    /// Where what was there before is kept.
    pub(crate) kept: Vec<String>,
    /// What stayed as it is, and why.
    pub(crate) left_out: Vec<LeftOut>,
}

/// What was taken out of an archive, in a folder of our own.
struct Taken {
    folder: TempDir,
    configuration: BTreeMap<PathBuf, String>,
    keys: Option<Vec<u8>>,
    sign_ins: bool,
    shared: bool,
    left_out: Vec<LeftOut>,
}

/// Brings everything back, or says what would be.
///
/// # Errors
/// A daemon that runs; an archive that is not whole; state that cannot be written.
pub(crate) fn bring(reader: &Reader, dry_run: bool, context: &Context) -> Result<Brought, Report> {
    let data = context.data_folder()?;
    data.create()?;
    let _lock = data.lock()?;
    let sources = context.sources();
    let taken = take(reader, &data, &sources)?;
    context.block_on(check_stores(taken.folder.path()))?;
    let sources = Sources { drafts: taken.configuration.clone(), ..sources };
    let config = config::load(&sources).config;
    let mut brought = Brought { left_out: taken.left_out.clone(), ..Brought::default() };
    if dry_run {
        would(reader, &taken, &data, &config, &mut brought);
        return Ok(brought);
    }
    let approvals = context.block_on(stores(&taken, &data, &config, &mut brought))?;
    small_files(&taken, &data, &mut brought).map_err(|error| half(&data.root, &error))?;
    let config = config::load(&Sources { approvals, drafts: BTreeMap::new(), ..sources }).config;
    data_of_servers(reader, &config, &mut brought)?;
    Ok(brought)
}

/// Looks at the copies of stores in a folder.
///
/// # Errors
/// One that is damaged, or newer than this program.
pub(super) async fn check_stores(folder: &Path) -> Result<(), Report> {
    for copy in ["local", "shared"].map(|name| folder.join(name)).iter().filter(|copy| copy.exists()) {
        let findings = store::verify_file(copy).await.map_err(|error| state::failed(&error))?;
        if let Some(first) = findings.problems.first() {
            let more = findings.problems.len() - 1;
            return Err(Report::failed(format!("what it holds is not whole: {first} (and {more} more)"))
                .hint("take an earlier backup; each can be looked at: switchboard backup --verify FILE"));
        }
    }
    Ok(())
}

/// Takes the stores of an archive out, to be looked at.
///
/// # Errors
/// Those of the system, and an archive that is not whole.
pub(super) fn take_stores(reader: &Reader, folder: &Path) -> Result<(), Report> {
    reader.each(|member, content| match member.part {
        Part::LocalStore => to_file(&folder.join("local"), content),
        Part::SharedStore => to_file(&folder.join("shared"), content),
        _ => Ok(()),
    })
}

/// Takes everything out but what servers keep.
fn take(reader: &Reader, data: &DataFolder, sources: &Sources) -> Result<Taken, Report> {
    let folder = tempfile::Builder::new().prefix(".restore-").tempdir_in(&data.root);
    let folder = folder.map_err(|error| Report::failed("there is no room to unpack it").cause(error))?;
    let mut taken = Taken {
        folder,
        configuration: BTreeMap::new(),
        keys: None,
        sign_ins: false,
        shared: false,
        left_out: Vec::new(),
    };
    let own = config::own_files(sources);
    reader.each(|member, content| {
        let root = taken.folder.path().to_owned();
        let mut leave = |what: String, why: &str| taken.left_out.push(LeftOut { what, why: why.to_owned() });
        let sealed = || member.sealed && !reader.opens();
        match &member.part {
            Part::LocalStore => to_file(&root.join("local"), content)?,
            Part::SharedStore => {
                taken.shared = true;
                to_file(&root.join("shared"), content)?;
            }
            Part::Data { .. } => {}
            Part::Configuration { file } if !own.contains(file) => {
                leave(file.display().to_string(), "it is not read here; name it: --config FILE");
            }
            Part::Configuration { file } if sealed() => leave(file.display().to_string(), SEALED),
            Part::Keys | Part::SignIn { .. } if sealed() => leave(member.name.clone(), SEALED),
            Part::Configuration { file } => {
                let text = match member.sealed {
                    true => reader.unsealed(member, content)?,
                    false => small(content)?,
                };
                let text = String::from_utf8(text).map_err(|error| half(file, &io::Error::other(error)))?;
                taken.configuration.insert(file.clone(), text);
            }
            Part::Keys => taken.keys = Some(reader.unsealed(member, content)?),
            Part::SignIn { file } if is_plain(file) => {
                let opened = reader.unsealed(member, content)?;
                let written = write_below(&root, &["sign-ins".to_owned(), file.clone()], &mut opened.as_slice(), 0o600);
                written.map_err(|error| half(&root, &error))?;
                taken.sign_ins = true;
            }
            Part::SignIn { file } => leave(file.clone(), "it is no name of a file"),
        }
        Ok(())
    })?;
    Ok(taken)
}

const SEALED: &str = "it is sealed, and no passphrase was given";

fn small(content: &mut dyn Read) -> Result<Vec<u8>, Report> {
    let mut text = Vec::new();
    let read = content.take(CONFIGURATION_BYTES_MAX).read_to_end(&mut text);
    read.map_err(|error| Report::failed("it cannot be read").cause(error))?;
    Ok(text)
}

fn to_file(path: &Path, content: &mut dyn Read) -> Result<(), Report> {
    let written = File::create(path).and_then(|mut file| {
        io::copy(content, &mut file)?;
        file.flush()
    });
    written.map_err(|error| Report::failed("there is no room to unpack it").cause(error))
}

/// Replaces what the stores hold. What they held is copied beside the data folder's store first; one
/// that cannot be read is put aside as it is.
async fn stores(
    taken: &Taken,
    data: &DataFolder,
    config: &Config,
    brought: &mut Brought,
) -> Result<config::Approvals, Report> {
    let failed = |error: Error| state::failed(&error);
    let path = data.state();
    match Store::open(Place::File(path.clone()), Options::default()).await {
        Ok(store) => {
            let before = before_restore(&path);
            store.backup_to(&before).await.map_err(failed)?;
            store.close().await;
            brought.kept.push(before.display().to_string());
        }
        Err(Error::Corrupt { .. } | Error::Newer { .. } | Error::Foreign { .. }) => {
            let aside = store::set_aside(&path).map_err(|error| half(&path, &error))?;
            brought.kept.push(aside.display().to_string());
        }
        Err(error) => return Err(state::failed(&error)),
    }
    let state = State::open(data, config).await?;
    let restored = replaced(taken, &state, data, brought).await;
    let approvals = match &restored {
        Ok(()) => state::approvals_now(&state.local).await.map_err(failed),
        Err(error) => Err(state::failed(error)),
    };
    state.close().await;
    approvals
}

async fn replaced(taken: &Taken, state: &State, data: &DataFolder, brought: &mut Brought) -> Result<(), Error> {
    let (local, shared) = (taken.folder.path().join("local"), taken.folder.path().join("shared"));
    let is_one = state.local.place() == state.shared.place();
    if is_one && taken.shared {
        // What was in two stores is in one now.
        state.local.restore_from(&shared).await?;
        let own = Store::open(Place::File(local.clone()), Options::default()).await?;
        let carried = state::carry(&own, &state.local).await;
        own.close().await;
        carried?;
    } else {
        state.local.restore_from(&local).await?;
    }
    brought.restored.push(state.local.place().to_owned());
    if !is_one {
        let before = before_restore(&data.root.join("shared.db"));
        state.shared.backup_to(&before).await?;
        brought.kept.push(before.display().to_string());
        state.shared.restore_from(if taken.shared { &shared } else { &local }).await?;
        brought.restored.push(state.shared.place().to_owned());
    }
    Ok(())
}

/// Configuration, keys and what was signed in to.
fn small_files(taken: &Taken, data: &DataFolder, brought: &mut Brought) -> io::Result<()> {
    let mut placed = |new: &Path, place: &Path| -> io::Result<()> {
        let was_there = place.exists();
        swap(new, place)?;
        brought.restored.push(place.display().to_string());
        if was_there {
            brought.kept.push(before_restore(place).display().to_string());
        }
        Ok(())
    };
    for (place, text) in &taken.configuration {
        let folder = place.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        let mut new = place.as_os_str().to_owned();
        new.push(".restoring");
        replace(Path::new(&new), text.as_bytes())?;
        placed(Path::new(&new), place)?;
    }
    if let Some(keys) = &taken.keys {
        let new = taken.folder.path().join("keys");
        replace(&new, keys)?;
        placed(&new, &data.keys())?;
    }
    if taken.sign_ins {
        placed(&taken.folder.path().join("sign-ins"), &data.sign_ins())?;
    }
    Ok(())
}

/// What servers keep, where the configuration that is in force now declares it.
fn data_of_servers(reader: &Reader, config: &Config, brought: &mut Brought) -> Result<(), Report> {
    let mut places: BTreeMap<PathBuf, TempDir> = BTreeMap::new();
    for declared in data_places(reader, config, brought) {
        let parent = declared.parent().unwrap_or(Path::new("/")).to_owned();
        let made =
            fs::create_dir_all(&parent).and_then(|()| tempfile::Builder::new().prefix(".restore-").tempdir_in(&parent));
        places.insert(declared.clone(), made.map_err(|error| half(&declared, &error))?);
    }
    if places.is_empty() {
        return Ok(());
    }
    reader.each(|member, content| {
        let Part::Data { declared, below, .. } = &member.part else { return Ok(()) };
        let Some(folder) = places.get(declared) else { return Ok(()) };
        let below = [&["new".to_owned()], below.as_slice()].concat();
        write_below(folder.path(), &below, content, member.mode).map_err(|error| half(declared, &error))
    })?;
    for (declared, folder) in places {
        let was_there = declared.exists();
        swap(&folder.path().join("new"), &declared).map_err(|error| half(&declared, &error))?;
        brought.restored.push(declared.display().to_string());
        if was_there {
            brought.kept.push(before_restore(&declared).display().to_string());
        }
    }
    Ok(())
}

/// Which of the declared places of an archive are declared here, too.
fn data_places(reader: &Reader, config: &Config, brought: &mut Brought) -> BTreeSet<PathBuf> {
    let mut places = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    for member in &reader.manifest.members {
        let Part::Data { server, declared, .. } = &member.part else { continue };
        let entry = config.servers.get(server).filter(|entry| entry.approval == config::Approval::Approved);
        if entry.is_some_and(|entry| entry.data.contains(declared)) {
            places.insert(declared.clone());
        } else {
            unknown.insert((server.clone(), declared.display().to_string()));
        }
    }
    brought.left_out.extend(unknown.into_iter().map(|(server, what)| LeftOut {
        why: format!("the entry of `{server}` does not declare it here; data = [\"{what}\"] does"),
        what,
    }));
    places
}

fn would(reader: &Reader, taken: &Taken, data: &DataFolder, config: &Config, brought: &mut Brought) {
    let mut say = |what: &Path| brought.restored.push(what.display().to_string());
    say(&data.state());
    taken.configuration.keys().for_each(|file| say(file));
    if taken.keys.is_some() {
        say(&data.keys());
    }
    if taken.sign_ins {
        say(&data.sign_ins());
    }
    let places = data_places(reader, config, brought);
    brought.restored.extend(places.iter().map(|place| place.display().to_string()));
    if config.state.url.is_some() {
        brought.restored.push("the database of `state.url`".to_owned());
    }
}

fn half(place: &Path, error: &io::Error) -> Report {
    Report::failed(format!("{} cannot be restored", place.display()))
        .cause(error)
        .hint("what was there is kept beside as *.before-restore; mend the cause and restore again")
}
