//! Tests of Crewline that are shared: the conformance suite of stores, operations, fixtures
