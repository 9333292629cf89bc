//! The real folder: locks, files, and a reader beside a writer.

mod support;

use agio_journal::{
    Disk, Durability, Entry, Error, Extent, Frame, Journal, Mark, Memory, Options, Reader, Recovery, Storage, create,
    verify,
};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use support::{LOG, expected, options, record};

fn start(disk: &Arc<dyn Storage>, options: &Options) -> (Journal, Vec<Vec<u8>>) {
    let mut recovery = Recovery::open(Arc::clone(disk), options, None).unwrap();
    let mut records = Vec::new();
    while let Some(record) = recovery.next_record().unwrap() {
        records.push(record.bytes.to_vec());
    }
    (recovery.finish().unwrap(), records)
}

fn made(folder: &std::path::Path, options: &Options) -> Arc<dyn Storage> {
    let disk = Disk::open(folder).unwrap();
    create(&disk, LOG, Mark::default(), options).unwrap();
    Arc::new(disk)
}

#[test]
fn records_come_back_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er");
    let disk = made(&path, &options());
    let mut journal = start(&disk, &options()).0;
    for sequence in 1..=60 {
        journal.append(&record(sequence)).unwrap();
        if sequence % 7 == 0 {
            journal.commit().unwrap();
        }
    }
    assert_eq!(journal.commit().unwrap().sequence, 60);
    drop((journal, disk));
    let disk: Arc<dyn Storage> = Arc::new(Disk::open(&path).unwrap());
    assert_eq!(start(&disk, &options()).1, expected(60));
    assert!(verify(&disk).unwrap().is_clean());
}

#[test]
fn a_second_opening_is_refused_with_the_holders_pid() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    match Disk::open(folder.path()) {
        Err(error @ Error::Locked { .. }) => {
            assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        }
        other => panic!("{other:?}"),
    }
    Disk::read_only(folder.path()).unwrap();
    drop(disk);
    another_process_is_refused_too(folder.path());
}

/// Part of the test above: while a process is being started it shares our locks for a moment.
fn another_process_is_refused_too(folder: &std::path::Path) {
    let mut holder = Command::new("flock")
        .args([folder.join("lock").to_str().unwrap(), "-c", "echo held; read wait"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut [0; 5]).unwrap();
    assert!(matches!(Disk::open(folder), Err(Error::Locked { .. })));
    drop(holder.stdin.take());
    holder.wait().unwrap();
    Disk::open(folder).unwrap();
}

#[test]
fn a_read_only_folder_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    drop(made(folder.path(), &options()));
    let disk: Arc<dyn Storage> = Arc::new(Disk::read_only(folder.path()).unwrap());
    assert!(Recovery::open(Arc::clone(&disk), &options(), None).is_err());
    assert!(disk.create("x", 0).is_err() && disk.remove("head").is_err() && disk.rename("head", "x").is_err());
    assert!(verify(&disk).unwrap().is_clean());
    assert!(Disk::read_only(folder.path().join("none")).is_err());
}

#[test]
fn the_lock_and_other_folders_are_no_files_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("exports")).unwrap();
    std::fs::write(folder.path().join("stranger"), "123").unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    assert!(folder.path().join("lock").exists());
    assert_eq!(disk.list().unwrap(), [Entry { name: "stranger".to_owned(), bytes: 3 }]);
}

#[test]
fn nothing_is_left_of_a_file_that_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    assert!(disk.create("next.part", 1 << 62).is_err());
    assert_eq!(disk.list().unwrap(), []);
}

#[test]
fn on_a_full_disk_the_prepared_segment_makes_room_for_a_start() {
    let disk = Memory::simulated();
    create(&disk, LOG, Mark::default(), &options()).unwrap();
    let shared: Arc<dyn Storage> = Arc::new(disk.clone());
    let mut journal = start(&shared, &options()).0;
    journal.append(&record(1)).unwrap();
    journal.commit().unwrap();
    journal.writer().preparer().prepare().unwrap();
    disk.set_free(0);
    let disk = disk.killed();
    let shared: Arc<dyn Storage> = Arc::new(disk.clone());
    assert_eq!(start(&shared, &options()).1, expected(1));
}

#[test]
fn free_space_is_told_in_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let free = Disk::open(folder.path()).unwrap().free_bytes().unwrap();
    assert!((1 << 20..1 << 60).contains(&free), "{free} bytes: this test needs some room");
}

/// A building thread, a writing thread, a preparing thread; and readers that must never see damage.
#[test]
fn readers_beside_the_writing_threads_see_a_growing_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 1 << 16, durability: Durability::PageCache, ..Options::default() };
    let disk = made(folder.path(), &options);
    let (mut builder, mut writer) = start(&disk, &options).0.split();
    let preparer = writer.preparer();
    let (sealed, to_write) = mpsc::sync_channel::<Frame>(2);
    let (used, spares) = mpsc::channel::<Frame>();
    let done = AtomicBool::new(false);
    let total = 30_000;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for sequence in 1..=total {
                builder.push(&record(sequence)).unwrap();
                if sequence % 23 == 0 || sequence == total {
                    sealed.send(builder.close(spares.try_recv().unwrap_or_default()).unwrap()).unwrap();
                }
            }
        });
        let done = &done;
        scope.spawn(move || {
            let _done = SetOnDrop(done);
            for mut frame in to_write {
                writer.write(&mut frame).unwrap();
                writer.sync().unwrap();
                drop(used.send(frame));
            }
            assert_eq!(writer.durable().sequence, total);
        });
        scope.spawn(move || {
            while !done.load(Ordering::Acquire) {
                preparer.prepare().unwrap();
                std::thread::yield_now();
            }
        });
        let mut rounds = 0;
        while !done.load(Ordering::Acquire) {
            read_some(folder.path(), rounds);
            rounds += 1;
        }
        assert!(rounds > 3, "{rounds}");
    });
    assert_eq!(start(&disk, &options).1, expected(total));
}

/// Ends the other threads' loops when the writing thread ends, well or not.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn read_some(folder: &std::path::Path, round: u64) {
    let disk: Arc<dyn Storage> = Arc::new(Disk::read_only(folder).unwrap());
    let extent = if round.is_multiple_of(2) { Extent::All } else { Extent::Sealed };
    let from = round * 500 % 9000 + 1;
    let mut reader = Reader::open(disk, from, extent).unwrap();
    let mut next = from;
    while let Some(found) = reader.next_record().unwrap() {
        assert_eq!((found.sequence, found.bytes), (next, &record(next)[..]));
        next += 1;
    }
}

#[test]
fn a_reader_of_sealed_segments_stops_at_a_frames_end() {
    let disk = Memory::simulated();
    create(&disk, LOG, Mark::default(), &options()).unwrap();
    support::fill(&disk, &[5, 5, 5, 5, 5, 5]);
    let mut sealed = Reader::open(support::shared(&disk), 1, Extent::Sealed).unwrap();
    let mut count = 0;
    while sealed.next_record().unwrap().is_some() {
        count += 1;
        assert_eq!(sealed.frame_end().is_some(), count % 5 == 0);
    }
    assert!(count > 0 && count < 30);
    assert_eq!(sealed.frame_end().unwrap().sequence, count);
    let mut beyond = Reader::open(support::shared(&disk), 31, Extent::All).unwrap();
    assert_eq!(beyond.next_record().unwrap(), None);
    assert_eq!(beyond.frame_end().unwrap().sequence, 30);
}

#[test]
fn progress_ends_at_its_total() {
    let disk = Memory::simulated();
    create(&disk, LOG, Mark::default(), &options()).unwrap();
    support::fill(&disk, &[5, 5, 5, 5, 5, 5]);
    let (send, steps) = mpsc::channel();
    let recovery = Recovery::open(support::shared(&disk), &options(), None).unwrap();
    recovery.on_progress(move |step| send.send(step).unwrap()).finish().unwrap();
    let steps: Vec<_> = steps.iter().collect();
    assert!(steps.windows(2).all(|pair| pair[0].done < pair[1].done && pair[0].total == pair[1].total));
    assert_eq!(steps.len(), 7);
    assert_eq!(steps[6].done, steps[6].total);
}

#[test]
fn classes_are_not_overclaimed_and_sizes_are_checked() {
    let disk = Memory::volatile();
    let overclaimed = create(&disk, LOG, Mark::default(), &options()).unwrap_err();
    assert!(matches!(overclaimed, Error::Overclaimed { given: Durability::Memory, .. }), "{overclaimed}");
    for segment_bytes in [0, 4095, 4100, 1 << 31] {
        let options = Options { segment_bytes, durability: Durability::Memory, ..options() };
        assert!(matches!(create(&disk, LOG, Mark::default(), &options), Err(Error::SegmentSize { .. })));
    }
    let options = Options { durability: Durability::Memory, ..options() };
    create(&disk, LOG, Mark::default(), &options).unwrap();
    assert!(matches!(create(&disk, LOG, Mark::default(), &options), Err(Error::Exists { .. })));
    let storage: Arc<dyn Storage> = Arc::new(disk);
    let mut journal = start(&storage, &options).0;
    (1..=30).for_each(|sequence| assert_eq!(journal.append(&record(sequence)).unwrap(), sequence));
    assert_eq!(journal.commit().unwrap().sequence, 30);
    assert_eq!(start(&storage, &options).1, expected(30));
}

#[test]
fn frames_out_of_turn_are_refused() {
    let disk = support::fresh();
    let (mut builder, mut writer) = support::recover(&disk).unwrap().0.split();
    let mut frame = |text: &[u8]| {
        builder.push(text).unwrap();
        builder.close(Frame::default()).unwrap()
    };
    let (mut one, mut two) = (frame(b"one"), frame(b"two"));
    writer.write(&mut one).unwrap();
    let early = writer.write(&mut two).unwrap_err();
    assert!(early.to_string().contains("a sync of sequence 1"), "{early}");
    let (_, mut writer) = support::recover(&disk).unwrap().0.split();
    assert!(matches!(writer.write(&mut one), Err(Error::OutOfTurn { .. })), "it is there already");
}

#[test]
fn the_size_of_segments_may_change_between_starts() {
    let folder = tempfile::tempdir().unwrap();
    let disk = made(folder.path(), &options());
    let mut count = 0;
    for segment_bytes in [4096, 16384, 8192] {
        let options = Options { segment_bytes, ..options() };
        let (mut journal, before) = start(&disk, &options);
        assert_eq!(before, expected(count));
        for _ in 0..50 {
            count += 1;
            assert_eq!(journal.append(&record(count)).unwrap(), count);
        }
        journal.commit().unwrap();
    }
    let report = verify(&disk).unwrap();
    assert!(report.is_clean() && report.records == 150);
}
