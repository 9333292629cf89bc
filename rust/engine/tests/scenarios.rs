//! Trading stories as text tables in `tests/scenarios/*.txt`, readable by a trader.
//!
//! A line without indentation is a command, the indented lines below it are what must happen. `UPDATE=1 cargo test -p
//! agio-engine --test scenarios` writes what does happen; read the difference before you commit it.

mod common;
mod story;

use std::fs;
use std::path::PathBuf;

#[test]
fn every_story_happens_as_it_is_told() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    files.sort();
    assert!(files.len() >= 10, "only {} stories", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let told = fs::read_to_string(&path).expect("readable");
        let happened = story::play(&told).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &happened).expect("writable");
        } else if told != happened {
            wrong.push(difference(&path.display().to_string(), &told, &happened));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn difference(name: &str, told: &str, happened: &str) -> String {
    let pairs = told.lines().zip(happened.lines()).enumerate();
    let first = pairs.into_iter().find(|(_, (told, happened))| told != happened);
    match first {
        Some((line, (told, happened))) => format!("{name}:{}\n  told     {told}\n  happened {happened}", line + 1),
        None => format!("{name}: one ends before the other"),
    }
}
