//! Every place where the shard calls the disk.

use std::fmt;

/// A place: what the process was doing, the call, and the file (for a sync of the folder: the name that changed last).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Site {
    /// What the process was doing.
    pub phase: &'static str,
    /// The call.
    pub call: &'static str,
    /// The file.
    pub file: &'static str,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.phase, self.call, self.file)
    }
}

const fn site(phase: &'static str, call: &'static str, file: &'static str) -> Site {
    Site { phase, call, file }
}

/// What does not fit is removed: a process comes there only on a full disk.
pub(crate) const UNFINISHED_SNAPSHOT: Site = site("stop", "remove", "unfinished file");

/// All of them.
pub const SITES: &[Site] = &[
    site("commit", "create", "head.part"),
    site("commit", "create", "next.part"),
    site("commit", "rename to", "head"),
    site("commit", "rename to", "segment"),
    site("commit", "sync", "head.part"),
    site("commit", "sync", "next.part"),
    site("commit", "sync", "segment"),
    site("commit", "sync the folder after", "head"),
    site("commit", "sync the folder after", "segment"),
    site("commit", "write", "head.part"),
    site("commit", "write", "next.part"),
    site("commit", "write", "segment"),
    site("create", "create", "head.part"),
    site("create", "create", "tail.part"),
    site("create", "list", "folder"),
    site("create", "open", "head"),
    site("create", "remove", "unfinished file"),
    site("create", "rename to", "head"),
    site("create", "rename to", "segment"),
    site("create", "sync", "head.part"),
    site("create", "sync", "tail.part"),
    site("create", "sync the folder after", "head"),
    site("create", "sync the folder after", "segment"),
    site("create", "write", "head.part"),
    site("create", "write", "tail.part"),
    site("housekeeping", "create", "next.part"),
    site("housekeeping", "measure", "folder"),
    site("housekeeping", "sync", "next.part"),
    site("quarantine", "create", "skips.part"),
    site("quarantine", "measure", "skips"),
    site("quarantine", "open", "skips"),
    site("quarantine", "read", "skips"),
    site("quarantine", "rename to", "skips"),
    site("quarantine", "sync", "skips.part"),
    site("quarantine", "sync the folder after", "skips"),
    site("quarantine", "write", "skips.part"),
    site("recover", "create", "head.part"),
    site("recover", "create", "skips.part"),
    site("recover", "create", "snapshot.part"),
    site("recover", "create", "tail.part"),
    site("recover", "list", "folder"),
    site("recover", "measure", "segment"),
    site("recover", "measure", "skips"),
    site("recover", "measure", "snapshot"),
    site("recover", "open", "head"),
    site("recover", "open", "segment"),
    site("recover", "open", "skips"),
    site("recover", "open", "snapshot"),
    site("recover", "read", "head"),
    site("recover", "read", "segment"),
    site("recover", "read", "skips"),
    site("recover", "read", "snapshot"),
    site("recover", "remove", "snapshot"),
    site("recover", "remove", "unfinished file"),
    site("recover", "rename to", "head"),
    site("recover", "rename to", "segment"),
    site("recover", "rename to", "skips"),
    site("recover", "rename to", "snapshot"),
    site("recover", "sync", "head.part"),
    site("recover", "sync", "skips.part"),
    site("recover", "sync", "snapshot.part"),
    site("recover", "sync", "tail.part"),
    site("recover", "sync the folder after", "a start"),
    site("recover", "sync the folder after", "head"),
    site("recover", "sync the folder after", "segment"),
    site("recover", "sync the folder after", "skips"),
    site("recover", "sync the folder after", "snapshot"),
    site("recover", "sync the folder after", "unfinished file"),
    site("recover", "write", "head.part"),
    site("recover", "write", "skips.part"),
    site("recover", "write", "snapshot.part"),
    site("recover", "write", "tail.part"),
    site("stop", "create", "snapshot.part"),
    site("stop", "list", "folder"),
    site("stop", "remove", "snapshot"),
    UNFINISHED_SNAPSHOT,
    site("stop", "rename to", "snapshot"),
    site("stop", "sync", "snapshot.part"),
    site("stop", "sync the folder after", "snapshot"),
    site("stop", "write", "snapshot.part"),
];

/// Places that a process comes to only if its predecessor died at another one, and that one. An empty call is any call.
const LEADS: &[(Site, Site)] = &[
    (site("create", "remove", "unfinished file"), site("create", "rename to", "segment")),
    (site("recover", "", "head.part"), site("commit", "create", "head.part")),
    (site("recover", "rename to", "head"), site("commit", "create", "head.part")),
    (site("recover", "sync the folder after", "head"), site("commit", "create", "head.part")),
    (site("recover", "sync the folder after", "unfinished file"), site("commit", "sync", "head.part")),
    (site("recover", "sync the folder after", "a start"), site("commit", "sync the folder after", "head")),
    (site("recover", "", "skips.part"), site("quarantine", "create", "skips.part")),
    (site("recover", "rename to", "skips"), site("quarantine", "create", "skips.part")),
    (site("recover", "sync the folder after", "skips"), site("quarantine", "create", "skips.part")),
    (site("recover", "measure", "skips"), site("quarantine", "sync the folder after", "skips")),
    (site("recover", "read", "skips"), site("quarantine", "sync the folder after", "skips")),
    (site("quarantine", "measure", "skips"), site("quarantine", "sync the folder after", "skips")),
    (site("quarantine", "read", "skips"), site("quarantine", "sync the folder after", "skips")),
];

/// Where a process has to die so that its successor comes to a place at all.
pub(crate) fn leading_to(place: Site) -> Option<Site> {
    let fits =
        |to: &Site| to.phase == place.phase && to.file == place.file && (to.call.is_empty() || to.call == place.call);
    LEADS.iter().find(|(to, _)| fits(to)).map(|(_, from)| *from)
}
