//! Who asks, and when: signatures, timestamps and windows of signed requests.
//!
//! # The order of checks
//!
//! 1. `recvWindow` and `timestamp` can be read (their own errors; −1102 when the timestamp is absent), `signature` is
//!    there (−1102).
//! 2. The timestamp is less than a second ahead (−1021), and not older than the window (−1021).
//! 3. The signature is right (−1022).
//! 4. The other parameters, see [`crate::schema`].
//!
//! The signature is made over the bytes as they arrived: raw query, then raw body, without the `signature` parameter
//! wherever it stands. In the WebSocket API it is made over the parameters sorted by name, joined as `k=v&…`; most
//! clients do not percent-encode them there, some do, so both are accepted.

use std::borrow::Cow;

use agio_engine::units::Micros;
use memchr::memrchr;
use ring::{hmac, signature};

use crate::errors::{self, ApiError};
use crate::params::{Value, hex};
use crate::schema::{Name, Pair, Schema, Sent, Values, texts};

/// The window of a request that names none.
pub const DEFAULT_WINDOW: Micros = Micros(5_000_000);
/// How far ahead of the server's time a timestamp must not be.
pub const MAX_AHEAD: Micros = Micros(1_000_000);

/// A public key that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Ed25519 keys have 32 bytes.
    #[error("an Ed25519 public key has 32 bytes, this one has {0}: send the raw key, without its PEM or DER wrapping")]
    Length(usize),
    /// Not an RSA public key of a legal size.
    #[error("not an RSA public key of 2048 to 4096 bits in PKCS#1 DER (BEGIN RSA PUBLIC KEY)")]
    Rsa,
}

/// Checks signatures of one API key, in constant time where a secret is involved.
#[derive(Clone, Debug)]
pub struct Verifier(Scheme);

#[derive(Clone, Debug)]
enum Scheme {
    /// The key's inner and outer state are computed once.
    Hmac(hmac::Key),
    Ed25519([u8; 32]),
    Rsa(Box<[u8]>),
}

impl Verifier {
    /// HMAC-SHA256 with a secret.
    pub fn hmac(secret: &[u8]) -> Self {
        Self(Scheme::Hmac(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// Ed25519 with a raw public key of 32 bytes.
    pub fn ed25519(public_key: &[u8]) -> Result<Self, KeyError> {
        let key = public_key.try_into().map_err(|_| KeyError::Length(public_key.len()))?;
        Ok(Self(Scheme::Ed25519(key)))
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 and a public key of 2048 to 4096 bits in PKCS#1 DER.
    pub fn rsa(public_key: &[u8]) -> Result<Self, KeyError> {
        match modulus_bits(public_key) {
            Some(2_048..=4_096) => Ok(Self(Scheme::Rsa(public_key.into()))),
            _ => Err(KeyError::Rsa),
        }
    }

    /// Whether `signature` (hex in any case for HMAC, base64 for the others) is this key's for `payload`.
    pub fn verify(&self, payload: &[u8], signature: &str) -> bool {
        match &self.0 {
            Scheme::Hmac(key) => unhex(signature).is_some_and(|tag| hmac::verify(key, payload, &tag).is_ok()),
            Scheme::Ed25519(key) => public(&signature::ED25519, key, payload, signature),
            Scheme::Rsa(key) => public(&signature::RSA_PKCS1_2048_8192_SHA256, key, payload, signature),
        }
    }
}

fn public(algorithm: &'static dyn signature::VerificationAlgorithm, key: &[u8], payload: &[u8], text: &str) -> bool {
    let key = signature::UnparsedPublicKey::new(algorithm, key);
    base64(text.as_bytes()).is_some_and(|bytes| key.verify(payload, &bytes).is_ok())
}

/// Checks and parses a signed REST request. `now` is the server's time.
pub fn authorize(
    schema: &Schema,
    query: &[u8],
    body: &[u8],
    verifier: &Verifier,
    now: Micros,
) -> Result<Values, ApiError> {
    let sent = schema.sent(query, body)?;
    let signature = check(schema, &sent, now)?;
    let mut payload = Vec::with_capacity(query.len() + body.len());
    unsigned(query, &mut payload);
    unsigned(body, &mut payload);
    if !verifier.verify(&payload, &signature) {
        return Err(errors::BAD_SIGNATURE.error());
    }
    sent.values()
}

/// Checks and parses a signed request of the WebSocket API.
pub fn authorize_pairs(
    schema: &Schema,
    pairs: &[(&str, Pair<'_>)],
    verifier: &Verifier,
    now: Micros,
) -> Result<Values, ApiError> {
    let texts = texts(pairs);
    let sent = schema.sent_pairs(&texts)?;
    let signature = check(schema, &sent, now)?;
    if !signs_sorted(verifier, &texts, &signature) {
        return Err(errors::BAD_SIGNATURE.error());
    }
    sent.values()
}

/// Whether the signature is right for the parameters sorted by name, as they are or percent-encoded.
fn signs_sorted(verifier: &Verifier, texts: &[(&str, Cow<'_, str>)], signature: &str) -> bool {
    let mut sorted: Vec<_> = texts.iter().filter(|(name, _)| *name != Name::Signature.as_str()).collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    let plain = joined(&sorted, |text, out| out.extend_from_slice(text));
    if verifier.verify(&plain, signature) {
        return true;
    }
    let encoded = joined(&sorted, escape);
    encoded != plain && verifier.verify(&encoded, signature)
}

/// Checks the timestamp of a request in a session that has logged on, which needs no signature, and parses it.
pub fn authorize_session(schema: &Schema, pairs: &[(&str, Pair<'_>)], now: Micros) -> Result<Values, ApiError> {
    let texts = texts(pairs);
    let sent = schema.sent_pairs(&texts)?;
    fits(timing(schema, &sent)?, now)?;
    sent.values()
}

/// Checks the timing and returns the signature.
fn check(schema: &Schema, sent: &Sent<'_>, now: Micros) -> Result<Box<str>, ApiError> {
    let read = timing(schema, sent)?;
    let Value::Text(signature) = sent.value(slot(schema, Name::Signature))? else {
        return Err(errors::MANDATORY.with(&[&Name::Signature.as_str()]));
    };
    fits(read, now)?;
    Ok(signature)
}

/// Timestamp and window of a request.
fn timing(schema: &Schema, sent: &Sent<'_>) -> Result<(Micros, Micros), ApiError> {
    let window = match sent.value(slot(schema, Name::RecvWindow))? {
        Value::Time(window) => window,
        _ => DEFAULT_WINDOW,
    };
    match sent.value(slot(schema, Name::Timestamp))? {
        Value::Time(timestamp) => Ok((timestamp, window)),
        _ => Err(errors::MANDATORY.with(&[&Name::Timestamp.as_str()])),
    }
}

fn fits((timestamp, window): (Micros, Micros), now: Micros) -> Result<(), ApiError> {
    if timestamp.0 >= now.0 + MAX_AHEAD.0 {
        return Err(errors::AHEAD_OF_TIME.error());
    }
    if now.0.saturating_sub(timestamp.0) > window.0 {
        return Err(errors::OUTSIDE_WINDOW.error());
    }
    Ok(())
}

fn slot(schema: &Schema, name: Name) -> usize {
    assert!(schema.signed(), "authorize needs a schema that is signed");
    schema.known(name).expect("a signed schema has this parameter")
}

/// Appends a source without its `signature` parameter: there is one at most, for a second one was refused before, and
/// most clients send it last.
fn unsigned(source: &[u8], out: &mut Vec<u8>) {
    const NAME: &[u8] = Name::Signature.as_str().as_bytes();
    let mut end = source.len();
    loop {
        let start = memrchr(b'&', &source[..end]).map_or(0, |at| at + 1);
        if let [b'=', ..] | [] = source[start..end].strip_prefix(NAME).unwrap_or(b"&") {
            // What stands behind it keeps one of the two `&`, or none when nothing stands before it.
            let (before, behind) = (&source[..start.saturating_sub(1)], &source[end..]);
            out.extend_from_slice(before);
            out.extend_from_slice(if start == 0 { behind.get(1..).unwrap_or_default() } else { behind });
            return;
        }
        if start == 0 {
            return out.extend_from_slice(source);
        }
        end = start - 1;
    }
}

fn joined(pairs: &[&(&str, Cow<'_, str>)], write: impl Fn(&[u8], &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    for (name, text) in pairs {
        if !out.is_empty() {
            out.push(b'&');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        write(text.as_bytes(), &mut out);
    }
    out
}

/// Percent-encodes as form encoders do: a space is `+`, unreserved characters stay.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text {
        match byte {
            b' ' => out.push(b'+'),
            b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            other if other.is_ascii_alphanumeric() => out.push(*other),
            other => {
                out.extend_from_slice(&[b'%', HEX[usize::from(other >> 4)], HEX[usize::from(other & 15)]]);
            }
        }
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut tag = [0; 32];
    for (byte, digits) in tag.iter_mut().zip(text.chunks_exact(2)) {
        *byte = hex(digits[0])? << 4 | hex(digits[1])?;
    }
    Some(tag)
}

/// Standard base64 with its padding; `None` when it is anything else.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if text.is_empty() || !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for four in text[..text.len() - padding].chunks(4) {
        let bits = four.iter().try_fold(0, |bits, byte| Some(bits << 6 | sextet(*byte)?))?;
        let bits = bits << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    Some(bytes)
}

fn sextet(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// The length of the modulus of a PKCS#1 `RSAPublicKey`: SEQUENCE { INTEGER n, INTEGER e }.
fn modulus_bits(der: &[u8]) -> Option<usize> {
    let (sequence, rest) = element(der, 0x30)?;
    let (modulus, exponent) = element(sequence, 0x02)?;
    let (_, after) = element(exponent, 0x02)?;
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let top = modulus.first()?.leading_zeros() as usize;
    (rest.is_empty() && after.is_empty()).then_some(modulus.len() * 8 - top)
}

/// The contents of a DER element of this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match *der {
        [t, length @ 0..=0x7f, ref rest @ ..] if t == tag => (usize::from(length), rest),
        [t, 0x81, length, ref rest @ ..] if t == tag => (usize::from(length), rest),
        [t, 0x82, high, low, ref rest @ ..] if t == tag => (usize::from(high) << 8 | usize::from(low), rest),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_strict() {
        let cases: [(&str, Option<&[u8]>); 9] = [
            ("TQ==", Some(b"M")),
            ("TWE=", Some(b"Ma")),
            ("TWFu", Some(b"Man")),
            ("+/+/", Some(&[0xfb, 0xff, 0xbf])),
            ("", None),
            ("TWF", None),
            ("TQ=", None),
            ("T===", None),
            ("TW-u", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(base64(text.as_bytes()).as_deref(), bytes, "{text}");
        }
    }

    #[test]
    fn the_signature_is_cut_out_wherever_it_stands() {
        let cases = [
            ("a=1&signature=x", "a=1"),
            ("signature=x&a=1", "a=1"),
            ("a=1&signature=x&b=2", "a=1&b=2"),
            ("signature=x", ""),
            ("a=1&signatures=x&b", "a=1&signatures=x&b"),
            ("signature&a=1", "a=1"),
            ("a=1&signature", "a=1"),
            ("&signature=x&", "&"),
            ("signature=x&&a=1&", "&a=1&"),
            ("a=signature=1&b", "a=signature=1&b"),
            ("", ""),
        ];
        for (source, payload) in cases {
            let mut out = b"q".to_vec();
            unsigned(source.as_bytes(), &mut out);
            assert_eq!(out, format!("q{payload}").into_bytes(), "{source}");
        }
    }

    #[test]
    fn windows_are_judged_to_the_microsecond() {
        let now = Micros(1_700_000_000_000_000);
        let at = |delta: i64, window| fits((Micros(now.0.wrapping_add_signed(delta)), Micros(window)), now);
        assert_eq!(at(999_999, 0), Ok(()));
        assert_eq!(at(1_000_000, 0), Err(errors::AHEAD_OF_TIME.error()));
        assert_eq!(at(-5_000_000, 5_000_000), Ok(()));
        assert_eq!(at(-5_000_001, 5_000_000), Err(errors::OUTSIDE_WINDOW.error()));
    }
}
