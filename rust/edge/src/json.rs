//! Writing JSON straight into bytes: numbers as Binance prints them, and nothing that could fail.

use agio_engine::units::{Micros, ONE};

/// How a reply is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Times in microseconds (`X-MBX-TIME-UNIT: MICROSECOND`, `timeUnit=MICROSECOND`) rather than milliseconds.
    pub micros: bool,
}

impl Style {
    /// Times in milliseconds.
    pub const MILLIS: Self = Self { micros: false };
    /// Times in microseconds.
    pub const MICROS: Self = Self { micros: true };

    fn time(self, time: Micros) -> u64 {
        if self.micros { time.0 } else { time.0 / 1_000 }
    }
}

/// The decimal digits of 00 to 99.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Appends a number of 10^-8 with eight decimals, such as `0.10000000`.
pub fn decimal(value: u128, out: &mut Vec<u8>) {
    let fraction = if let Ok(small) = u64::try_from(value) {
        whole(small / ONE, out);
        small % ONE
    } else {
        out.extend_from_slice(itoa::Buffer::new().format(value / u128::from(ONE)).as_bytes());
        (value % u128::from(ONE)) as u64
    };
    let mut tail = [b'.'; 9];
    let parts = [fraction / 1_000_000, fraction / 10_000 % 100, fraction / 100 % 100, fraction % 100];
    for (digits, part) in tail[1..].chunks_exact_mut(2).zip(parts) {
        digits.copy_from_slice(&PAIRS[part as usize]);
    }
    out.extend_from_slice(&tail);
}

/// Appends a whole number.
pub(crate) fn whole(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a quoted text, escaped.
pub(crate) fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(text.as_bytes());
    } else {
        text.bytes().for_each(|byte| escaped(byte, out));
    }
    out.push(b'"');
}

fn escaped(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        0..b' ' => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        _ => out.push(byte),
    }
}

/// Appends a quoted decimal.
pub(crate) fn quoted_decimal(value: u128, out: &mut Vec<u8>) {
    out.push(b'"');
    decimal(value, out);
    out.push(b'"');
}

/// Appends `[item,item]`.
pub(crate) fn array<T>(items: impl IntoIterator<Item = T>, out: &mut Vec<u8>, mut item: impl FnMut(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, value) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        item(value, out);
    }
    out.push(b']');
}

/// An object under way: `open`, one call per field, `close`. Field names are written as they are.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Object<'a> {
    pub(crate) fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out }
    }

    pub(crate) fn close(self) {
        self.out.push(b'}');
    }

    /// Begins a field whose value the caller appends to what is returned.
    pub(crate) fn field(&mut self, name: &str) -> &mut Vec<u8> {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        quoted(value, self.field(name));
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        whole(value, self.field(name));
    }

    pub(crate) fn signed(&mut self, name: &str, value: i64) {
        self.field(name).extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    pub(crate) fn decimal(&mut self, name: &str, value: impl Into<u128>) {
        quoted_decimal(value.into(), self.field(name));
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        self.field(name).extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(crate) fn null(&mut self, name: &str) {
        self.field(name).extend_from_slice(b"null");
    }

    pub(crate) fn time(&mut self, name: &str, style: Style, time: Micros) {
        self.number(name, style.time(time));
    }
}
