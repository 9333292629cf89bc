//! A reader beside a writer sees writes half done. Here it sees them so on purpose.

mod support;

use agio_journal::{Error, Extent, File, Reader, Tap, Tapped};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{expected, fill, fresh};

/// Lets some bytes of the segments not be there yet at the first so many reads.
#[derive(Debug)]
struct Flicker {
    bytes: Range<u64>,
    reads: AtomicUsize,
}

impl Tap for Flicker {
    fn read_at(&self, file: &dyn File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let read = file.read_at(offset, into)?;
        if read > 512 && self.reads.load(Ordering::Relaxed) > 0 {
            self.reads.fetch_sub(1, Ordering::Relaxed);
            for (place, byte) in (offset..).zip(into[..read].iter_mut()) {
                if self.bytes.contains(&place) {
                    *byte = 0;
                }
            }
        }
        Ok(read)
    }
}

/// How many records a reader finds when the second of three frames flickers for `reads` reads.
fn read_through(reads: usize, from: u64, to: Option<u64>) -> Result<usize, Error> {
    let disk = fresh();
    let marks = fill(&disk, &[3, 5, 1]);
    let bytes = marks[1].position.offset + from..to.unwrap_or(marks[2].position.offset);
    let flicker = Arc::new(Flicker { bytes, reads: AtomicUsize::new(reads) });
    let mut reader = Reader::open(Arc::new(Tapped::new(disk, flicker)), 1, Extent::All)?;
    let mut found = Vec::new();
    while let Some(record) = reader.next_record()? {
        found.push(record.bytes.to_vec());
    }
    assert_eq!(found, expected(found.len() as u64));
    Ok(found.len())
}

#[test]
fn a_frame_that_appears_after_the_one_behind_it_is_read_again() {
    for from in [0, 10, 100] {
        for reads in 1..5 {
            assert_eq!(read_through(reads, from, None).unwrap(), 9, "from {from}, {reads} reads");
        }
        assert!(matches!(read_through(usize::MAX, from, None), Err(Error::Damaged(_))), "it never appears");
    }
}

#[test]
fn an_end_that_is_being_written_is_the_end() {
    assert_eq!(read_through(usize::MAX, 0, Some(4096)).unwrap(), 3);
    assert_eq!(read_through(usize::MAX, 700, Some(4096)).unwrap(), 3);
}

#[test]
fn progress_is_told_in_bytes() {
    let disk = fresh();
    fill(&disk, &[3, 5, 1]);
    let mut reader = Reader::open(Arc::new(disk), 1, Extent::All).unwrap();
    let mut last = reader.progress();
    assert_eq!((last.done, last.total % 4096), (512, 0));
    while reader.next_record().unwrap().is_some() {
        let now = reader.progress();
        assert!(now.done >= last.done && now.total == last.total, "{now:?} after {last:?}");
        last = now;
    }
    assert!(last.done > 512 && last.done <= last.total, "{last:?}");
}
