//! The JSON form of a schema, as [`crate::schema`] documents it.

use serde::Deserialize;

use crate::errors;
use crate::params::{Kind, List, Range};
use crate::pattern::Pattern;
use crate::schema::{Param, Required, SchemaError};

/// The JSON form of a schema.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    #[serde(default)]
    signed: bool,
    #[serde(default)]
    params: Vec<Row>,
}

/// The JSON form of a parameter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    kind: String,
    #[serde(default)]
    required: Requirement,
    values: Option<Vec<Box<str>>>,
    error: Option<i32>,
    min: Option<i64>,
    max: Option<i64>,
    clamp: Option<bool>,
    pattern: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Requirement {
    Flag(bool),
    Or { or: String },
}

/// Reads parameters, and whether requests are signed.
pub(crate) fn read(description: &[u8]) -> Result<(Vec<Param>, bool), SchemaError> {
    let description: Description =
        serde_json::from_slice(description).map_err(|error| SchemaError(error.to_string()))?;
    let params = description.params.into_iter().map(Row::param).collect::<Result<_, _>>()?;
    Ok((params, description.signed))
}

impl Default for Requirement {
    fn default() -> Self {
        Self::Flag(false)
    }
}

/// The time that ends a window, in every operation that has one.
const LAST_MOMENT: &str = "endTime";
/// How many values a list takes when the description does not say.
const MAX_LIST: i64 = 1_000;

impl Row {
    fn param(mut self) -> Result<Param, SchemaError> {
        let kind = self.kind()?;
        let left = [
            ("values", self.values.is_some()),
            ("error", self.error.is_some()),
            ("min", self.min.is_some()),
            ("max", self.max.is_some()),
            ("clamp", self.clamp.is_some()),
            ("pattern", self.pattern.is_some()),
        ];
        if let Some((field, _)) = left.iter().find(|(_, left)| *left) {
            return Err(self.wrong(&format!("{field} means nothing for kind {}", self.kind)));
        }
        let required = match self.required {
            Requirement::Flag(false) => Required::No,
            Requirement::Flag(true) => Required::Yes,
            Requirement::Or { or } => Required::Or(or),
        };
        Ok(Param { name: self.name, kind, required })
    }

    /// Takes what the kind needs; what it does not need stays.
    fn kind(&mut self) -> Result<Kind, SchemaError> {
        Ok(match self.kind.as_str() {
            "symbol" => Kind::Text(self.range(Some(Pattern::SYMBOL))?),
            "symbols" => self.list(Some(Pattern::SYMBOL))?,
            "text" => Kind::Text(self.range(None)?),
            "list" => self.list(None)?,
            "decimal" => Kind::Decimal,
            "amount" => Kind::Amount,
            "long" | "int" => Kind::Long(self.long()?),
            "enum" => self.choice()?,
            "client_id" => Kind::ClientId(self.range(Some(Pattern::CLIENT_ID))?),
            "bool" => Kind::Flag,
            "time" if self.name == LAST_MOMENT => Kind::Until,
            "time" => Kind::Time,
            other => return Err(self.wrong(&format!("no kind {other}"))),
        })
    }

    fn range(&mut self, default: Option<&str>) -> Result<Pattern, SchemaError> {
        let own = self.pattern.take();
        let text = own.as_deref().or(default).ok_or_else(|| self.wrong("it needs a pattern"))?;
        Pattern::new(text).ok_or_else(|| self.wrong(&format!("{text} is no legal range such as ^[A-Z0-9]{{1,20}}$")))
    }

    /// A list of symbols is always in brackets, as at Binance; other lists may be one bare item.
    fn list(&mut self, default: Option<&str>) -> Result<Kind, SchemaError> {
        let pattern = self.range(default)?;
        let most = self.max.take().unwrap_or(MAX_LIST).try_into().map_err(|_| self.wrong("max is negative"))?;
        Ok(Kind::List(List { pattern, most, bare: default.is_none() }))
    }

    fn long(&mut self) -> Result<Range, SchemaError> {
        let error = self.own_error()?;
        let (min, max) = (self.min.take().unwrap_or(0), self.max.take().unwrap_or(i64::MAX));
        Ok(Range { min, max, clamp: self.clamp.take().unwrap_or_default(), error })
    }

    fn choice(&mut self) -> Result<Kind, SchemaError> {
        let error = self.own_error()?;
        let names = self.values.take().unwrap_or_default();
        if names.is_empty() || names.len() > usize::from(u8::MAX) {
            return Err(self.wrong("an enum has 1 to 255 values"));
        }
        Ok(Kind::Choice(names.into(), error))
    }

    fn own_error(&mut self) -> Result<Option<errors::Template>, SchemaError> {
        let Some(code) = self.error.take() else { return Ok(None) };
        errors::by_code(code).map(Some).ok_or_else(|| self.wrong(&format!("no error {code} without placeholders")))
    }

    fn wrong(&self, why: &str) -> SchemaError {
        SchemaError(format!("{}: {why}", self.name))
    }
}
