//! Servers that do not run as root, or should not: they run as a user who owns nothing but the folder of the work.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fault::{Done, When as _};
use crate::process::output;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program that runs as nobody, where this one runs as root. It is asked to end when this one is no more, however that came.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]);
    if is_root() {
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    }
    command.arg(program);
    command
}

/// Makes a folder where such programs may write, and gives its whole path.
pub(super) fn own_folder(path: &Path) -> Done<PathBuf> {
    std::fs::create_dir_all(path)?;
    let path = path.canonicalize()?;
    if !is_root() {
        return Ok(path);
    }
    if let Some(above) = path.parent() {
        // It is the folder of this work, which nobody else may look into: they may go through it.
        let mut permissions = std::fs::metadata(above)?.permissions();
        permissions.set_mode(permissions.mode() | 0o011);
        std::fs::set_permissions(above, permissions)?;
    }
    let mut chown = Command::new("chown");
    chown.arg("nobody:nogroup").arg(&path);
    output(chown)?;
    let mut reach = command(Path::new("test"));
    reach.arg("-w").arg(&path).current_dir("/");
    output(reach).when(format_args!(
        "{}: servers that do not run as root (the user nobody) do not get there; choose another folder with --folder",
        path.display()
    ))?;
    Ok(path)
}
