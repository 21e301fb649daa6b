//! keysieve finds leaked API keys in files, commits and git history, and says how to revoke each one.

pub mod blob;
pub mod coverage;
pub mod error;
pub mod finding;
pub mod report;
pub mod rules;
pub mod secret;
mod yaml;
