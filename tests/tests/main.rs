//! The program from outside: the real binary, real repositories made on the spot, one binary for all of it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)] // a test that cannot go on should panic

/// Directories, repositories and commands for all tests, and failures that explain themselves.
mod util;

/// Containers of every kind.
#[path = "../support/archives.rs"]
mod archives;

/// What hooks advise, pasted.
mod advice;
/// Inline markers.
mod allow;
/// What scans, hooks, CI and servers make of a baseline.
mod baseline;
/// Checksums: what they rule out, what they cast doubt on, what tokens say.
mod checks;
/// `ci` on GitHub Actions: what a run is about, and what it is told.
mod ci;
/// The action for GitHub and the template for GitLab, run.
mod ci_files;
/// `ci` elsewhere: the variables of other systems.
mod ci_systems;
/// `ci`: whose configuration and markers count.
mod ci_trust;
/// The real clients of the hook managers.
mod clients;
/// `guide`, `rules`, `--help`, output options.
mod commands;
/// `.keysieve.yaml`.
mod config;
/// What is inside archives, compressed files and documents; bombs and damage.
mod containers;
/// Exit codes, their precedence, and what was not read and why: a test that causes each reason.
mod coverage;
/// What damaged, cut and odd repositories get.
mod damage;
/// Encoded secrets: found, placed, never printed.
mod decoding;
/// What tokens and the files around them say, and what is done with it.
mod details;
/// The fast engine against every blob dumped to files, and one thread against two.
mod engine;
/// How far a secret got: a test for each level.
mod exposure;
/// Files, several paths, standard input.
mod files;
/// What other programs read: the schema, JSON lines, SARIF.
mod formats;
/// Every way of git to make a commit.
mod gitways;
/// Every kind of place in a repository; ranges.
mod history;
/// The installed hook with the real scanner.
mod hooked;
/// What installing, looking and removing say, globally and beside hook managers.
mod installing;
/// `baseline` and `allow`: what they write.
mod judging;
/// Large blobs, and what claims to be large.
mod large;
/// Merges and their kin that wait for a resolution.
mod merging;
/// Secrets in names and headers.
mod names;
/// What stands in a hook's way: damage, foreign owners, full disks, signals.
mod obstacles;
/// Partial clones, and what a fetch may run.
mod partial;
/// What the place adds.
mod places;
/// Every place of a repository, a test each.
mod planted;
/// How far a scan is, on standard error.
mod progress;
/// Messages, pushes, and servers.
mod pushed;
/// No secret leaves the program, in any format, at any place, in any error.
mod redaction;
/// Rule files and their faults.
mod rule_files;
/// Files that are secrets in themselves.
mod secret_files;
/// Random sequences of git operations against a model.
mod sequences;
/// The measured situations of hooks, a test each.
mod situations;
/// What the index has, and never the working files.
mod staged;
/// Every way of git to keep objects and refs; objects that move.
mod stores;
