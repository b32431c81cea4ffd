//! What the machine lets a process have.

use super::finding::Finding;
use crate::files_limit;

/// Each connection is an open file: with fewer than these a server turns away a large crew that comes all at once.
const FILES_WARN: u64 = 8_192;

/// Looks at the limit of open files. The server raises the soft limit by itself, so that only the hard one counts.
pub(crate) fn look() -> Vec<Finding> {
    let most = files_limit::most();
    let what = format!("a server may have {most}; each connection is one");
    let finding = if most < FILES_WARN {
        let remedy =
            "a higher hard limit: LimitNOFILE=65536 in systemd's unit, ulimit -Hn 65536 in a shell";
        Finding::warn("open files", what, remedy)
    } else {
        Finding::ok("open files", what)
    };
    vec![finding]
}
