//! `docs/reference/layouts.md` says what the log and the events look like, byte for byte. It is generated from the same
//! descriptions as the codec: `UPDATE_DOCS=1 cargo test -p agio-engine --test documentation` writes it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use agio_engine::SNAPSHOT_LAYOUTS;
use agio_engine::commands::{Command, Envelope, Signed};
use agio_engine::events::Event;
use agio_engine::layout::{EnumDoc, LayoutDoc};
use agio_engine::reasons::Reason;
use agio_engine::units::UNITS;
use agio_engine::vocabulary::*;

const RECORDS: &[LayoutDoc] = &[
    Filters::LAYOUT,
    PriceFilter::LAYOUT,
    LotFilter::LAYOUT,
    NotionalFilter::LAYOUT,
    Rights::LAYOUT,
    OrderLimits::LAYOUT,
    Permissions::LAYOUT,
    OrderView::LAYOUT,
    Execution::LAYOUT,
    Fill::LAYOUT,
    PreventedFill::LAYOUT,
];

const ENUMS: &[EnumDoc] = &[
    Side::VALUES,
    OrderKind::VALUES,
    TimeInForce::VALUES,
    Prevention::VALUES,
    OrderStatus::VALUES,
    ExecutionKind::VALUES,
    Expiry::VALUES,
    Restriction::VALUES,
    MarketStatus::VALUES,
    NotionalForm::VALUES,
    Cause::VALUES,
];

const HEAD: &str = "\
# Layouts

What the log, the events and the snapshots hold, byte for byte. This page is generated from the descriptions in
`rust/engine/src` (`UPDATE_DOCS=1 cargo test -p agio-engine --test documentation`); a test compares it.

- Numbers are little-endian and fixed in size. Prices, quantities and amounts count 10^-8 of their unit; times are
  microseconds since 1970.
- A `String` is a `u32` length and UTF-8; a `ClientId` a `u8` length and up to 36 ASCII bytes; an `Option` one byte (0 or 1)
  and, if 1, the value; a `bool` one byte, 0 or 1; an enumeration one byte; a `Reason` a `u16`.
- A record of the log is an envelope and a command. A command or an event begins with its kind (`u16`) and version (`u8`);
  the number of a kind is never used again, a changed layout gets a new version.
- Bytes that are not exactly this are refused: a short field, an unknown kind or version, an illegal value, bytes left over.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    section(&mut page, "The envelope", &[Envelope::LAYOUT]);
    section(&mut page, "Commands", Command::LAYOUTS);
    section(&mut page, "Events", Event::LAYOUTS);
    let mut records = vec![Signed::LAYOUT];
    records.extend(RECORDS);
    section(&mut page, "Records", &records);
    units(&mut page);
    enums(&mut page);
    reasons(&mut page);
    page.push_str("\n## Parts of a snapshot\n\nA snapshot is `agioengn`, a version (`u16`), sequence, time, epoch (`u64`), the hash of the log before it, whether\nthe shard is halted, and then five counted lists (`u32`): sources and their numbers; assets (name, precision, outside);\naccounts, each followed by a counted list of balances; keys; markets, each its name, a `SavedMarket`, a counted list of\nminutes, and its buys and its sells, counted, in the order in which they trade.\n");
    for layout in SNAPSHOT_LAYOUTS {
        table(&mut page, layout);
    }
    page
}

fn section(page: &mut String, title: &str, layouts: &[LayoutDoc]) {
    write!(page, "\n## {title}\n").expect("memory");
    for layout in layouts {
        table(page, layout);
    }
}

fn table(page: &mut String, layout: &LayoutDoc) {
    let kind =
        if layout.kind == 0 { String::new() } else { format!(" · kind {}, version {}", layout.kind, layout.version) };
    write!(page, "\n### {}{kind}\n\n{}\n", layout.name, layout.doc.trim()).expect("memory");
    if layout.fields.is_empty() {
        return;
    }
    page.push_str("\n| field | type | meaning |\n|---|---|---|\n");
    for field in layout.fields {
        writeln!(page, "| {} | {} | {} |", field.name, field.kind, field.doc.trim()).expect("memory");
    }
}

fn units(page: &mut String) {
    page.push_str("\n## Units\n\n| name | integer | meaning |\n|---|---|---|\n");
    for (name, integer, doc) in UNITS {
        writeln!(page, "| {name} | {integer} | {} |", doc.trim()).expect("memory");
    }
}

fn enums(page: &mut String) {
    page.push_str("\n## Enumerations\n");
    for entry in ENUMS {
        write!(page, "\n### {}\n\n{}\n\n| value | name | meaning |\n|---|---|---|\n", entry.name, entry.doc.trim())
            .expect("memory");
        for (number, name, doc) in entry.values {
            writeln!(page, "| {number} | {name} | {} |", doc.trim()).expect("memory");
        }
    }
}

fn reasons(page: &mut String) {
    page.push_str("\n## Reasons\n\nWhy a command is refused (`u16`).\n\n| value | name | meaning |\n|---|---|---|\n");
    for reason in Reason::ALL {
        writeln!(page, "| {} | {reason:?} | {} |", *reason as u16, reason.words()).expect("memory");
    }
}

#[test]
fn the_layouts_are_documented() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/layouts.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).expect("writable");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/reference/layouts.md is out of date: run with UPDATE_DOCS=1");
}

#[test]
fn every_type_that_travels_is_on_the_page() {
    let page = page();
    let layouts = Command::LAYOUTS.iter().chain(Event::LAYOUTS).chain(RECORDS).chain(SNAPSHOT_LAYOUTS);
    for field in layouts.flat_map(|layout| layout.fields) {
        let name = field.kind.trim_start_matches("Option<").trim_end_matches('>');
        let simple = name.chars().all(|letter| letter.is_ascii_lowercase() || "0123456789[]; ".contains(letter));
        let described = page.contains(&format!("### {name}\n")) || page.contains(&format!("\n| {name} | "));
        let known = simple || described || ["ClientId", "Reason", "String"].contains(&name);
        assert!(known, "{name} is not described");
    }
}

#[test]
fn precedence_names_every_reason() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/concepts/precedence.md");
    let text = fs::read_to_string(path).expect("the page");
    for reason in Reason::ALL {
        assert!(text.contains(&format!("`{reason:?}`")), "docs/concepts/precedence.md does not name {reason:?}");
    }
}
