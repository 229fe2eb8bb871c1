//! A passphrase becomes a key (Argon2id, RFC 9106), and the key seals members of an archive
//! (XChaCha20-Poly1305), each bound to its name.
//!
//! Archives come from strangers, too: what they ask of memory and time is bounded.

use crate::context::Context;
use crate::env_vars;
use crate::report::Report;
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The shortest passphrase, in bytes.
const PASSPHRASE_BYTES_MIN: usize = 8;
/// Memory of a derivation, in KiB: the second recommendation of RFC 9106, section 4.
const MEMORY_KIB: u32 = 64 << 10;
/// Passes over that memory.
const PASSES: u32 = 3;
/// Lanes of that memory.
const LANES: u32 = 4;
/// The most memory that an archive may ask for, in KiB.
const MEMORY_KIB_MAX: u32 = 1 << 20;
/// The most passes and lanes that an archive may ask for.
const TURNS_MAX: u32 = 16;
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// How a key is made of a passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Derivation {
    algorithm: String,
    salt: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Seals and opens.
pub(crate) struct Key(XChaCha20Poly1305);

/// The passphrase that a person gave: in a file, or in the environment.
///
/// # Errors
/// A file that cannot be read, a passphrase that is too short.
pub(crate) fn passphrase(file: Option<&Path>, context: &Context) -> Result<Option<SecretString>, Report> {
    let variable =
        || context.environment.vars.get(env_vars::BACKUP_PASSPHRASE).filter(|text| !text.is_empty()).cloned();
    let text = match file {
        Some(file) => {
            let read = std::fs::read_to_string(context.environment.cwd.join(file));
            let read =
                read.map_err(|error| Report::usage(format!("{} cannot be read", file.display())).cause(error))?;
            Some(read.trim_end_matches(['\n', '\r']).to_owned())
        }
        None => variable(),
    };
    match text {
        Some(text) if text.len() < PASSPHRASE_BYTES_MIN => {
            Err(Report::usage(format!("the passphrase is shorter than {PASSPHRASE_BYTES_MIN} bytes"))
                .hint("take several words, such as `openssl rand -base64 24` makes them"))
        }
        text => Ok(text.map(SecretString::from)),
    }
}

// === impl Derivation ===

impl Derivation {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub(crate) fn fresh() -> Result<Self, Report> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|error| Report::failed("the system gives no randomness").cause(error))?;
        let algorithm = "argon2id".to_owned();
        Ok(Self { algorithm, salt: hex(&salt), memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES })
    }
}

// === impl Key ===

impl Key {
    /// Makes the key of a passphrase. It takes a good part of a second, as it must.
    ///
    /// # Errors
    /// A derivation that is unknown or asks for too much.
    pub(crate) fn derive(passphrase: &SecretString, derivation: &Derivation) -> Result<Self, Report> {
        let Derivation { algorithm, salt, memory_kib, passes, lanes } = derivation;
        let refused = |why: String| Report::failed(format!("the key of the backup cannot be made: {why}"));
        let bounded = *memory_kib <= MEMORY_KIB_MAX && *passes <= TURNS_MAX && *lanes <= TURNS_MAX;
        if algorithm != "argon2id" || !bounded {
            return Err(refused("it asks for what this program does not do".to_owned()));
        }
        let salt = unhex(salt).ok_or_else(|| refused("its salt is damaged".to_owned()))?;
        let params = Params::new(*memory_kib, *passes, *lanes, Some(KEY_BYTES));
        let params = params.map_err(|error| refused(error.to_string()))?;
        let mut key = [0; KEY_BYTES];
        let made = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
            passphrase.expose_secret().as_bytes(),
            &salt,
            &mut key,
        );
        made.map_err(|error| refused(error.to_string()))?;
        Ok(Self(XChaCha20Poly1305::new(&key.into())))
    }

    /// Seals a text under a name.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub(crate) fn seal(&self, name: &str, content: &[u8]) -> Result<Vec<u8>, Report> {
        let failed = || Report::failed("the system gives no randomness");
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| failed())?;
        let payload = Payload { msg: content, aad: name.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| failed())?;
        Ok([nonce.as_slice(), sealed.as_slice()].concat())
    }

    /// Opens what was sealed under a name; nothing where it was not, or with another passphrase.
    pub(crate) fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        self.0.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: name.as_bytes() }).ok()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks_exact(2);
    if !digits.remainder().is_empty() {
        return None;
    }
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_passphrase_and_the_name_open_what_was_sealed() {
        let mut derivation = Derivation::fresh().unwrap();
        // What is tested is not how long it takes.
        derivation.memory_kib = 64;
        let key = |text: &str| Key::derive(&SecretString::from(text), &derivation).unwrap();
        let sealed = key("correct horse").seal("keys", b"secret").unwrap();
        assert_eq!(key("correct horse").open("keys", &sealed).unwrap(), b"secret");
        assert_eq!(key("correct horse").open("other", &sealed), None);
        assert_eq!(key("battery staple").open("keys", &sealed), None);
        for at in [0, sealed.len() - 1] {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(key("correct horse").open("keys", &bent), None, "{at}");
        }
        assert_eq!(key("correct horse").open("keys", b"short"), None);
    }

    #[test]
    fn an_archive_cannot_ask_for_everything() {
        let good = Derivation::fresh().unwrap();
        let words = SecretString::from("correct horse");
        for bad in [
            Derivation { memory_kib: u32::MAX, ..good.clone() },
            Derivation { passes: 1000, ..good.clone() },
            Derivation { salt: "zz".to_owned(), ..good.clone() },
            Derivation { algorithm: "md5".to_owned(), ..good },
        ] {
            assert!(Key::derive(&words, &bad).is_err(), "{bad:?}");
        }
    }
}
