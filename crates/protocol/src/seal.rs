//! Sealed tokens: what we hand to a client and want back unread and unchanged.
//!
//! A token is encrypted and authenticated (XChaCha20-Poly1305, 24-byte random nonces) and bound
//! to who may bring it back and for what: principal, method, name, digest of the parameters
//! (protocol.md section 1.9). Two keys are live, so keys can be changed without losing tokens.

use crate::Principal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

/// What a token is good for. Two bindings that differ anywhere do not open each other's tokens.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// Who may bring it back.
    pub principal: &'a Principal,
    /// In which method.
    pub method: &'a str,
    /// For which tool, prompt, URI or list.
    pub name: &'a str,
    /// Digest of the parameters that must not change; empty where none must.
    pub digest: &'a [u8],
}

/// Why a token does not open. Deliberately says little: the bearer may be anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Damaged, forged, of another key, or bound to something else.
    #[error("the token is not one of ours or belongs to another request")]
    Invalid,
    /// Too old.
    #[error("the token has expired")]
    Expired,
}

/// Length of a key in bytes.
pub const KEY_BYTES: usize = 32;

/// Seals and opens tokens with a current and a previous key.
pub struct Sealer {
    current: XChaCha20Poly1305,
    previous: XChaCha20Poly1305,
}

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;
const EXPIRY_BYTES: usize = 8;

impl Sealer {
    /// A sealer with `current` for new tokens; tokens of `previous` still open.
    #[must_use]
    pub fn new(current: &[u8; KEY_BYTES], previous: &[u8; KEY_BYTES]) -> Self {
        Self { current: XChaCha20Poly1305::new(current.into()), previous: XChaCha20Poly1305::new(previous.into()) }
    }

    /// A key nobody has seen. `None` when the system gives no randomness.
    #[must_use]
    pub fn fresh_key() -> Option<[u8; KEY_BYTES]> {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).ok()?;
        Some(key)
    }

    /// Seals `content` until `expires_ms` (milliseconds since 1970).
    ///
    /// # Errors
    /// Only when the system gives no randomness.
    pub fn seal(&self, binding: Binding<'_>, content: &[u8], expires_ms: u64) -> Result<String, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::Invalid)?;
        let mut plain = expires_ms.to_be_bytes().to_vec();
        plain.extend_from_slice(content);
        let bound = binding.digest();
        let payload = Payload { msg: &plain, aad: &bound };
        let sealed = self.current.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Invalid)?;
        let mut token = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        token.push(FORMAT);
        token.extend_from_slice(&nonce);
        token.extend_from_slice(&sealed);
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    /// Opens a token at the time `now_ms` (milliseconds since 1970).
    ///
    /// # Errors
    /// When it was not sealed by us for this binding, or has expired.
    pub fn open(&self, binding: Binding<'_>, token: &str, now_ms: u64) -> Result<Vec<u8>, SealError> {
        let token = URL_SAFE_NO_PAD.decode(token).map_err(|_| SealError::Invalid)?;
        let (&format, rest) = token.split_first().ok_or(SealError::Invalid)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Invalid)?;
        if format != FORMAT {
            return Err(SealError::Invalid);
        }
        let bound = binding.digest();
        let nonce = XNonce::from(*nonce);
        let open = |key: &XChaCha20Poly1305| key.decrypt(&nonce, Payload { msg: sealed, aad: &bound });
        let plain = open(&self.current).or_else(|_| open(&self.previous)).map_err(|_| SealError::Invalid)?;
        let (expiry, content) = plain.split_first_chunk::<EXPIRY_BYTES>().ok_or(SealError::Invalid)?;
        if u64::from_be_bytes(*expiry) <= now_ms {
            return Err(SealError::Expired);
        }
        Ok(content.to_vec())
    }
}

impl Binding<'_> {
    /// Lengths go in as well, so that no two different bindings hash the same bytes.
    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [self.principal.as_str().as_bytes(), self.method.as_bytes(), self.name.as_bytes(), self.digest] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn opens_only_for_what_it_was_sealed() {
        let (old, new) = ([1; KEY_BYTES], [2; KEY_BYTES]);
        let (me, other) = (Principal::new("me"), Principal::new("other"));
        let binding = Binding { principal: &me, method: "tools/call", name: "a__b", digest: b"d" };
        let token = Sealer::new(&old, &old).seal(binding, b"inner", 1000).unwrap();
        let sealer = Sealer::new(&new, &old);
        assert_eq!(sealer.open(binding, &token, 999).unwrap(), b"inner");
        assert_eq!(sealer.open(binding, &token, 1000), Err(SealError::Expired));
        for wrong in [
            Binding { principal: &other, ..binding },
            Binding { method: "prompts/get", ..binding },
            Binding { name: "a__c", ..binding },
            Binding { name: "a__", method: "btools/call", ..binding },
            Binding { digest: b"e", ..binding },
        ] {
            assert_eq!(sealer.open(wrong, &token, 1), Err(SealError::Invalid));
        }
        assert_eq!(Sealer::new(&new, &new).open(binding, &token, 1), Err(SealError::Invalid));
    }

    proptest! {
        #[test]
        fn a_changed_token_never_opens(at in 0usize..40, flip in 1u8..64) {
            let me = Principal::new("me");
            let binding = Binding { principal: &me, method: "m", name: "n", digest: b"" };
            let sealer = Sealer::new(&[7; KEY_BYTES], &[8; KEY_BYTES]);
            let token = sealer.seal(binding, b"x", u64::MAX).unwrap();
            let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            prop_assert!(sealer.open(binding, &URL_SAFE_NO_PAD.encode(bytes), 1).is_err());
        }
    }
}
