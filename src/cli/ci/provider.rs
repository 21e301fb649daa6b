//! The CI systems: how each is recognised, and how each is told to fetch more history.

use std::collections::HashMap;

use crate::cli::args::Provider;

/// The environment of the run. An empty variable is one that is not set: CI systems write both.
pub struct Env(HashMap<String, String>);

impl Env {
    /// That of this process.
    pub fn of_process() -> Self {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self(std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect())
    }

    /// A variable that has a value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The same, owned.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// Whether Jenkins builds the primary branch.
    pub fn is_primary(&self) -> bool {
        self.is_true("BRANCH_IS_PRIMARY")
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// For tests.
    #[cfg(test)]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

impl Provider {
    /// The one that this run is in. Jenkins comes last: its agents' variables are also seen inside what it starts.
    pub fn detect(env: &Env) -> Self {
        let known = [
            (env.is_true("GITHUB_ACTIONS"), Self::Github),
            (env.is_true("GITLAB_CI"), Self::Gitlab),
            (env.get("BITBUCKET_BUILD_NUMBER").is_some(), Self::Bitbucket),
            (env.is_true("TF_BUILD"), Self::Azure),
            (env.is_true("CIRCLECI"), Self::Circleci),
            (env.is_true("BUILDKITE"), Self::Buildkite),
            (env.get("JENKINS_URL").is_some(), Self::Jenkins),
        ];
        known.iter().find(|(is_it, _)| *is_it).map_or(Self::Generic, |(_, provider)| *provider)
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "GitHub Actions",
            Self::Gitlab => "GitLab CI",
            Self::Bitbucket => "Bitbucket Pipelines",
            Self::Azure => "Azure Pipelines",
            Self::Circleci => "CircleCI",
            Self::Buildkite => "Buildkite",
            Self::Jenkins => "Jenkins",
            Self::Generic => "CI",
        }
    }

    /// How the whole history is fetched: the setting of this system, then a command for everywhere.
    pub fn deepen(self) -> &'static str {
        match self {
            Self::Github => {
                "give the actions/checkout step `with: {fetch-depth: 0}`, or run `git fetch --unshallow origin` before this step"
            }
            Self::Gitlab => {
                "give the job `variables: {GIT_DEPTH: 0}`, or run `git fetch --unshallow origin` before keysieve"
            }
            Self::Bitbucket => {
                "give the step `clone: {depth: full}`, or run `git fetch --unshallow origin` before keysieve"
            }
            Self::Azure => {
                "begin the job with `- checkout: self` and `fetchDepth: 0`, or run `git fetch --unshallow origin` before keysieve"
            }
            Self::Circleci => "use `checkout: {method: full}`, or run `git fetch --unshallow origin` before keysieve",
            Self::Buildkite => {
                "take `--depth` out of BUILDKITE_GIT_CLONE_FLAGS and BUILDKITE_GIT_FETCH_FLAGS, or run `git fetch --unshallow origin` before keysieve"
            }
            Self::Jenkins => {
                "turn off `Shallow clone` under `Advanced clone behaviours` (`cloneOption(shallow: false)`), or run `git fetch --unshallow origin` before keysieve"
            }
            Self::Generic => "clone without `--depth`, or run `git fetch --unshallow origin` before keysieve",
        }
    }

    /// How the contents that a partial clone leaves out are had.
    pub fn unfilter(self) -> &'static str {
        match self {
            Self::Github => "take `filter` out of the actions/checkout step",
            Self::Circleci => "use `checkout: {method: full}`",
            Self::Buildkite => "take `--filter` out of BUILDKITE_GIT_CLONE_FLAGS",
            _ => "clone without `--filter`",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_known_by_its_own() {
        let cases = [
            (&[("GITHUB_ACTIONS", "true")][..], Provider::Github),
            (&[("GITLAB_CI", "true")], Provider::Gitlab),
            (&[("BITBUCKET_BUILD_NUMBER", "7")], Provider::Bitbucket),
            (&[("TF_BUILD", "True")], Provider::Azure),
            (&[("CIRCLECI", "true")], Provider::Circleci),
            (&[("BUILDKITE", "true"), ("JENKINS_URL", "https://ci.example/")], Provider::Buildkite),
            (&[("JENKINS_URL", "https://ci.example/")], Provider::Jenkins),
            (&[("CI", "true")], Provider::Generic),
            (&[("GITHUB_ACTIONS", ""), ("GITLAB_CI", "false")], Provider::Generic),
        ];
        for (pairs, provider) in cases {
            assert_eq!(Provider::detect(&Env::of(pairs)), provider, "{pairs:?}");
        }
    }
}
