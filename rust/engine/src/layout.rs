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

/// One value's place in a layout.
pub trait Field: Sized {
    /// Appends the value.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes the value from the front of `input`.
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError>;
}

/// Takes `N` bytes from the front.
pub(crate) fn take_bytes<const N: usize>(input: &mut &[u8], what: &'static str) -> Result<[u8; N], DecodeError> {
    let (head, rest) = input.split_first_chunk::<N>().ok_or(DecodeError::Short(what))?;
    *input = rest;
    Ok(*head)
}

macro_rules! number_fields {
    ($($type:ident)*) => {$(
        impl Field for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
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
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }
            fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
                Field::take(input).map(Self)
            }
        }
    )*};
}
unit_fields!(Price Quantity Amount Delta Rate Micros Sequence AccountId AssetId MarketId KeyId OrderId TradeId
    AggregateId UpdateId ExecutionId PreventedId Lane);

impl Field for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        match u8::take(input)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DecodeError::Value { kind: "bool", value: other.into() }),
        }
    }
}

impl Field for ClientId {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.as_bytes().len() as u8);
        out.extend_from_slice(self.as_bytes());
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let length = u8::take(input)? as usize;
        let text = take_text(input, length)?;
        Self::new(text).ok_or(DecodeError::Value { kind: "ClientId", value: text.len() as u64 })
    }
}

impl Field for String {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        out.extend_from_slice(self.as_bytes());
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
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        take_bytes(input, "bytes")
    }
}

impl<T: Field> Field for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
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
            fn put(&self, out: &mut Vec<u8>) {
                out.push(*self as u8);
            }
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
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }
            fn take(input: &mut &[u8]) -> Result<Self, $crate::layout::DecodeError> {
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
                use $crate::layout::Field;
                match self {
                    $(Self::$name(value) => {
                        let _ = value;
                        ($kind as u16).put(out);
                        ($version as u8).put(out);
                        $(value.$field.put(out);)*
                    })*
                }
            }

            /// Reads what [`Self::encode`] wrote; all of `input` must be used.
            pub fn decode(mut input: &[u8]) -> Result<Self, $crate::layout::DecodeError> {
                use $crate::layout::Field;
                let kind = u16::take(&mut input)?;
                let version = u8::take(&mut input)?;
                let value = match (kind, version) {
                    $(($kind, $version) => Self::$name($name { $($field: Field::take(&mut input)?),* }),)*
                    _ => return Err($crate::layout::DecodeError::Unknown { kind, version }),
                };
                if input.is_empty() { Ok(value) } else { Err($crate::layout::DecodeError::Trailing(input.len())) }
            }
        }
    };
}

pub(crate) use {enums, layouts, records};
