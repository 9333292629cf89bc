//! The binary layouts of commands and events, each described once.
//!
//! [`layouts!`] turns one description into the struct, its codec and the table that the reference documentation and
//! `agio inspect` print. Numbers are little-endian; a list is a `u32` count and its items; an option is a byte and its
//! value; a kind's number is never reused, and a changed layout gets a new version.

use crate::units::{
    AccountId, AggregateId, Amount, AssetId, ClientId, Delta, ExecutionId, KeyId, Lane, MarketId, Micros, OrderId,
    PreventedId, Price, Quantity, Rate, Sequence, TradeId, UpdateId,
};

/// Bytes that are not what the layout says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a field.
    #[error("the bytes end inside field {0}")]
    Short(&'static str),
    /// A byte stands where only other values are legal.
    #[error("{value} is not a legal {kind}")]
    Value {
        /// The type that was read.
        kind: &'static str,
        /// What stood there.
        value: u64,
    },
    /// No such kind or version in this release.
    #[error("kind {kind} version {version} is not known to this release")]
    Unknown {
        /// The kind's number.
        kind: u16,
        /// Its version.
        version: u8,
    },
    /// Bytes are left over after the last field.
    #[error("{0} bytes are left over")]
    Trailing(usize),
}

/// Where encoded bytes go.
pub trait Writer {
    /// Appends the first `used` of the bytes.
    fn put<const N: usize>(&mut self, bytes: &[u8; N], used: usize);
    /// Appends all bytes.
    fn put_all(&mut self, bytes: &[u8]);
}

impl Writer for Vec<u8> {
    #[inline]
    fn put<const N: usize>(&mut self, bytes: &[u8; N], used: usize) {
        self.extend_from_slice(&bytes[..used]);
    }
    #[inline]
    fn put_all(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Room for one command or event: of a size that is known when compiling, so that most fields are plain stores.
pub(crate) struct Packed<'a> {
    rest: &'a mut [u8],
}

impl<'a> Packed<'a> {
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub(crate) fn new<const N: usize>(room: &'a mut [u8; N]) -> Self {
        Self { rest: room }
    }

    /// How much room is left.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }
}

impl Writer for Packed<'_> {
    /// What is not used is overwritten by what follows.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn put<const M: usize>(&mut self, bytes: &[u8; M], used: usize) {
        let rest = std::mem::take(&mut self.rest);
        *rest.first_chunk_mut().expect(ROOMY) = *bytes;
        self.rest = &mut rest[used..];
    }
    #[inline]
    fn put_all(&mut self, bytes: &[u8]) {
        let (room, rest) = std::mem::take(&mut self.rest).split_at_mut(bytes.len());
        room.copy_from_slice(bytes);
        self.rest = rest;
    }
}

const ROOMY: &str = "the room is as large as the layout's fields at their largest";

/// The size of a text: any.
const UNBOUNDED: usize = 1 << 20;
/// The largest layout that is worth room of its own.
pub(crate) const PACKED: usize = 512;

/// The sum of the fields' sizes.
pub(crate) const fn sum(sizes: &[usize]) -> usize {
    let (mut sum, mut at) = (0, 0);
    while at < sizes.len() {
        sum += sizes[at];
        at += 1;
    }
    sum
}

/// One value's place in a layout.
pub trait Field: Sized {
    /// The most bytes that it takes.
    const SIZE: usize;
    /// Whether it always takes so many.
    const FIXED: bool = true;
    /// Appends the value.
    fn put(&self, out: &mut impl Writer);
    /// Takes the value from the front of `input`.
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError>;
}

/// Takes `N` bytes from the front.
#[inline]
pub(crate) fn take_bytes<const N: usize>(input: &mut &[u8], what: &'static str) -> Result<[u8; N], DecodeError> {
    let (head, rest) = input.split_first_chunk::<N>().ok_or(DecodeError::Short(what))?;
    *input = rest;
    Ok(*head)
}

macro_rules! number_fields {
    ($($type:ident)*) => {$(
        impl Field for $type {
            const SIZE: usize = size_of::<Self>();
            #[inline(always)]
            #[allow(clippy::inline_always)]
            fn put(&self, out: &mut impl Writer) {
                out.put(&self.to_le_bytes(), Self::SIZE);
            }
            #[inline]
            fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
                take_bytes(input, stringify!($type)).map(Self::from_le_bytes)
            }
        }
    )*};
}
number_fields!(u8 u16 u32 u64 u128 i32 i64 i128);

macro_rules! unit_fields {
    ($($type:ident)*) => {$(
        impl Field for $type {
            const SIZE: usize = size_of::<Self>();
            #[inline(always)]
            #[allow(clippy::inline_always)]
            fn put(&self, out: &mut impl Writer) {
                self.0.put(out);
            }
            #[inline]
            fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
                Field::take(input).map(Self)
            }
        }
    )*};
}
unit_fields!(Price Quantity Amount Delta Rate Micros Sequence AccountId AssetId MarketId KeyId OrderId TradeId
    AggregateId UpdateId ExecutionId PreventedId Lane);

impl Field for bool {
    const SIZE: usize = 1;
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn put(&self, out: &mut impl Writer) {
        u8::from(*self).put(out);
    }
    #[inline]
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        match u8::take(input)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DecodeError::Value { kind: "bool", value: other.into() }),
        }
    }
}

impl Field for ClientId {
    const SIZE: usize = 1 + ClientId::MAX;
    const FIXED: bool = false;
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn put(&self, out: &mut impl Writer) {
        let (bytes, length) = self.padded();
        (length as u8).put(out);
        out.put(bytes, length);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let length = u8::take(input)? as usize;
        let text = take_text(input, length)?;
        Self::new(text).ok_or(DecodeError::Value { kind: "ClientId", value: text.len() as u64 })
    }
}

impl Field for String {
    const SIZE: usize = UNBOUNDED;
    const FIXED: bool = false;
    fn put(&self, out: &mut impl Writer) {
        (self.len() as u32).put(out);
        out.put_all(self.as_bytes());
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let length = u32::take(input)? as usize;
        let text = take_text(input, length)?;
        Self::from_utf8(text.to_vec()).map_err(|_| DecodeError::Value { kind: "text", value: length as u64 })
    }
}

fn take_text<'a>(input: &mut &'a [u8], length: usize) -> Result<&'a [u8], DecodeError> {
    let (text, rest) = input.split_at_checked(length).ok_or(DecodeError::Short("text"))?;
    *input = rest;
    Ok(text)
}

impl<const N: usize> Field for [u8; N] {
    const SIZE: usize = N;
    fn put(&self, out: &mut impl Writer) {
        out.put(self, N);
    }
    #[inline]
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        take_bytes(input, "bytes")
    }
}

impl<T: Field> Field for Option<T> {
    const SIZE: usize = 1 + T::SIZE;
    const FIXED: bool = false;
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn put(&self, out: &mut impl Writer) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        bool::take(input)?.then(|| T::take(input)).transpose()
    }
}

/// One field of a layout, for documentation.
#[derive(Clone, Copy, Debug)]
pub struct FieldDoc {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// One kind's layout, for documentation.
#[derive(Clone, Copy, Debug)]
pub struct LayoutDoc {
    /// The kind's number in the log; 0 for a part of other layouts.
    pub kind: u16,
    /// The layout's version.
    pub version: u8,
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Its fields, in order.
    pub fields: &'static [FieldDoc],
}

/// A small enumeration, for documentation.
#[derive(Clone, Copy, Debug)]
pub struct EnumDoc {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Number, name and meaning of each value.
    pub values: &'static [(u8, &'static str, &'static str)],
}

/// Small enumerations that travel as one byte: `name = number`.
macro_rules! enums {
    ($($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident = $number:literal),* $(,)? })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[repr(u8)]
        pub enum $name { $($(#[doc = $vdoc])* $variant = $number),* }

        impl $name {
            /// All values, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The values, for documentation.
            pub const VALUES: $crate::layout::EnumDoc = $crate::layout::EnumDoc {
                name: stringify!($name), doc: concat!($($doc),*),
                values: &[$(($number, stringify!($variant), concat!($($vdoc),*))),*],
            };
        }

        impl $crate::layout::Field for $name {
            const SIZE: usize = 1;
            #[inline(always)]
            #[allow(clippy::inline_always)]
            fn put(&self, out: &mut impl $crate::layout::Writer) {
                (*self as u8).put(out);
            }
            #[inline]
            fn take(input: &mut &[u8]) -> Result<Self, $crate::layout::DecodeError> {
                match u8::take(input)? {
                    $($number => Ok(Self::$variant),)*
                    other => Err($crate::layout::DecodeError::Value { kind: stringify!($name), value: other.into() }),
                }
            }
        }
    )*};
}

/// Structs that are parts of other layouts.
macro_rules! records {
    ($($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $fdoc:literal])* $field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[allow(unreachable_pub)]
        pub struct $name { $($(#[doc = $fdoc])* pub $field: $type),* }

        impl $crate::layout::Field for $name {
            const SIZE: usize = $crate::layout::sum(&[$(<$type as $crate::layout::Field>::SIZE),*]);
            const FIXED: bool = $(<$type as $crate::layout::Field>::FIXED)&&*;
            #[inline(always)]
            #[allow(clippy::inline_always)]
            fn put(&self, out: &mut impl $crate::layout::Writer) {
                $(self.$field.put(out);)*
            }
            /// What is of a fixed size is looked for once, so that no field of it asks again.
            #[inline]
            fn take(input: &mut &[u8]) -> Result<Self, $crate::layout::DecodeError> {
                if let Some((front, rest)) = input.split_first_chunk::<{ <$name as $crate::layout::Field>::SIZE }>()
                    && Self::FIXED
                {
                    let mut front = &front[..];
                    let value = Self { $($field: $crate::layout::Field::take(&mut front)?),* };
                    *input = rest;
                    return Ok(value);
                }
                Ok(Self { $($field: $crate::layout::Field::take(input)?),* })
            }
        }

        #[allow(unreachable_pub)]
        impl $name {
            /// The layout, for documentation.
            pub const LAYOUT: $crate::layout::LayoutDoc = $crate::layout::LayoutDoc {
                kind: 0, version: 0, name: stringify!($name), doc: concat!($($doc),*),
                fields: &[$($crate::layout::FieldDoc {
                    name: stringify!($field), kind: stringify!($type), doc: concat!($($fdoc),*),
                }),*],
            };
        }
    )*};
}

/// An enum of kinds: each has a number, a version, a name and fields, and becomes a struct and a variant.
macro_rules! layouts {
    ($(#[doc = $edoc:literal])* $enum:ident {
        $($(#[doc = $doc:literal])* $kind:literal v $version:literal $name:ident { $($(#[doc = $fdoc:literal])* $field:ident: $type:ty),* $(,)? })*
    }) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
            pub struct $name { $($(#[doc = $fdoc])* pub $field: $type),* }

            impl $name {
                /// The most bytes that kind, version and fields take.
                const MOST: usize = 3 + $crate::layout::sum(&[$(<$type as $crate::layout::Field>::SIZE),*]);
                /// The room that encoding takes: what is put is written whole before its end is cut off. 0 for texts, which
                /// have no bound.
                const ROOM: usize = if Self::MOST <= $crate::layout::PACKED { Self::MOST + $crate::units::ClientId::MAX } else { 0 };

                #[inline(always)]
                #[allow(clippy::inline_always)]
                fn write(&self, out: &mut impl $crate::layout::Writer) {
                    use $crate::layout::Field;
                    ($kind as u16).put(out);
                    ($version as u8).put(out);
                    $(self.$field.put(out);)*
                }

                #[inline(always)]
                #[allow(clippy::inline_always)]
                fn write_front(&self, room: &mut [u8]) -> Option<usize> {
                    if Self::ROOM == 0 {
                        return None;
                    }
                    let mut packed = $crate::layout::Packed::new(room.first_chunk_mut::<{ $name::ROOM }>()?);
                    self.write(&mut packed);
                    Some(Self::ROOM - packed.left())
                }
            }
        )*

        $(#[doc = $edoc])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $enum { $($(#[doc = $doc])* $name($name)),* }

        $(impl From<$name> for $enum {
            fn from(value: $name) -> Self {
                Self::$name(value)
            }
        })*

        impl $enum {
            /// Every kind's layout, in order of their numbers.
            pub const LAYOUTS: &'static [$crate::layout::LayoutDoc] = &[$($crate::layout::LayoutDoc {
                kind: $kind, version: $version, name: stringify!($name), doc: concat!($($doc),*),
                fields: &[$($crate::layout::FieldDoc {
                    name: stringify!($field), kind: stringify!($type), doc: concat!($($fdoc),*),
                }),*],
            }),*];

            /// The kind's name.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name)),* }
            }

            /// Appends kind (`u16`), version (`u8`) and fields.
            pub fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(value) => {
                        let mut room = [0; $name::ROOM];
                        match value.write_front(&mut room) {
                            Some(length) => out.extend_from_slice(&room[..length]),
                            None => value.write(out),
                        }
                    })*
                }
            }

            /// Writes what [`Self::encode`] appends to the front of `room`, and returns its length. `None` if there is not
            /// enough room for the largest of its kind, or if its kind has no largest.
            #[inline(never)]
            pub fn encode_front(&self, room: &mut [u8]) -> Option<usize> {
                match self { $(Self::$name(value) => value.write_front(room)),* }
            }

            /// Reads what [`Self::encode`] wrote; all of `input` must be used.
            pub fn decode(mut input: &[u8]) -> Result<Self, $crate::layout::DecodeError> {
                let value = Self::take(&mut input)?;
                if input.is_empty() { Ok(value) } else { Err($crate::layout::DecodeError::Trailing(input.len())) }
            }

            /// Reads what [`Self::encode`] wrote from the front of `input`, which may go on with the next.
            pub fn take(input: &mut &[u8]) -> Result<Self, $crate::layout::DecodeError> {
                use $crate::layout::Field;
                let kind = u16::take(input)?;
                let version = u8::take(input)?;
                match (kind, version) {
                    $(($kind, $version) => Ok(Self::$name($name { $($field: Field::take(input)?),* })),)*
                    _ => Err($crate::layout::DecodeError::Unknown { kind, version }),
                }
            }
        }
    };
}

pub(crate) use {enums, layouts, records};
