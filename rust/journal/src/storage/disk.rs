//! The real folder.

use super::{Entry, File, Storage};
use crate::error::{Context, Error, Result};
use crate::types::Durability;
use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::Errno;
use std::fs;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";
/// Zeros are written in pieces of this size.
const ZEROS: usize = 1 << 20;

/// A folder on disk, held by this process alone unless it was opened read-only.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    lock: Option<fs::File>,
}

impl Disk {
    /// Takes the folder for this process until the value is dropped, and makes it if it does not exist.
    ///
    /// # Errors
    /// [`Error::Locked`] with the holder's process id if another process has it.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref().to_owned();
        let shown = folder.display().to_string();
        create_folder(&folder).context("create", &shown)?;
        let lock = take_lock(&folder.join(LOCK), &shown)?;
        Ok(Self { folder, lock: Some(lock) })
    }

    /// Opens a folder to read only, beside whoever writes it.
    pub fn read_only(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref().to_owned();
        fs::metadata(&folder).context("open", &folder.display().to_string())?;
        Ok(Self { folder, lock: None })
    }

    fn writable(&self) -> io::Result<()> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(io::Error::new(io::ErrorKind::PermissionDenied, "the folder was opened read-only")),
        }
    }
}

/// Makes the folder and what is missing above it, each name durable.
fn create_folder(folder: &Path) -> io::Result<()> {
    let missing = missing(folder);
    fs::create_dir_all(folder)?;
    for made in missing {
        let parent = made.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// The folders down to this one that do not exist, the innermost first.
fn missing(folder: &Path) -> Vec<&Path> {
    folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect()
}

/// `flock` rather than `fcntl` locks: it belongs to the open file, so a second opening in this process is refused as well,
/// and it goes with the process however that dies.
fn take_lock(path: &Path, folder: &str) -> Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(false).open(path).context("open", LOCK)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(Error::Locked { folder: folder.to_owned(), holder: holder(&mut file) }),
        Err(errno) => return Err(io::Error::from(errno)).context("lock", LOCK),
    }
    file.set_len(0).and_then(|()| file.rewind()).context("write", LOCK)?;
    writeln!(file, "{}", std::process::id()).context("write", LOCK)?;
    Ok(file)
}

fn holder(file: &mut fs::File) -> String {
    let mut text = String::new();
    let read = file.read_to_string(&mut text);
    let pid = text.trim();
    if read.is_ok() && !pid.is_empty() { pid.to_owned() } else { "unknown".to_owned() }
}

impl Storage for Disk {
    fn list(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            if metadata.is_file() && name != LOCK {
                entries.push(Entry { name, bytes: metadata.len() });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut options = fs::OpenOptions::new();
        let file = options.read(true).write(self.lock.is_some()).open(self.folder.join(name))?;
        Ok(Box::new(DiskFile(file)))
    }

    /// The zeros are written, not only reserved: the first write into reserved space must change the file system's own
    /// records as well, which makes each sync of a segment up to twice as slow. Of a file that does not fit nothing is left:
    /// some file systems keep what they have found for it, and that is all there was.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn File>> {
        self.writable()?;
        let path = self.folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        if let Err(error) = allocate(&file, bytes).and_then(|()| write_zeros(&file, bytes)) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(Box::new(DiskFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.writable()?;
        fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.writable()?;
        fs::remove_file(self.folder.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.writable()?;
        fs::File::open(&self.folder)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.folder)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn strongest(&self) -> Durability {
        Durability::Fdatasync
    }
}

/// Asked for at once, so that a full disk is known before any of it is used. Some file systems cannot; zeros do it then.
fn allocate(file: &fs::File, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn write_zeros(file: &fs::File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS.min(bytes as usize)];
    let mut at = 0;
    while at < bytes {
        let piece = (bytes - at).min(zeros.len() as u64);
        file.write_all_at(&zeros[..piece as usize], at)?;
        at += piece;
    }
    Ok(())
}

#[derive(Debug)]
struct DiskFile(fs::File);

impl File for DiskFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() {
            match self.0.read_at(&mut into[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        rustix::fs::fdatasync(&self.0).map_err(io::Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::missing;
    use std::path::Path;

    #[test]
    fn the_names_of_all_new_folders_are_made_durable() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, outer) = (folder.path().join("a/b"), folder.path().join("a"));
        assert_eq!(missing(&inner), [&inner, &outer]);
        std::fs::create_dir(&outer).unwrap();
        assert_eq!(missing(&inner), [&inner]);
        assert!(missing(&outer).is_empty());
        assert_eq!(missing(Path::new("no such folder")), [Path::new("no such folder")]);
    }
}
