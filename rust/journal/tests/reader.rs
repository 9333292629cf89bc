//! A reader beside a writer sees writes half done. Here it sees them so on purpose.

mod support;

use agio_journal::{Durability, Entry, Error, Extent, File, Memory, Reader, Storage};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{expected, fill, fresh};

/// A folder in which some bytes of the segments are not there yet at the first so many reads.
#[derive(Debug)]
struct Flickering {
    disk: Memory,
    from: u64,
    to: u64,
    reads: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct FlickeringFile {
    file: Box<dyn File>,
    from: u64,
    to: u64,
    reads: Arc<AtomicUsize>,
}

impl Storage for Flickering {
    fn list(&self) -> io::Result<Vec<Entry>> {
        self.disk.list()
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = self.disk.open(name)?;
        Ok(Box::new(FlickeringFile { file, from: self.from, to: self.to, reads: Arc::clone(&self.reads) }))
    }
    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn File>> {
        self.disk.create(name, bytes)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }
    fn strongest(&self) -> Durability {
        self.disk.strongest()
    }
}

impl File for FlickeringFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(offset, into)?;
        if read > 512 && self.reads.load(Ordering::Relaxed) > 0 {
            self.reads.fetch_sub(1, Ordering::Relaxed);
            for (place, byte) in (offset..).zip(into[..read].iter_mut()) {
                if (self.from..self.to).contains(&place) {
                    *byte = 0;
                }
            }
        }
        Ok(read)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// How many records a reader finds when the second of three frames flickers for `reads` reads.
fn read_through(reads: usize, from: u64, to: Option<u64>) -> Result<usize, Error> {
    let disk = fresh();
    let marks = fill(&disk, &[3, 5, 1]);
    let to = to.unwrap_or(marks[2].position.offset);
    let (from, reads) = (marks[1].position.offset + from, Arc::new(AtomicUsize::new(reads)));
    let mut reader = Reader::open(Arc::new(Flickering { disk, from, to, reads }), 1, Extent::All)?;
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
