//! What sort of place a secret stands in: code that ships to browsers and phones, a URL, a log, CI configuration,
//! documentation, test data. Judged by path and line, soberly: a script is client code only if its folder, its name or
//! the line says so.

use crate::blob::PlaceKind;
use crate::finding::{Place, Setting};
use crate::secret::Secret;

/// What the places of a secret add. Documentation and tests count only if there is nothing else: elsewhere they
/// would play down what is in use.
pub(super) fn of(places: &[Place], secret: &Secret) -> Vec<Setting> {
    let each: Vec<Vec<Setting>> =
        places.iter().filter(|place| place.kind == PlaceKind::Content).map(|place| settings(place, secret)).collect();
    let holds = |setting: &Setting| match setting {
        Setting::Documentation | Setting::Test => !each.is_empty() && each.iter().all(|here| here.contains(setting)),
        _ => each.iter().any(|here| here.contains(setting)),
    };
    Setting::ALL.iter().copied().filter(holds).collect()
}

fn settings(place: &Place, secret: &Secret) -> Vec<Setting> {
    let path = String::from_utf8_lossy(place.path.as_deref().unwrap_or_default()).replace('\\', "/");
    let line = place.site.context.as_str();
    let path = Path::new(&path);
    let judged = [
        (Setting::ClientCode, path.is_client_code() || names_client_variable(line)),
        (Setting::Url, stands_in_url(line, &secret.redacted())),
        (Setting::Log, path.is_log() || LOGGING.iter().any(|call| line.contains(call))),
        (Setting::Ci, path.is_ci()),
        (Setting::Documentation, path.is_documentation()),
        (Setting::Test, path.is_test()),
    ];
    judged.into_iter().filter(|(_, holds)| *holds).map(|(setting, _)| setting).collect()
}

/// A path in lower case, and its parts.
struct Path {
    whole: String,
    /// The last part as written: `FooTest.java`.
    name: String,
}

impl Path {
    fn new(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        Self { whole: format!("/{}", path.to_ascii_lowercase()), name }
    }

    fn lower_name(&self) -> &str {
        self.whole.rsplit('/').next().unwrap_or(&self.whole)
    }

    fn has_folder(&self, folders: &[&str]) -> bool {
        let mut parts: Vec<&str> = self.whole.split('/').collect();
        parts.pop();
        parts.iter().any(|part| folders.contains(part))
    }

    fn ends_with(&self, ends: &[&str]) -> bool {
        ends.iter().any(|end| self.lower_name().ends_with(end))
    }

    fn is_called(&self, names: &[&str]) -> bool {
        names.contains(&self.lower_name())
    }

    fn is_client_code(&self) -> bool {
        const SHIPPED: &[&str] =
            &["info.plist", "androidmanifest.xml", "google-services.json", "googleservice-info.plist"];
        const MARKUP: &[&str] =
            &[".html", ".htm", ".xhtml", ".jsx", ".vue", ".svelte", ".storyboard", ".xib", ".min.js", ".bundle.js"];
        const SCRIPTS: &[&str] = &[".js", ".mjs", ".ts", ".tsx", ".css"];
        const APPS: &[&str] = &[".swift", ".kt", ".dart", ".m", ".mm"];
        const BROWSER: &[&str] = &[
            "public",
            "static",
            "assets",
            "www",
            "wwwroot",
            "dist",
            "frontend",
            "front-end",
            "client",
            "browser",
            "webapp",
            "components",
            "views",
            "pages",
            "popup",
            "content_scripts",
        ];
        const PHONE: &[&str] =
            &["android", "androidmain", "ios", "iosmain", "mobile", "composeapp", "phone", "watchos", "res", "runner"];
        const SERVER: &[&str] = &["server", "backend", "back-end", "api", "functions", "lambda", "lambdas", "scripts"];
        if self.is_called(SHIPPED) || self.whole.contains("/res/values") && self.ends_with(&[".xml"]) {
            return true;
        }
        if self.has_folder(SERVER) || self.is_documentation() || self.is_test() {
            return false;
        }
        let of_app = self.ends_with(&[".swift", ".dart"]) && !self.is_called(&["package.swift"]);
        self.ends_with(MARKUP)
            || self.ends_with(SCRIPTS) && self.has_folder(BROWSER)
            || of_app
            || self.ends_with(APPS) && self.has_folder(PHONE)
    }

    fn is_log(&self) -> bool {
        let numbered = self.lower_name().split_once(".log.").is_some();
        self.ends_with(&[".log", ".har", "nohup.out"])
            || numbered
            || self.has_folder(&["log", "logs"]) && self.ends_with(&[".txt", ".json", ".jsonl", ".out", ".gz"])
    }

    fn is_ci(&self) -> bool {
        const FOLDERS: &[&str] =
            &[".circleci", ".buildkite", ".semaphore", ".teamcity", ".woodpecker", ".tekton", ".gitlab", ".ci"];
        const NAMES: &[&str] = &[
            ".gitlab-ci.yml",
            ".gitlab-ci.yaml",
            ".travis.yml",
            "jenkinsfile",
            "bitbucket-pipelines.yml",
            ".drone.yml",
            "appveyor.yml",
            ".appveyor.yml",
            ".woodpecker.yml",
            "cloudbuild.yaml",
            "cloudbuild.yml",
            "codemagic.yaml",
            "bitrise.yml",
            "wercker.yml",
            ".cirrus.yml",
            "buildspec.yml",
            "buildspec.yaml",
            "azure-pipelines.yml",
            "azure-pipelines.yaml",
        ];
        let on_forge = [".github", ".gitea", ".forgejo"].iter().any(|forge| {
            self.whole.contains(&format!("/{forge}/workflows/")) || self.whole.contains(&format!("/{forge}/actions/"))
        });
        on_forge || self.has_folder(FOLDERS) || self.is_called(NAMES) || self.ends_with(&[".jenkinsfile"])
    }

    fn is_documentation(&self) -> bool {
        let name = self.lower_name();
        let begins =
            ["readme", "changelog", "changes", "contributing", "howto"].iter().any(|lead| name.starts_with(lead));
        begins
            || self.ends_with(&[".md", ".mdx", ".markdown", ".rst", ".adoc", ".asciidoc", ".org"])
            || self.has_folder(&["doc", "docs", "documentation", "wiki"])
    }

    fn is_test(&self) -> bool {
        const FOLDERS: &[&str] = &[
            "test",
            "tests",
            "__tests__",
            "spec",
            "specs",
            "testdata",
            "test-data",
            "test_data",
            "testing",
            "fixtures",
            "__fixtures__",
            "e2e",
            "cypress",
            "mocks",
            "__mocks__",
            "androidtest",
            "unittest",
        ];
        let name = self.lower_name();
        let stem = self.name.rsplit_once('.').map_or(self.name.as_str(), |(stem, _)| stem);
        self.has_folder(FOLDERS)
            || name.contains(".test.")
            || name.contains(".spec.")
            || name.contains("_test.")
            || name.contains("_spec.")
            || name.starts_with("test_")
            || name == "conftest.py"
            || ["Test", "Tests", "Spec", "IT"].iter().any(|end| stem.ends_with(end) && stem.len() > end.len())
                && self.ends_with(&[".java", ".kt", ".cs", ".scala", ".swift", ".groovy", ".php"])
    }
}

/// Variables that bundlers copy into what browsers and phones get.
fn names_client_variable(line: &str) -> bool {
    const BUNDLED: &[&str] =
        &["REACT_APP_", "NEXT_PUBLIC_", "VITE_", "EXPO_PUBLIC_", "NUXT_PUBLIC_", "GATSBY_", "VUE_APP_", "PUBLIC_"];
    let begins_word = |at: usize| !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    BUNDLED.iter().any(|lead| line.match_indices(lead).any(|(at, _)| begins_word(at)))
}

/// Calls that write a log.
const LOGGING: &[&str] =
    &["console.log(", "console.error(", "logger.", "logging.", "log.Print", "log.info(", "log.debug(", "NSLog("];

/// Whether a masked secret in a line is part of a web address, in its userinfo, path or query. An address that is
/// itself the secret, such as a webhook's, is not.
fn stands_in_url(line: &str, masked: &str) -> bool {
    let Some(at) = line.find(masked) else { return false };
    let ends = |c: char| c.is_whitespace() || "\"'`<>()[]{}|,;".contains(c);
    let lead = line[..at].rsplit(ends).next().unwrap_or_default();
    let is_web = ["http://", "https://", "ws://", "wss://"].iter().any(|scheme| lead.contains(scheme));
    // The beginning of a long line may be cut off: a parameter tells by itself.
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let parameter = lead.strip_suffix('=').and_then(|lead| lead.rsplit_once(['?', '&']));
    is_web
        || parameter.is_some_and(|(before, name)| is_name(name) && (lead.contains('?') && before.contains(['/', '='])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Site;

    fn place(path: &str, context: &str) -> Place {
        let site = Site { context: context.into(), ..Site::default() };
        Place { path: Some(path.into()), ..super::super::plain(PlaceKind::Content, site) }
    }

    fn words(places: &[(&str, &str)]) -> String {
        let secret = Secret::new(&[b'x'; 9], 0);
        let places: Vec<Place> = places.iter().map(|(path, line)| place(path, line)).collect();
        of(&places, &secret).iter().map(|setting| setting.word()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn by_path() {
        let cases = [
            ("src/main.rs", ""),
            ("index.js", ""),
            ("server/public/index.js", ""),
            ("public/js/app.js", "client-code"),
            ("src/App.vue", "client-code"),
            ("web/index.html", "client-code"),
            ("ios/Runner/Info.plist", "client-code"),
            ("app/src/main/res/values/strings.xml", "client-code"),
            ("android/app/src/main/java/A.kt", "client-code"),
            ("src/main/kotlin/Api.kt", ""),
            ("App/ContentView.swift", "client-code"),
            ("Package.swift", ""),
            ("app/google-services.json", "client-code"),
            ("var/log/app.log", "log"),
            ("logs/2024.txt", "log"),
            ("app.log.3", "log"),
            ("capture.har", "log"),
            ("src/log/mod.rs", ""),
            (".github/workflows/build.yml", "ci"),
            (".gitlab-ci.yml", "ci"),
            ("ci/Jenkinsfile", "ci"),
            ("README.md", "documentation"),
            ("docs/conf.py", "documentation"),
            ("tests/a.rs", "test"),
            ("pkg/a_test.go", "test"),
            ("src/a.spec.ts", "test"),
            ("src/FooTest.java", "test"),
            ("src/Latest.java", ""),
            ("src/contest.py", ""),
            ("", ""),
        ];
        for (path, expected) in cases {
            assert_eq!(words(&[(path, "")]), expected, "{path}");
        }
    }

    #[test]
    fn by_line() {
        let cases = [
            ("fetch('https://api.acme.test/v1?key=…(9)')", "url"),
            ("GET https://ops:…(9)@git.acme.test/", "url"),
            ("acme.test/v1/a?b=1&token=…(9)", "url"),
            ("postgres://ops:…(9)@db/x", ""),
            ("url = …(9)", ""),
            ("int x = a &key=…(9)", ""),
            ("see https://acme.test key=…(9)", ""),
            ("NEXT_PUBLIC_KEY=…(9)", "client-code"),
            ("const k = import.meta.env.VITE_K || '…(9)'", "client-code"),
            ("INVITE_KEY=…(9)", ""),
            ("console.log('…(9)')", "log"),
        ];
        for (line, expected) in cases {
            assert_eq!(words(&[("main.go", line)]), expected, "{line}");
        }
    }

    #[test]
    fn documentation_and_tests_count_only_alone() {
        assert_eq!(words(&[("README.md", ""), ("docs/a.md", "")]), "documentation");
        assert_eq!(words(&[("README.md", ""), ("src/a.py", "")]), "");
        assert_eq!(words(&[("tests/a.py", ""), ("www/a.js", ""), (".travis.yml", "")]), "client-code ci");
        assert_eq!(words(&[]), "");
    }
}
