//! The archive as a file: written once from front to back, with the manifest at its end, and read in
//! the same way. Nothing of it is taken into memory but what is small.
//!
//! Names in an archive are never paths of this machine: whoever reads decides where a member goes.

use super::seal::hex;
use super::{FORMAT, Key, Manifest, Member, Part};
use crate::report::Report;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The last member but one: what the others are.
const MANIFEST: &str = "manifest.json";
/// The last member: the hash of the manifest, sealed.
const SEAL: &str = "manifest.seal";
/// The longest manifest, in bytes.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;
/// The longest seal, in bytes.
const SEAL_BYTES_MAX: u64 = 1024;
/// The longest member that is sealed, in bytes: it is taken into memory.
pub(super) const SEALED_BYTES_MAX: u64 = 64 << 20;

/// An archive that is being written, beside its place.
pub(crate) struct Writer {
    tar: tar::Builder<GzEncoder<BufWriter<NamedTempFile>>>,
    key: Option<Key>,
    members: Vec<Member>,
    target: PathBuf,
}

/// An archive that is read.
pub(crate) struct Reader {
    path: PathBuf,
    /// What it says it is; all of it was compared with what it is.
    pub(crate) manifest: Manifest,
    key: Option<Key>,
}

/// Reads exactly as many bytes as were announced, whatever becomes of the file, and hashes them.
struct Exactly<R> {
    inner: R,
    left: u64,
    sha256: Sha256,
    /// Whether the file was shorter.
    short: bool,
}

// === impl Writer ===

impl Writer {
    /// Begins an archive that is to stand at `target`. Secrets are sealed with the key.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn begin(target: &Path, key: Option<Key>) -> Result<Self, Report> {
        let folder = folder_of(target);
        let part = tempfile::Builder::new().prefix(".backup-").suffix(".part").tempfile_in(folder);
        let part = part.map_err(|error| unwritable(target, &error))?;
        let tar = tar::Builder::new(GzEncoder::new(BufWriter::new(part), Compression::fast()));
        Ok(Self { tar, key, members: Vec::new(), target: target.to_owned() })
    }

    /// Whether secrets can be sealed.
    pub(crate) fn seals(&self) -> bool {
        self.key.is_some()
    }

    /// How many members there are.
    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    /// Adds a file, as long as it is now. Says whether it became shorter meanwhile.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn file(&mut self, name: String, part: Part, mut file: File, mode: u32) -> Result<bool, Report> {
        let bytes = file.metadata().map_err(|error| self.failed(&error))?.len();
        self.append(name, part, (&mut file, bytes), mode, false)
    }

    /// Adds a text, sealed.
    ///
    /// # Errors
    /// Those of the system; that nothing can be sealed.
    pub(crate) fn sealed(&mut self, name: String, part: Part, content: &[u8], mode: u32) -> Result<(), Report> {
        let key = self.key.as_ref().ok_or_else(|| Report::failed("there is no passphrase to seal secrets with"))?;
        let sealed = key.seal(&name, content)?;
        self.append(name, part, (&mut sealed.as_slice(), sealed.len() as u64), mode, true).map(drop)
    }

    /// Adds a text as it is.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn text(&mut self, name: String, part: Part, content: &[u8], mode: u32) -> Result<(), Report> {
        let bytes = content.len() as u64;
        self.append(name, part, (&mut &*content, bytes), mode, false).map(drop)
    }

    fn append(
        &mut self,
        name: String,
        part: Part,
        (content, bytes): (&mut dyn Read, u64),
        mode: u32,
        sealed: bool,
    ) -> Result<bool, Report> {
        let mut content = Exactly { inner: content, left: bytes, sha256: Sha256::new(), short: false };
        let added = self.tar.append_data(&mut header(bytes), &name, &mut content);
        added.map_err(|error| self.failed(&error))?;
        let (sha256, short) = (hex(&content.sha256.finalize()), content.short);
        self.members.push(Member { name, part, bytes, sha256, mode, sealed });
        Ok(short)
    }

    /// Writes the manifest and puts the archive in its place. Until then there is nothing there.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn finish(mut self, manifest: Manifest) -> Result<(Manifest, u64), Report> {
        let manifest = Manifest { members: std::mem::take(&mut self.members), ..manifest };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| self.failed(&io::Error::other(error)))?;
        let appended = self.tar.append_data(&mut header(text.len() as u64), MANIFEST, text.as_slice());
        appended.map_err(|error| self.failed(&error))?;
        if let Some(key) = &self.key {
            let seal = key.seal(MANIFEST, &Sha256::digest(&text))?;
            let appended = self.tar.append_data(&mut header(seal.len() as u64), SEAL, seal.as_slice());
            appended.map_err(|error| unwritable(&self.target, &error))?;
        }
        let target = self.target.clone();
        let failed = |error: io::Error| unwritable(&target, &error);
        let gz = self.tar.into_inner().map_err(failed)?;
        let mut buffer = gz.finish().map_err(failed)?;
        buffer.flush().map_err(failed)?;
        let part = buffer.into_inner().map_err(|error| failed(error.into_error()))?;
        part.as_file().sync_all().map_err(failed)?;
        let file = part.persist(&target).map_err(|error| failed(error.error))?;
        File::open(folder_of(&target)).and_then(|folder| folder.sync_all()).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        Ok((manifest, bytes))
    }

    fn failed(&self, error: &io::Error) -> Report {
        unwritable(&self.target, error)
    }
}

// === impl Reader ===

impl Reader {
    /// Reads an archive whole and compares it with its manifest. With a passphrase, the manifest must
    /// be sealed with it, too.
    ///
    /// # Errors
    /// It cannot be read, is none, is damaged, was changed, or is of a newer program.
    pub(crate) fn open(path: &Path, passphrase: Option<&secrecy::SecretString>) -> Result<Self, Report> {
        let mut found: BTreeMap<String, (u64, String)> = BTreeMap::new();
        let (mut text, mut seal) = (None, None);
        each(path, |name, mut content| {
            match name {
                MANIFEST => text = Some(bounded(&mut content, MANIFEST_BYTES_MAX)?),
                SEAL => seal = Some(bounded(&mut content, SEAL_BYTES_MAX)?),
                _ => {
                    let hashed = hashed(&mut content)?;
                    if found.insert(name.to_owned(), hashed).is_some() {
                        return Err(io::Error::other(format!("`{name}` is in it twice")));
                    }
                }
            }
            Ok(())
        })
        .map_err(|error| damaged(path, &error.to_string()))?;
        let text = text.ok_or_else(|| damaged(path, "it has no manifest"))?;
        let manifest = manifest(path, &text)?;
        compare(&manifest, found).map_err(|why| damaged(path, &why))?;
        let key = match (passphrase, &manifest.derivation) {
            (None, _) => None,
            (Some(_), None) => {
                return Err(Report::failed(format!("{} was made without a passphrase", path.display()))
                    .hint("leave the passphrase away, if that is as it should be"));
            }
            (Some(passphrase), Some(derivation)) => {
                let key = Key::derive(passphrase, derivation)?;
                let opened = seal.and_then(|seal| key.open(MANIFEST, &seal));
                if opened.as_deref() != Some(Sha256::digest(&text).as_slice()) {
                    return Err(Report::failed(format!("{} does not open with this passphrase", path.display()))
                        .cause("the passphrase is another one, or the archive was changed"));
                }
                Some(key)
            }
        };
        Ok(Self { path: path.to_owned(), manifest, key })
    }

    /// Whether sealed members can be opened.
    pub(crate) fn opens(&self) -> bool {
        self.key.is_some()
    }

    /// Shows each member with its content, in the order of the archive. What is not as it was when
    /// the archive was opened is an error after it was shown: whoever takes it waits for the end.
    ///
    /// # Errors
    /// It was changed meanwhile; those of `take`.
    pub(crate) fn each(
        &self,
        mut take: impl FnMut(&Member, &mut dyn Read) -> Result<(), Report>,
    ) -> Result<(), Report> {
        let members: BTreeMap<&str, &Member> =
            self.manifest.members.iter().map(|member| (member.name.as_str(), member)).collect();
        let mut failure = None;
        let read = each(&self.path, |name, content| {
            let Some(member) = members.get(name) else { return Ok(()) };
            let mut content = Exactly { inner: content, left: member.bytes, sha256: Sha256::new(), short: false };
            if let Err(report) = take(member, &mut content) {
                failure = Some(report);
                return Err(io::Error::other("it was not taken"));
            }
            io::copy(&mut content, &mut io::sink())?;
            match hex(&content.sha256.finalize()) == member.sha256 && !content.short {
                true => Ok(()),
                false => Err(io::Error::other(format!("`{name}` was changed while it was read"))),
            }
        });
        match (failure, read) {
            (Some(report), _) => Err(report),
            (None, read) => read.map_err(|error| damaged(&self.path, &error.to_string())),
        }
    }

    /// The content of a sealed member, opened.
    ///
    /// # Errors
    /// It does not open.
    pub(crate) fn unsealed(&self, member: &Member, content: &mut dyn Read) -> Result<Vec<u8>, Report> {
        let sealed = bounded(content, SEALED_BYTES_MAX).map_err(|error| damaged(&self.path, &error.to_string()))?;
        let opened = self.key.as_ref().and_then(|key| key.open(&member.name, &sealed));
        opened.ok_or_else(|| damaged(&self.path, &format!("`{}` does not open", member.name)))
    }
}

// === impl Exactly ===

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let mut read = if self.short { 0 } else { self.inner.read(&mut buffer[..most])? };
        if read == 0 {
            // The header has said how long it is.
            self.short = true;
            buffer[..most].fill(0);
            read = most;
        }
        self.left -= read as u64;
        self.sha256.update(&buffer[..read]);
        Ok(read)
    }
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_entry_type(tar::EntryType::Regular);
    header
}

/// Goes through an archive. Only plain files with plain names are in one of ours.
fn each(path: &Path, mut see: impl FnMut(&str, &mut dyn Read) -> io::Result<()>) -> io::Result<()> {
    let file = BufReader::new(File::open(path)?);
    let mut archive = tar::Archive::new(MultiGzDecoder::new(file));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(io::Error::other("it holds something that is no file"));
        }
        let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(io::Error::other)?;
        see(&name, &mut entry)?;
    }
    // The checksum of the compression stands at the very end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop)
}

fn hashed(content: &mut dyn Read) -> io::Result<(u64, String)> {
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let read = content.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hex(&sha256.finalize())));
        }
        sha256.update(&buffer[..read]);
        bytes += read as u64;
    }
}

fn bounded(content: &mut dyn Read, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    content.take(bytes_max + 1).read_to_end(&mut read)?;
    if read.len() as u64 > bytes_max {
        return Err(io::Error::other(format!("a part of it is larger than {bytes_max} bytes")));
    }
    Ok(read)
}

fn manifest(path: &Path, text: &[u8]) -> Result<Manifest, Report> {
    // What a newer program wrote may look different altogether, but for this.
    let format =
        serde_json::from_slice::<serde_json::Value>(text).ok().and_then(|manifest| manifest["format"].as_u64());
    match format {
        Some(format) if format > u64::from(FORMAT) => {
            let message = format!("{} was made by a newer switchboard (format {format})", path.display());
            Err(Report::failed(message).hint(format!("restore it with that one; this one reads format {FORMAT}")))
        }
        _ => serde_json::from_slice(text).map_err(|error| damaged(path, &format!("its manifest: {error}"))),
    }
}

fn compare(manifest: &Manifest, mut found: BTreeMap<String, (u64, String)>) -> Result<(), String> {
    for member in &manifest.members {
        match found.remove(&member.name) {
            None => return Err(format!("`{}` is missing", member.name)),
            Some((bytes, sha256)) if bytes != member.bytes || sha256 != member.sha256 => {
                return Err(format!("`{}` is not what was written", member.name));
            }
            Some(_) => {}
        }
    }
    match found.into_keys().next() {
        Some(name) => Err(format!("`{name}` does not belong to it")),
        None => Ok(()),
    }
}

fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unwritable(target: &Path, error: &io::Error) -> Report {
    Report::failed(format!("the backup {} cannot be written", target.display()))
        .cause(error)
        .hint("nothing of it was left behind; make room, or name another place")
}

fn damaged(path: &Path, why: &str) -> Report {
    Report::failed(format!("{} is no whole backup", path.display()))
        .cause(why)
        .hint("take another one; each can be looked at: switchboard backup --verify FILE")
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            version: "1".to_owned(),
            host: "here".to_owned(),
            data: "/data".into(),
            at: "2026-01-01T00:00:00.000Z".to_owned(),
            derivation: None,
            members: Vec::new(),
            left_out: Vec::new(),
        }
    }

    fn made(target: &Path) {
        let mut writer = Writer::begin(target, None).unwrap();
        writer.text("a/b".to_owned(), Part::Keys, b"some text", 0o600).unwrap();
        writer.text("c".to_owned(), Part::LocalStore, &[7; 300_000], 0o600).unwrap();
        writer.finish(manifest()).unwrap();
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.tar.gz");
        made(&target);
        let reader = Reader::open(&target, None).unwrap();
        let mut seen = Vec::new();
        let each = reader.each(|member, content| {
            let mut text = Vec::new();
            content.read_to_end(&mut text).unwrap();
            seen.push((member.name.clone(), text.len()));
            Ok(())
        });
        each.unwrap();
        assert_eq!(seen, [("a/b".to_owned(), 9), ("c".to_owned(), 300_000)]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        let words = SecretString::from("correct horse");
        assert!(
            Reader::open(&target, Some(&words)).is_err_and(|report| report.message.contains("without a passphrase"))
        );
    }

    #[test]
    fn whatever_is_changed_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.tar.gz");
        made(&target);
        let whole = std::fs::read(&target).unwrap();
        let as_written = Reader::open(&target, None).unwrap().manifest;
        for at in (0..whole.len()).step_by(7) {
            let mut bent = whole.clone();
            bent[at] ^= 0x10;
            std::fs::write(&target, &bent).unwrap();
            // A bit of the compression may mean nothing; then everything is as it was.
            let opened = Reader::open(&target, None).ok();
            assert!(opened.is_none_or(|opened| opened.manifest == as_written), "byte {at} of {}", whole.len());
        }
        for length in [0, 10, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&target, &whole[..length]).unwrap();
            assert!(Reader::open(&target, None).is_err(), "the first {length} bytes");
        }
    }

    #[test]
    fn a_file_that_shrinks_is_filled_up_and_told() {
        let mut content = Exactly { inner: &b"abc"[..], left: 5, sha256: Sha256::new(), short: false };
        let mut read = Vec::new();
        content.read_to_end(&mut read).unwrap();
        assert!(read == b"abc\0\0" && content.short);
    }

    #[test]
    fn what_is_no_plain_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.tar.gz");
        let mut tar = tar::Builder::new(GzEncoder::new(File::create(&target).unwrap(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "link", "/etc/passwd").unwrap();
        tar.into_inner().unwrap().finish().unwrap();
        assert!(Reader::open(&target, None).is_err_and(|report| report.cause.unwrap().contains("no file")));
    }
}
