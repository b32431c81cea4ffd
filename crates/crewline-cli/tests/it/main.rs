//! The binary as a person or a script uses it: spawned, spoken to over pipes, signals and HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod authority;
mod bus;
mod client;
mod config;
mod db;
mod demo;
mod doctor;
mod group;
mod help;
mod hook;
mod import;
mod keep;
mod limits;
mod listen;
mod on_postgres;
mod organisation;
mod peek;
mod postgres;
mod proxy;
mod push;
mod push_service;
mod remind;
mod restore;
mod restore_socket;
mod send;
mod serve;
mod support;
mod tls;
mod together;
mod token;
mod tutorial;
mod user;
mod watch;
mod webhook;
