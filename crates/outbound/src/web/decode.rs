//! Unpacks a body while it arrives: gzip, deflate and brotli, to a size and no further, so that a
//! small answer cannot become a large one.

use super::WebError;
use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::header::{CONTENT_ENCODING, HeaderMap};
use std::io::{self, Write};

/// What we ask for.
pub(super) const ACCEPTED: &str = "gzip, deflate, br";
/// How brotli's output is handed on, in bytes.
const BROTLI_BUFFER: usize = 16 * 1024;

/// A body on its way.
pub(super) struct Decoder(Kind);

enum Kind {
    Plain(Capped),
    Gzip(MultiGzDecoder<Capped>),
    /// `deflate` means zlib (RFC 9110, section 8.4.1.2), but some send it without its frame: the
    /// first two bytes tell.
    Undecided(Vec<u8>, Capped),
    Zlib(ZlibDecoder<Capped>),
    Deflate(DeflateDecoder<Capped>),
    Brotli(Box<brotli_decompressor::DecompressorWriter<Capped>>),
}

/// Bytes up to a size; a write beyond it fails.
struct Capped {
    bytes: Vec<u8>,
    bytes_max: usize,
    full: bool,
}

// === impl Decoder ===

impl Decoder {
    /// A decoder for what the headers announce.
    pub(super) fn new(headers: &HeaderMap, bytes_max: usize) -> Result<Self, WebError> {
        let capped = Capped { bytes: Vec::new(), bytes_max, full: false };
        let said: Vec<String> = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .flat_map(|value| value.to_str().unwrap_or("?").split(','))
            .map(|word| word.trim().to_ascii_lowercase())
            .filter(|word| !word.is_empty() && word != "identity")
            .collect();
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        Ok(Self(match said.as_slice() {
            [] => Kind::Plain(capped),
            ["gzip" | "x-gzip"] => Kind::Gzip(MultiGzDecoder::new(capped)),
            ["deflate"] => Kind::Undecided(Vec::new(), capped),
            ["br"] => Kind::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(capped, BROTLI_BUFFER))),
            // Packed twice is a bomb more often than a page.
            _ => return Err(WebError::Packed { reason: format!("its Content-Encoding is {said:?}") }),
        }))
    }

    /// The next bytes as they travelled.
    pub(super) fn push(&mut self, data: &[u8]) -> Result<(), WebError> {
        if let Kind::Undecided(start, capped) = &mut self.0 {
            start.extend_from_slice(data);
            let [first, second, ..] = start[..] else { return Ok(()) };
            let zlib = first & 0x0f == 8 && u16::from_be_bytes([first, second]) % 31 == 0;
            let start = std::mem::take(start);
            let capped = Capped { bytes: Vec::new(), ..*capped };
            self.0 =
                if zlib { Kind::Zlib(ZlibDecoder::new(capped)) } else { Kind::Deflate(DeflateDecoder::new(capped)) };
            return self.write(&start);
        }
        self.write(data)
    }

    fn write(&mut self, data: &[u8]) -> Result<(), WebError> {
        let written = match &mut self.0 {
            Kind::Plain(capped) => capped.write_all(data),
            Kind::Gzip(decoder) => decoder.write_all(data),
            Kind::Undecided(..) => Ok(()),
            Kind::Zlib(decoder) => decoder.write_all(data),
            Kind::Deflate(decoder) => decoder.write_all(data),
            Kind::Brotli(decoder) => decoder.write_all(data),
        };
        match written {
            // What follows a whole body is nothing of ours.
            Err(error) if !self.is_full() && error.kind() != io::ErrorKind::WriteZero => {
                Err(WebError::Packed { reason: error.to_string() })
            }
            _ => Ok(()),
        }
    }

    fn capped(&self) -> &Capped {
        match &self.0 {
            Kind::Plain(capped) | Kind::Undecided(_, capped) => capped,
            Kind::Gzip(decoder) => decoder.get_ref(),
            Kind::Zlib(decoder) => decoder.get_ref(),
            Kind::Deflate(decoder) => decoder.get_ref(),
            Kind::Brotli(decoder) => decoder.get_ref(),
        }
    }

    /// Whether there is no room for more.
    pub(super) fn is_full(&self) -> bool {
        self.capped().full
    }

    /// Whether nothing has come out yet.
    pub(super) fn is_empty(&self) -> bool {
        self.capped().bytes.is_empty()
    }

    /// What came out, and whether there was more than room for it.
    pub(super) fn finish(mut self) -> (Bytes, bool) {
        // A stream that ends too early gave what it gave.
        let _ = match &mut self.0 {
            Kind::Plain(_) | Kind::Undecided(..) => Ok(()),
            Kind::Gzip(decoder) => decoder.try_finish(),
            Kind::Zlib(decoder) => decoder.try_finish(),
            Kind::Deflate(decoder) => decoder.try_finish(),
            Kind::Brotli(decoder) => decoder.flush(),
        };
        let capped = match &mut self.0 {
            Kind::Plain(capped) | Kind::Undecided(_, capped) => capped,
            Kind::Gzip(decoder) => decoder.get_mut(),
            Kind::Zlib(decoder) => decoder.get_mut(),
            Kind::Deflate(decoder) => decoder.get_mut(),
            Kind::Brotli(decoder) => decoder.get_mut(),
        };
        (Bytes::from(std::mem::take(&mut capped.bytes)), capped.full)
    }
}

impl Write for Capped {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let room = self.bytes_max.saturating_sub(self.bytes.len());
        let taken = data.len().min(room);
        self.bytes.extend_from_slice(&data[..taken]);
        if taken < data.len() {
            self.full = true;
        }
        if taken == 0 && !data.is_empty() {
            return Err(io::Error::other("there is no room for more"));
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use http::HeaderValue;

    fn decode(encoding: &'static str, data: &[u8], bytes_max: usize) -> Result<(Bytes, bool), WebError> {
        let headers = [(CONTENT_ENCODING, HeaderValue::from_static(encoding))].into_iter().collect();
        let mut decoder = Decoder::new(&headers, bytes_max)?;
        for piece in data.chunks(7) {
            decoder.push(piece)?;
            if decoder.is_full() {
                break;
            }
        }
        Ok(decoder.finish())
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn what_was_packed_comes_out() {
        let text = "a page, ".repeat(50);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(text.as_bytes()).unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
        raw.write_all(text.as_bytes()).unwrap();
        // `hello hello hello hello hello\n`, by brotli 1.0.9.
        let brotli = [0x8f, 0x0e, 0x80, b'h', b'e', b'l', b'l', b'o', b'\n', 0x03];
        for (encoding, packed) in [
            ("identity", text.as_bytes().to_vec()),
            ("gzip", gzip(text.as_bytes())),
            ("x-gzip", [gzip(b"a page, "), gzip("a page, ".repeat(49).as_bytes())].concat()),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", raw.finish().unwrap()),
        ] {
            let (out, full) = decode(encoding, &packed, 4096).unwrap();
            assert_eq!((out.as_ref(), full), (text.as_bytes(), false), "{encoding}");
        }
        // An uncompressed brotli stream: six bytes as they are.
        let mut kept = brotli.to_vec();
        kept.truncate(0);
        kept.extend_from_slice(&[0x0b, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03]);
        let (out, _) = decode("br", &kept, 4096).unwrap();
        assert_eq!(out.as_ref(), b"hello");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0_u8; 50_000_000]);
        let (out, full) = decode("gzip", &bomb, 100_000).unwrap();
        assert_eq!((out.len(), full), (100_000, true));
        let (out, full) = decode("identity", &[7; 100], 10).unwrap();
        assert_eq!((out.len(), full), (10, true));
        assert!(!decode("identity", &[7; 10], 10).unwrap().1);
    }

    #[test]
    fn what_is_packed_otherwise_is_refused() {
        for encoding in ["zstd", "gzip, gzip", "gzip,br", "compress"] {
            assert!(matches!(decode(encoding, b"x", 10), Err(WebError::Packed { .. })), "{encoding}");
        }
        assert!(decode("gzip", b"this is not gzip at all", 100).is_err());
        let whole = gzip(b"half of it is here, and the other half is not: 0123456789");
        assert!(decode("gzip", &whole[..whole.len() / 2], 100).is_ok());
    }
}
