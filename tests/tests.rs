//! The program from outside: the real binary, real repositories made on the spot, one binary for all of it.
#![cfg(unix)]

/// Directories, repositories and commands for all tests, and failures that explain themselves.
mod util;

/// How far a secret got: a test for each level.
mod exposure;
/// Exit codes, their precedence, and what was not read and why: a test that causes each reason.
mod coverage;
/// What damaged, cut and odd repositories get.
mod damage;
/// Files, several paths, standard input.
mod files;
/// What the index has, and never the working files.
mod staged;
/// Every kind of place in a repository; ranges.
mod history;
/// The fast engine against every blob dumped to files, and one thread against two.
mod engine;
/// No secret leaves the program, in any format, at any place, in any error.
mod redaction;
/// Inline markers.
mod allow;
/// `.keysieve.yaml`.
mod config;
/// Rule files and their faults.
mod rules;
/// `guide`, `rules`, `--help`, output options.
mod commands;
/// What other programs read: the schema, JSON lines, SARIF.
mod formats;
/// The installed hook with the real scanner.
mod hooked;
