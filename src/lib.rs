//! keysieve finds leaked API keys in files, commits and git history, and says how to revoke each one.

pub mod baseline;
pub mod blob;
pub mod coverage;
pub mod error;
pub mod finding;
pub mod git;
pub mod globs;
pub mod hook;
pub mod lock;
pub mod pack;
pub mod provenance;
pub mod report;
pub mod rules;
pub mod scan;
pub mod secret;
pub mod source;
pub mod suppress;
pub mod time;
pub mod unpack;
pub mod yaml;
