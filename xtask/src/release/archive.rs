//! The archives of a release.

use std::path::Path;
use std::process::Command;

use super::parts::Part;
use super::{Build, licences, sbom};
use crate::programs::{output, told};

/// What of the sources lies beside the program.
const BESIDE: [&str; 3] = ["LICENSE", "README.md", "CHANGELOG.md"];
/// The units, and what else systemd is told.
const UNITS: &str = "deploy/systemd";
const SHELLS: [(&str, &str); 3] = [
    ("bash", "crewline"),
    ("zsh", "_crewline"),
    ("fish", "crewline.fish"),
];

/// The program, and what belongs to it: `crewline-VERSION-TARGET.tar.gz`.
pub(crate) fn program(
    root: &Path,
    build: &Build,
    version: &str,
    out: &Path,
    program: &Path,
    parts: &[Part],
) -> Result<(), String> {
    let name = format!("crewline-{version}-{}", build.target);
    let folder = root.join("target/release-build/packed").join(&name);
    let failed = |error: std::io::Error| format!("cannot fill {}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(failed)?;
    }
    for below in ["systemd", "completions", "man"] {
        std::fs::create_dir_all(folder.join(below)).map_err(failed)?;
    }
    std::fs::copy(program, folder.join("crewline")).map_err(failed)?;
    for file in BESIDE {
        std::fs::copy(root.join(file), folder.join(file)).map_err(failed)?;
    }
    told(
        Command::new("cp")
            .arg("-R")
            .arg(root.join(UNITS).join("."))
            .arg(folder.join("systemd")),
    )?;
    for (shell, file) in SHELLS {
        let script = output(
            Command::new(program)
                .args(["completions", shell])
                .current_dir(&folder),
        )?;
        std::fs::write(folder.join("completions").join(file), script + "\n").map_err(failed)?;
    }
    told(
        Command::new(program)
            .arg("man")
            .arg(folder.join("man"))
            .stdout(std::process::Stdio::null()),
    )?;
    papers(root, build, parts, &folder)?;
    pack(&folder, &name, build, &out.join(format!("{name}.tar.gz")))
}

/// What the program is made of, and under which licences.
pub(crate) fn papers(
    root: &Path,
    build: &Build,
    parts: &[Part],
    folder: &Path,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot fill {}: {error}", folder.display());
    let rust = output(Command::new("rustc").arg("--version"))?;
    let rust = rust.split(' ').nth(1).unwrap_or_default();
    let bill = serde_json::to_string_pretty(&sbom::document(build, parts, rust))
        .map_err(|error| error.to_string())?;
    std::fs::write(folder.join("sbom.cdx.json"), bill + "\n").map_err(failed)?;
    std::fs::write(
        folder.join("THIRD-PARTY-LICENCES.txt"),
        licences::texts(root, parts)?,
    )
    .map_err(failed)?;
    Ok(())
}

/// The sources of the commit: `crewline-VERSION-sources.tar.gz` (the sdist of Python has the name without a word). They say by themselves which commit they are.
pub(crate) fn sources(root: &Path, build: &Build, version: &str, out: &Path) -> Result<(), String> {
    let name = format!("crewline-{version}");
    let tar = out.join(format!("{name}-sources.tar"));
    told(
        Command::new("git")
            .args([
                "archive",
                "--format=tar",
                &format!("--mtime=@{}", build.epoch),
                &format!("--prefix={name}/"),
                "-o",
            ])
            .arg(&tar)
            .arg("HEAD")
            .current_dir(root),
    )?;
    told(Command::new("gzip").args(["--no-name", "--best"]).arg(&tar))
}

/// Sorted, of one time, of nobody.
fn pack(folder: &Path, name: &str, build: &Build, to: &Path) -> Result<(), String> {
    let above = folder.parent().unwrap_or(folder);
    let tar = to.with_extension("");
    told(
        Command::new("tar")
            .args([
                "--create",
                "--format=ustar",
                "--sort=name",
                "--owner=0",
                "--group=0",
                "--numeric-owner",
            ])
            .args(["--mode=u=rwX,go=rX", &format!("--mtime=@{}", build.epoch)])
            .arg("--file")
            .arg(&tar)
            .arg("--directory")
            .arg(above)
            .arg(name),
    )?;
    told(Command::new("gzip").args(["--no-name", "--best"]).arg(&tar))
}
