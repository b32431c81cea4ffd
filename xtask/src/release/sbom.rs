//! The bill of materials of the program, in CycloneDX 1.6 as JSON: what is in it, under which licence, with which checksum.
//!
//! Nothing in it depends on when or where it was made.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::Build;
use super::parts::{Kind, Part};

/// The document, for these parts; the first is the program itself.
pub(crate) fn document(build: &Build, parts: &[Part], rust: &str) -> Value {
    let reference = |at: usize| parts[at].url();
    let (program, others) = parts
        .split_first()
        .map_or((None, parts), |(program, others)| (Some(program), others));
    let mut components: Vec<Value> = others.iter().map(component).collect();
    // The library of Rust itself is linked in.
    components.push(json!({
        "type": "library", "bom-ref": format!("pkg:generic/rust-std@{rust}"), "name": "rust-std", "version": rust,
        "purl": format!("pkg:generic/rust-std@{rust}"), "licenses": [{"expression": "MIT OR Apache-2.0"}],
    }));
    components.sort_by_key(|component| component["bom-ref"].to_string());
    let mut dependencies: Vec<Value> = (0..parts.len())
        .map(|at| {
            let mut needs: Vec<String> = parts[at]
                .needs
                .iter()
                .map(|need| reference(*need))
                .collect();
            needs.sort();
            json!({"ref": reference(at), "dependsOn": needs})
        })
        .collect();
    dependencies.sort_by_key(|dependency| dependency["ref"].to_string());
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial(build),
        "version": 1,
        "metadata": {
            "timestamp": build.committed_at,
            "component": {
                "type": "application", "bom-ref": program.map(Part::url), "name": "crewline", "version": build.number,
                "purl": program.map(Part::url), "licenses": [{"expression": "Apache-2.0"}],
                "properties": [
                    {"name": "crewline:commit", "value": build.commit},
                    {"name": "crewline:target", "value": build.target},
                ],
            },
        },
        "components": components,
        "dependencies": dependencies,
    })
}

fn component(part: &Part) -> Value {
    let mut component = Map::new();
    let mut put = |key: &str, value: Value| component.insert(key.to_owned(), value);
    put("type", json!("library"));
    put("bom-ref", json!(part.url()));
    put("name", json!(part.name));
    put("version", json!(part.version));
    put("purl", json!(part.url()));
    put("licenses", json!([{"expression": part.licence}]));
    if let Some((algorithm, content)) = part
        .checksum
        .as_deref()
        .and_then(|checksum| hash(part.kind, checksum))
    {
        put("hashes", json!([{"alg": algorithm, "content": content}]));
    }
    if !part.features.is_empty() {
        let features = part.features.join(",");
        put(
            "properties",
            json!([{"name": "cargo:features", "value": features}]),
        );
    }
    Value::Object(component)
}

/// Cargo writes SHA-256 in hexadecimal, npm names the algorithm and writes base64.
fn hash(kind: Kind, checksum: &str) -> Option<(&'static str, String)> {
    match kind {
        Kind::Npm => Some((
            "SHA-512",
            hexadecimal(&from_base64(checksum.strip_prefix("sha512-")?)?),
        )),
        _ => Some(("SHA-256", checksum.to_owned())),
    }
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(digit(byte)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A number of this document's own that is the same whenever it is made from the same sources: the form is that of a UUID of
/// version 8, whose bits mean what their maker wants.
fn serial(build: &Build) -> String {
    let named = format!(
        "crewline {} {} {}",
        build.number, build.commit, build.target
    );
    let mut bytes = Sha256::digest(named).to_vec();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hexadecimal(&bytes[..16]);
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..]
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_bill_names_each_part_once_with_licence_and_checksum() {
        let part = |kind, name: &str, checksum: Option<&str>, needs: &[usize]| Part {
            kind,
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: "MIT".to_owned(),
            features: vec!["std".to_owned()],
            checksum: checksum.map(str::to_owned),
            folder: PathBuf::new(),
            needs: needs.iter().copied().collect(),
        };
        let parts = [
            part(Kind::Own, "crewline-cli", None, &[1, 2]),
            part(Kind::Crate, "serde", Some("00ff"), &[]),
            part(Kind::Npm, "@a/b", Some("sha512-AP8="), &[]),
        ];
        let build = Build {
            number: "1.2.3".to_owned(),
            commit: "0123456789ab".to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            epoch: 0,
            committed_at: "1970-01-01T00:00:00Z".to_owned(),
        };
        let bill = document(&build, &parts, "1.95.0");
        assert_eq!(bill, document(&build, &parts, "1.95.0"));
        let hash = |name: &str| {
            let found = bill["components"]
                .as_array()
                .unwrap()
                .iter()
                .find(|part| part["name"] == name)
                .unwrap();
            found["hashes"][0]["content"].clone()
        };
        assert_eq!(
            (hash("serde"), hash("@a/b")),
            (json!("00ff"), json!("00ff"))
        );
        let needs = &bill["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["ref"] == "pkg:cargo/crewline-cli@1.0.0")
            .unwrap()["dependsOn"];
        assert_eq!(
            *needs,
            json!(["pkg:cargo/serde@1.0.0", "pkg:npm/%40a/b@1.0.0"])
        );
        let serial = bill["serialNumber"].as_str().unwrap();
        assert_eq!((serial.len(), serial.as_bytes()[23]), (45, b'8'));
    }
}
