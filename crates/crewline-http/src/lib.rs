//! Crewline over HTTP: REST, long poll, server-sent events, OpenAPI
