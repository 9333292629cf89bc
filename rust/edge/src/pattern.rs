//! The legal ranges of texts: the small part of regular expressions that Binance shows in its −1100.

/// A legal range such as `^[a-zA-Z0-9-_]{1,36}$`: one class of characters and how many of them.
///
/// A class holds characters, ranges, `\w` and escaped characters, and may end in `&&[^…]`, which takes characters
/// away. Letters and digits beyond ASCII are legal where `\w` stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    class: Class,
    least: usize,
    most: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Class {
    /// Bit `c` is set when ASCII character `c` is legal.
    ascii: u128,
    /// Whether letters and digits beyond ASCII are.
    beyond: bool,
}

impl Pattern {
    /// Symbols, as Binance takes them.
    pub const SYMBOL: &str = r"^[\w\-._&&[^a-z]]{1,50}$";
    /// Client order ids, as Binance takes them.
    pub const CLIENT_ID: &str = "^[a-zA-Z0-9-_]{1,36}$";
    /// Whole numbers, as Binance shows them.
    pub const WHOLE: &str = "^[0-9]{1,20}$";
    /// Decimals, as Binance shows them. Not a [`Pattern`]: the decimal reader is its own judge.
    pub const DECIMAL: &str = r"^([0-9]{1,20})(\.[0-9]{1,20})?$";

    /// Reads a legal range; `None` when it is not of the form above.
    pub fn new(text: &str) -> Option<Self> {
        let (class, counts) = text.strip_prefix("^[")?.strip_suffix("}$")?.rsplit_once("]{")?;
        let (least, most) = counts.split_once(',').unwrap_or((counts, counts));
        let (least, most) = (least.parse().ok()?, most.parse().ok()?);
        (least <= most).then_some(())?;
        Some(Self { text: text.into(), class: Class::new(class)?, least, most })
    }

    /// The range as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a value is in the range.
    pub fn matches(&self, value: &str) -> bool {
        let counts = self.least..=self.most;
        if value.is_ascii() {
            counts.contains(&value.len()) && value.bytes().all(|byte| self.class.ascii >> byte & 1 == 1)
        } else {
            counts.contains(&value.chars().count()) && value.chars().all(|c| self.class.contains(c))
        }
    }

    /// The legal range of a list of such values, as JSON text: `^\[("…"(,"…"){0,}){0,1}\]$`.
    pub fn list(&self) -> String {
        let item = self.text.trim_start_matches('^').trim_end_matches('$');
        format!(r#"^\[("{item}"(,"{item}"){{0,}}){{0,1}}\]$"#)
    }
}

impl Class {
    fn new(text: &str) -> Option<Self> {
        let (taken, away) = match text.split_once("&&[^") {
            Some((taken, away)) => (taken, away.strip_suffix(']')?),
            None => (text, ""),
        };
        let (taken, away) = (Self::read(taken)?, Self::read(away)?);
        Some(Self { ascii: taken.ascii & !away.ascii, beyond: taken.beyond })
    }

    fn read(text: &str) -> Option<Self> {
        text.is_ascii().then_some(())?;
        let mut class = Self::default();
        let mut rest = text.as_bytes();
        loop {
            rest = match *rest {
                [] => return Some(class),
                [b'\\', b'w', ref rest @ ..] => {
                    class.words();
                    rest
                }
                [b'\\', c, ref rest @ ..] => {
                    class.add(c, c);
                    rest
                }
                [low, b'-', high, ref rest @ ..] if low.is_ascii_alphanumeric() && high.is_ascii_alphanumeric() => {
                    class.add(low, high);
                    rest
                }
                [c, ref rest @ ..] => {
                    class.add(c, c);
                    rest
                }
            };
        }
    }

    fn words(&mut self) {
        self.add(b'a', b'z');
        self.add(b'A', b'Z');
        self.add(b'0', b'9');
        self.add(b'_', b'_');
        self.beyond = true;
    }

    fn add(&mut self, low: u8, high: u8) {
        (low..=high).for_each(|c| self.ascii |= 1 << c);
    }

    fn contains(self, c: char) -> bool {
        if c.is_ascii() { self.ascii >> (c as u32) & 1 == 1 } else { self.beyond && c.is_alphanumeric() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_judge_as_written() {
        let cases = [
            (Pattern::SYMBOL, "BTCUSDT", true),
            (Pattern::SYMBOL, "1000CAT_USD-1.A", true),
            (Pattern::SYMBOL, "btcusdt", false),
            (Pattern::SYMBOL, "BTC/USDT", false),
            (Pattern::SYMBOL, "１２３４５６", true),
            (Pattern::SYMBOL, "", false),
            (Pattern::CLIENT_ID, "x-HNA2TXFJ_1-a", true),
            (Pattern::CLIENT_ID, "with.period", false),
            (Pattern::CLIENT_ID, "é", false),
            ("^[0-9]{2,3}$", "1", false),
            ("^[0-9]{2,3}$", "123", true),
            ("^[0-9]{2,3}$", "1234", false),
            ("^[A-Za-z]{4}$", "abCD", true),
        ];
        for (range, value, legal) in cases {
            assert_eq!(Pattern::new(range).unwrap().matches(value), legal, "{range} {value}");
        }
        assert!(!Pattern::new(Pattern::SYMBOL).unwrap().matches(&"A".repeat(51)));
    }

    #[test]
    fn other_forms_are_refused() {
        for range in ["", "^[a-z]$", "[a-z]{1,2}", "^[a-z]{2,1}$", "^(a|b){1,2}$", "^[a-z&&[^b]{1,2}$", "^[é]{1,2}$"] {
            assert_eq!(Pattern::new(range), None, "{range}");
        }
    }

    #[test]
    fn a_list_shows_its_items() {
        let list = Pattern::new(Pattern::SYMBOL).unwrap().list();
        assert_eq!(list, r#"^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$"#);
    }
}
