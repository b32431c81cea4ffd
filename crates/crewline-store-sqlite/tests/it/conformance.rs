//! The promises of the port, as every store keeps them.

use crate::support::fixture;

crewline_testkit::store_conformance!(fixture);
