//! One parameter: its kind, and reading its text into a typed value.

use std::borrow::Cow;

use agio_engine::units::{Amount, ClientId, Micros, ONE};
use memchr::{memchr, memchr_iter};

use crate::errors::{self, ApiError, Template};
use crate::pattern::Pattern;

/// The largest price or quantity, 2^63 − 1 at 10^-8: Binance's own cap of a level's quantity.
pub const MAX_DECIMAL: u64 = i64::MAX as u64;
/// Times at or above this are microseconds, below it milliseconds: the year 5138 in one, 1973 in the other.
pub const FIRST_MICROSECONDS: u64 = 100_000_000_000_000;
/// The longest `recvWindow`: 60 000 ms.
pub const MAX_WINDOW: Micros = Micros(60_000_000);

/// What a parameter's text may be, and what becomes of it.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A text within a legal range ([`Value::Text`]).
    Text(Pattern),
    /// Texts within a legal range, none twice ([`Value::List`]).
    List(List),
    /// A price or quantity ([`Value::Decimal`]).
    Decimal,
    /// An amount, beyond 64 bits ([`Value::Amount`]).
    Amount,
    /// A whole number ([`Value::Long`]).
    Long(Range),
    /// One of some names ([`Value::Choice`]), and the error when it is none of them.
    Choice(Box<[Box<str>]>, Option<Template>),
    /// A client order id ([`Value::Client`]).
    ClientId(Pattern),
    /// `true` or `false` in any case ([`Value::Flag`]).
    Flag,
    /// A time in milliseconds or microseconds, by its magnitude ([`Value::Time`]).
    Time,
    /// The last moment of a window, which belongs to it. In milliseconds it means all of that millisecond, for what
    /// happened within is shown with this time: its last microsecond.
    Until,
    /// `recvWindow`: milliseconds with up to three decimals, at most [`MAX_WINDOW`] ([`Value::Time`]).
    Window,
    /// The signature: its text as sent, percent-decoded ([`Value::Text`]).
    Signature,
}

/// A list of texts.
#[derive(Clone, Debug)]
pub struct List {
    /// What each may be.
    pub pattern: Pattern,
    /// How many there may be.
    pub most: usize,
    /// Whether a single text may stand without brackets and quotes.
    pub bare: bool,
}

/// The range of a whole number.
#[derive(Clone, Debug)]
pub struct Range {
    /// The smallest.
    pub min: i64,
    /// The largest.
    pub max: i64,
    /// Whether a larger one counts as the largest (as `limit` does) rather than being refused.
    pub clamp: bool,
    /// The error outside the range; −1130 without one.
    pub error: Option<Template>,
}

/// A typed value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// Not sent.
    #[default]
    Absent,
    /// 10^-8 of a unit, up to [`MAX_DECIMAL`].
    Decimal(u64),
    /// 10^-8 of a unit.
    Amount(Amount),
    /// A whole number.
    Long(i64),
    /// The position in the parameter's list of names.
    Choice(u8),
    /// A client order id.
    Client(ClientId),
    /// Yes or no.
    Flag(bool),
    /// A point in time, or a duration.
    Time(Micros),
    /// A text.
    Text(Box<str>),
    /// Texts.
    List(Box<[Box<str>]>),
}

impl Kind {
    /// Reads a decoded text. Errors carry `name`.
    pub fn read(&self, name: &str, text: &str) -> Result<Value, ApiError> {
        if text.is_empty() {
            return Err(errors::EMPTY.with(&[&name]));
        }
        match self {
            Self::Text(pattern) => within(pattern, name, text).map(|text| Value::Text(text.into())),
            Self::List(list) => list.read(name, text).map(Value::List),
            Self::Decimal => Ok(Value::Decimal(small_decimal(name, text)?)),
            Self::Amount => Ok(Value::Amount(Amount(decimal(name, text, 8)?))),
            Self::Long(range) => range.read(name, text).map(Value::Long),
            Self::Choice(names, error) => choice(names, *error, name, text),
            Self::ClientId(pattern) => client_id(pattern, name, text).map(Value::Client),
            Self::Flag => flag(name, text).map(Value::Flag),
            Self::Time => time(name, text, 0).map(Value::Time),
            Self::Until => time(name, text, 999).map(Value::Time),
            Self::Window => window(name, text).map(Value::Time),
            Self::Signature => Ok(Value::Text(text.into())),
        }
    }
}

impl Range {
    fn read(&self, name: &str, text: &str) -> Result<i64, ApiError> {
        let value = whole(name, text)?;
        match value {
            above if above > self.max && self.clamp => Ok(self.max),
            inside if (self.min..=self.max).contains(&inside) => Ok(inside),
            _ => Err(self.error.map_or_else(|| errors::INVALID.with(&[&name]), |own| own.error())),
        }
    }
}

fn illegal(name: &str, range: &str) -> ApiError {
    errors::ILLEGAL.with(&[&name, &range])
}

fn within<'a>(pattern: &Pattern, name: &str, text: &'a str) -> Result<&'a str, ApiError> {
    if pattern.matches(text) { Ok(text) } else { Err(illegal(name, pattern.as_str())) }
}

fn client_id(pattern: &Pattern, name: &str, text: &str) -> Result<ClientId, ApiError> {
    within(pattern, name, text)
        .ok()
        .and_then(|text| ClientId::new(text.as_bytes()))
        .ok_or_else(|| illegal(name, pattern.as_str()))
}

fn choice(names: &[Box<str>], error: Option<Template>, name: &str, text: &str) -> Result<Value, ApiError> {
    match names.iter().position(|known| **known == *text) {
        Some(position) => Ok(Value::Choice(position as u8)),
        None => Err(error.map_or_else(|| errors::INVALID.with(&[&name]), |own| own.error())),
    }
}

fn flag(name: &str, text: &str) -> Result<bool, ApiError> {
    let known = [("true", true), ("false", false)];
    let found = known.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| errors::INVALID.with(&[&name]))
}

impl List {
    /// `["A","B"]`, without spaces, as Binance reads it.
    fn read(&self, name: &str, text: &str) -> Result<Box<[Box<str>]>, ApiError> {
        let illegal = || illegal(name, &self.pattern.list());
        if self.bare && self.pattern.matches(text) {
            return Ok([text.into()].into());
        }
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).ok_or_else(illegal)?;
        let mut items: Vec<Box<str>> = Vec::new();
        for item in inner.split(',').filter(|_| !inner.is_empty()) {
            let item = item.strip_prefix('"').and_then(|item| item.strip_suffix('"'));
            items.push(item.filter(|item| self.pattern.matches(item)).ok_or_else(illegal)?.into());
        }
        if items.len() > self.most {
            return Err(errors::TOO_MANY_VALUES.with(&[&name, &self.most]));
        }
        if repeated(&items) { Err(errors::REPEATED_SYMBOL.error()) } else { Ok(items.into()) }
    }
}

fn repeated(items: &[Box<str>]) -> bool {
    let mut sorted: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

/// The value of 1 to 20 digits.
fn digits(text: &str) -> Option<u128> {
    let (most, last) = text.as_bytes().split_at_checked(19).unwrap_or((text.as_bytes(), b""));
    let mut value = 0_u64;
    for byte in most {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    match *last {
        [] if text.is_empty() => None,
        [] => Some(value.into()),
        [byte @ b'0'..=b'9'] => Some(u128::from(value) * 10 + u128::from(byte - b'0')),
        _ => None,
    }
}

/// Up to 20 digits below 2^63.
fn whole(name: &str, text: &str) -> Result<i64, ApiError> {
    let value = digits(text).ok_or_else(|| illegal(name, Pattern::WHOLE))?;
    i64::try_from(value).map_err(|_| errors::OVERFLOW.with(&[&name]))
}

/// Powers of ten.
const TENS: [u32; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// A decimal as a whole number of 10^-`places` (at most 8): up to 20 digits before the point, up to `places` behind it.
fn decimal(name: &str, text: &str, places: usize) -> Result<u128, ApiError> {
    let (before, behind) = text.split_once('.').map_or((text, None), |(before, behind)| (before, Some(behind)));
    let fraction = behind.map_or(Some(0), digits);
    let (Some(units), Some(fraction)) = (digits(before), fraction) else {
        return Err(illegal(name, Pattern::DECIMAL));
    };
    let sent = behind.map_or(0, str::len);
    if sent > places {
        return Err(errors::PRECISION.with(&[&name]));
    }
    let [whole, rest] = [places, places - sent].map(|zeros| u128::from(TENS[zeros]));
    Ok(units * whole + fraction * rest)
}

fn small_decimal(name: &str, text: &str) -> Result<u64, ApiError> {
    const { assert!(ONE == 100_000_000) };
    let value = decimal(name, text, 8)?;
    if value > u128::from(MAX_DECIMAL) { Err(errors::OVERFLOW.with(&[&name])) } else { Ok(value as u64) }
}

/// `within` is which microsecond of a millisecond is meant.
fn time(name: &str, text: &str, within: u64) -> Result<Micros, ApiError> {
    let value = whole(name, text)? as u64;
    Ok(Micros(if value < FIRST_MICROSECONDS { value * 1_000 + within } else { value }))
}

fn window(name: &str, text: &str) -> Result<Micros, ApiError> {
    let value = decimal(name, text, 3)?;
    if value > u128::from(MAX_WINDOW.0) {
        return Err(errors::GREATER.with(&[&name, &(MAX_WINDOW.0 / 1_000)]));
    }
    Ok(Micros(value as u64))
}

/// The pieces of a form, between its `&`.
pub(crate) fn pairs(form: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    memchr_iter(b'&', form.as_bytes()).chain([form.len()]).map(move |end| {
        let pair = &form[start..end];
        start = end + 1;
        pair
    })
}

/// Name and value of a piece of a form; without a `=` it is all name.
pub(crate) fn named(pair: &str) -> (&str, &str) {
    memchr(b'=', pair.as_bytes()).map_or((pair, ""), |at| (&pair[..at], &pair[at + 1..]))
}

/// Percent-decodes; `plus` makes `+` a space, as forms do. `None` when an escape or the UTF-8 behind it is broken.
pub fn unescape(raw: &str, plus: bool) -> Option<Cow<'_, str>> {
    if !(raw.contains('%') || plus && raw.contains('+')) {
        return Some(raw.into());
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        decoded.push(match *byte {
            b'+' if plus => b' ',
            b'%' => {
                let [high, low, tail @ ..] = tail else { return None };
                rest = tail;
                hex(*high)? << 4 | hex(*low)?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
