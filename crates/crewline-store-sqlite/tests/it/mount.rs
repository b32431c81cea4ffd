//! Small file systems of their own, for tests that need a full or a read-only disk.

use std::path::Path;
use std::process::Command;

use crate::support::Folder;

/// Set in the child that runs a test where mounting is allowed.
const INSIDE: &str = "CREWLINE_TEST_MAY_MOUNT";

fn run(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// A file system in memory; unmounted when dropped.
pub(crate) struct Mount {
    folder: Folder,
}

impl Mount {
    fn new(options: &str) -> Option<Self> {
        let folder = Folder::new();
        let path = folder.path().to_str()?.to_owned();
        run(
            "mount",
            &["-t", "tmpfs", "-o", options, "crewline-test", &path],
        )
        .then(|| Self { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes it one that cannot be written.
    pub(crate) fn make_read_only(&self) {
        assert!(run(
            "mount",
            &["-o", "remount,bind,ro", self.path().to_str().unwrap()]
        ));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let path = self.folder.path().to_str().unwrap();
        // Lazily: a test that panicked may still have files open.
        assert!(
            run("umount", &[path]) || run("umount", &["-l", path]),
            "{path} stays mounted"
        );
    }
}

/// Runs a test on a file system of its own: mounted here where that is allowed, else in a child with a namespace of its
/// own. `name` is the test's full name.
pub(crate) fn with_mount(name: &str, options: &str, test: impl FnOnce(&Mount)) {
    if let Some(mount) = Mount::new(options) {
        return test(&mount);
    }
    assert!(
        std::env::var_os(INSIDE).is_none(),
        "mounting does not work, though it did when it was tried"
    );
    let probe = Folder::new();
    let try_it = format!("mount -t tmpfs crewline-test '{}'", probe.path().display());
    if !run("unshare", &["-rm", "sh", "-c", &try_it]) {
        eprintln!(
            "NOT TESTED: {name}. It needs `mount` as root, or `unshare -rm` (user namespaces)."
        );
        return;
    }
    let exe = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .arg("-rm")
        .arg(exe)
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}
