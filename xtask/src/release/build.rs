//! The builds of a release: the app, the program with it, the wheel.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Build, parts};
use crate::programs::{self, told};

/// What the compiler calls the folder of these sources, and that of the libraries, wherever they are.
const HERE: &str = "/crewline";
const LIBRARIES: &str = "/libraries";
/// The tool that makes wheels, with the checksums of what may be fetched.
const TOOLS: &str = "python/release-tools.txt";

/// Builds the app and the program; says where the program is. It has a folder of its own below `target`: with other flags nothing
/// of another build can be taken.
pub(crate) fn program(root: &Path, build: &Build) -> Result<PathBuf, String> {
    told(
        Command::new("make")
            .args(["--no-print-directory", "-B", "web/dist/index.html"])
            .current_dir(root),
    )?;
    let target = root.join("target/release-build");
    let mut cargo = with_environment(programs::cargo(), root, build);
    cargo
        .args([
            "build",
            "--release",
            "--locked",
            "--package",
            parts::PROGRAM,
            "--bin",
            "crewline",
        ])
        .env("CARGO_TARGET_DIR", &target);
    told(&mut cargo)?;
    Ok(target.join("release/crewline"))
}

/// Builds wheel and sdist with maturin of one fixed version, whose checksum is known.
pub(crate) fn python(root: &Path, build: &Build, out: &Path) -> Result<(), String> {
    let tools = root.join("target/release-tools");
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    if !tools.join("bin/python").exists() {
        told(Command::new(&python).args(["-m", "venv"]).arg(&tools))?;
    }
    told(
        Command::new(tools.join("bin/python"))
            .args([
                "-m",
                "pip",
                "--disable-pip-version-check",
                "--quiet",
                "install",
                "--require-hashes",
                "--only-binary=:all:",
                "-r",
            ])
            .arg(root.join(TOOLS)),
    )?;
    for arguments in [&["build", "--release"][..], &["sdist"]] {
        let mut maturin = with_environment(Command::new(tools.join("bin/maturin")), root, build);
        maturin
            .args(arguments)
            .arg("--out")
            .arg(out)
            .env("CARGO_TARGET_DIR", root.join("target/release-build"))
            .current_dir(root.join("python"));
        told(&mut maturin)?;
    }
    Ok(())
}

/// What makes the bytes depend on the sources alone.
fn with_environment(mut command: Command, root: &Path, build: &Build) -> Command {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let mut paths = vec![(root.to_owned(), HERE)];
    paths.extend(home.map(|home| (home.join("registry/src"), LIBRARIES)));
    let maps = |flag: &str| {
        let each = paths
            .iter()
            .map(|(path, name)| format!("{flag}={}={name}", path.display()));
        each.collect::<Vec<String>>()
    };
    // Whatever the machine of the builder adds is left out.
    for name in [
        "RUSTFLAGS",
        "RUSTC_WRAPPER",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
    ] {
        command.env_remove(name);
    }
    command
        .current_dir(root)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            maps("--remap-path-prefix").join("\u{1f}"),
        )
        .env("CFLAGS", maps("-ffile-prefix-map").join(" "))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .env("CREWLINE_COMMIT", &build.commit)
        .env("SOURCE_DATE_EPOCH", build.epoch.to_string())
        .env("ZERO_AR_DATE", "1")
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8");
    command
}
