//! A `Cargo.lock`, as far as somebody asks: its packages.

/// A package.
pub(crate) struct Package<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// Whether it lies here, and is not fetched.
    pub(crate) is_own: bool,
    /// Of what was fetched.
    pub(crate) checksum: Option<&'a str>,
}

/// All of them, in their order.
pub(crate) fn packages(lock: &str) -> impl Iterator<Item = Package<'_>> {
    lock.split("[[package]]").skip(1).map(|package| {
        let said = |key: &str| {
            let value = package.split(&format!("\n{key} = \"")).nth(1)?;
            value.split('"').next()
        };
        Package {
            name: said("name").unwrap_or_default(),
            version: said("version").unwrap_or_default(),
            is_own: said("source").is_none(),
            checksum: said("checksum"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_lies_here_is_told_from_one_that_was_fetched() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"b\"\nversion = \"9.9.9\"\nsource = \"registry\"\nchecksum = \"0f\"\n";
        let all: Vec<_> = packages(lock)
            .map(|package| {
                (
                    package.name,
                    package.version,
                    package.is_own,
                    package.checksum,
                )
            })
            .collect();
        let expected = [
            ("a", "1.2.3", true, None),
            ("b", "9.9.9", false, Some("0f")),
        ];
        assert_eq!(all, expected);
    }
}
