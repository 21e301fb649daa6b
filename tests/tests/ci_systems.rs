//! `keysieve ci` in the other systems: their documented variables against clones as they make them. Every situation is
//! tried with a leak, which must fail the job, and without, which must not.

use crate::ci::{Forge, Pull, judged, settings};
use crate::util::{Dir, PROGRAM, Ran, Repo, leak, print_of, runra};

const NULL: &str = "0000000000000000000000000000000000000000";

fn ci(repo: &Repo<'_>, variables: &[(&str, &str)], args: &[&str]) -> Ran {
    let mut command = repo.command(PROGRAM);
    Ran::of(command.arg("ci").args(args).env("CI", "true").envs(variables.iter().copied()))
}

/// A server whose `main` has an old key that nobody is to blame for, and a pull request.
fn with_pull<'d>(dir: &'d Dir, leaks: bool) -> (Forge<'d>, Pull) {
    let forge = Forge::new(dir);
    forge.author.commit_file("old", leak(2));
    forge.push("main");
    let pull = forge.request("a", settings(leaks, 1));
    (forge, pull)
}

#[track_caller]
fn only_new(leaks: bool, ran: Ran) -> Ran {
    let ran = judged(leaks, ran);
    assert!(!ran.stdout().contains(&print_of(&runra(2))), "an old one is reported{ran}");
    ran.hides(&[&runra(1)]);
    ran
}

#[test]
fn gitlab_merge_requests() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let (forge, pull) = with_pull(&dir, leaks);
        let common = [
            ("GITLAB_CI", "true"),
            ("CI_PIPELINE_SOURCE", "merge_request_event"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", pull.base.as_str()),
            ("CI_COMMIT_BEFORE_SHA", NULL),
            ("CI_DEFAULT_BRANCH", "main"),
        ];
        // Detached: the head, and only its branch is there.
        let detached = [("CI_COMMIT_SHA", pull.head.as_str()), ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", "")];
        let own = "+refs/pull/7/head:refs/merge-requests/7/head";
        let repo = forge.cloned("detached", &[own], &pull.head);
        let ran = only_new(leaks, ci(&repo, &[&common[..], &detached].concat(), &[]));
        ran.complains(&["GitLab CI, merge request !7: what it adds to the target branch"]);
        // Merged results.
        let merged = [
            ("CI_COMMIT_SHA", pull.merge.as_str()),
            ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", &pull.head),
            ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", &pull.base),
        ];
        let repo = forge.full("merged", &pull.merge);
        only_new(leaks, ci(&repo, &[&common[..], &merged].concat(), &[]));
        // Where that is not deep enough nothing tells the old key from a new one.
        let repo = forge.shallow("shallow", "refs/pull/7/head", "refs/merge-requests/7/head");
        let ran = ci(&repo, &[&common[..], &detached].concat(), &[]);
        ran.code(1).says(&["GIT_DEPTH: 0", "no all-clear"]);
    }
}

#[test]
fn gitlab_branches_tags_and_schedules() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let (forge, pull) = with_pull(&dir, leaks);
        let of = |variables: &[(&str, &str)], repo: &Repo<'_>| {
            ci(repo, &[&[("GITLAB_CI", "true"), ("CI_DEFAULT_BRANCH", "main")][..], variables].concat(), &[])
        };
        let push =
            [("CI_PIPELINE_SOURCE", "push"), ("CI_COMMIT_BRANCH", "feature"), ("CI_COMMIT_SHA", pull.head.as_str())];
        let repo = forge.full("clone", &pull.head);
        let ran = of(&[&push[..], &[("CI_COMMIT_BEFORE_SHA", &pull.base)]].concat(), &repo);
        only_new(leaks, ran).complains(&["push to feature: what it adds to the branch before the push"]);
        let ran = of(&[&push[..], &[("CI_COMMIT_BEFORE_SHA", NULL)]].concat(), &repo);
        only_new(leaks, ran).complains(&["push to feature: what it adds to origin/main"]);
        // By a button, of which GitLab tells no earlier commit.
        let ran =
            of(&[("CI_PIPELINE_SOURCE", "web"), ("CI_COMMIT_BRANCH", "main"), ("CI_COMMIT_SHA", &pull.head)], &repo);
        ran.code(1).complains(&["web pipeline: the whole history"]);
        let tag = [("CI_COMMIT_TAG", "v1"), ("CI_COMMIT_SHA", pull.head.as_str()), ("CI_COMMIT_BEFORE_SHA", NULL)];
        only_new(leaks, of(&tag, &repo)).complains(&["tag v1"]);
        let ran = of(&[("CI_PIPELINE_SOURCE", "schedule"), ("CI_COMMIT_SHA", &pull.head)], &repo);
        // All of it, the old one, too.
        ran.code(1).says(&[&print_of(&runra(2))]).complains(&["schedule pipeline: the whole history"]);
        assert_eq!(ran.stdout().contains(&print_of(&runra(1))), leaks, "{ran}");
    }
}

#[test]
fn bitbucket() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let (forge, pull) = with_pull(&dir, leaks);
        let common = [("BITBUCKET_BUILD_NUMBER", "12"), ("BITBUCKET_COMMIT", pull.head.as_str())];
        // Only the source is cloned; the destination is then merged into it, and its commit is given by twelve digits.
        let repo = forge.cloned("clone", &["+refs/heads/feature:refs/remotes/origin/feature"], &pull.head);
        repo.git(&["fetch", "--quiet", "origin", &pull.base]);
        repo.git(&["merge", "--quiet", "--no-ff", "--no-edit", &pull.base]);
        let request = [
            ("BITBUCKET_PR_ID", "7"),
            ("BITBUCKET_BRANCH", "feature"),
            ("BITBUCKET_PR_DESTINATION_BRANCH", "main"),
            ("BITBUCKET_PR_DESTINATION_COMMIT", &pull.base[..12]),
        ];
        let ran = only_new(leaks, ci(&repo, &[&common[..], &request].concat(), &[]));
        ran.complains(&["Bitbucket Pipelines, pull request #7"]);
        // A push to a branch, with and without the main branch at hand.
        let push = [&common[..], &[("BITBUCKET_BRANCH", "feature")]].concat();
        only_new(leaks, ci(&forge.full("push", &pull.head), &push, &[]));
        let alone = forge.cloned("alone", &["+refs/heads/feature:refs/remotes/origin/feature"], &pull.head);
        ci(&alone, &push, &[]).code(1).complains(&["all that it has"]).says(&[&print_of(&runra(2))]);
        let ran = ci(&forge.full("tag", &pull.head), &[&common[..], &[("BITBUCKET_TAG", "v1")]].concat(), &[]);
        only_new(leaks, ran);
        let shallow = forge.shallow("shallow", "refs/heads/feature", "refs/remotes/origin/feature");
        ci(&shallow, &push, &[]).code(1).says(&["depth: full"]);
    }
}

#[test]
fn azure() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let (forge, pull) = with_pull(&dir, leaks);
        let request = [
            ("TF_BUILD", "True"),
            ("BUILD_REASON", "PullRequest"),
            ("BUILD_SOURCEBRANCH", "refs/pull/7/merge"),
            ("BUILD_SOURCEVERSION", pull.merge.as_str()),
            ("SYSTEM_PULLREQUEST_PULLREQUESTID", "7"),
            ("SYSTEM_PULLREQUEST_SOURCECOMMITID", &pull.head),
            ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "refs/heads/feature"),
            ("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main"),
        ];
        // No branch but the merge.
        let merge = "+refs/pull/7/merge:refs/remotes/pull/7/merge";
        let repo = forge.cloned("clone", &[merge], &pull.merge);
        let ran = only_new(leaks, ci(&repo, &request, &[]));
        let command = "##vso[task.logissue type=error;sourcepath=a;linenumber=1;columnnumber=15;code=runra-api-key;]";
        assert_eq!(ran.stdout().contains(command), leaks, "{ran}");
        let repo = forge.shallow("shallow", "refs/pull/7/merge", "refs/remotes/pull/7/merge");
        ci(&repo, &request, &[]).code(1).says(&["fetchDepth: 0", "##vso[task.logissue type=error;]"]);
        let push = [
            ("TF_BUILD", "True"),
            ("BUILD_REASON", "IndividualCI"),
            ("BUILD_SOURCEBRANCH", "refs/heads/feature"),
            ("BUILD_SOURCEVERSION", pull.head.as_str()),
        ];
        only_new(leaks, ci(&forge.full("push", &pull.head), &push, &[])).complains(&["push to feature"]);
        let schedule = [("TF_BUILD", "True"), ("BUILD_REASON", "Schedule"), ("BUILD_SOURCEBRANCH", "refs/heads/main")];
        ci(&forge.full("schedule", &pull.base), &schedule, &[]).code(1).complains(&["the whole history"]);
        let tag = [("TF_BUILD", "True"), ("BUILD_SOURCEBRANCH", "refs/tags/v1"), ("BUILD_SOURCEVERSION", &pull.head)];
        only_new(leaks, ci(&forge.full("tag", &pull.head), &tag, &[]));
    }
}

#[test]
fn no_name_is_a_command_of_azure() {
    let dir = Dir::new();
    let forge = Forge::new(&dir);
    forge.branch("feature");
    for (i, name) in ["x]##vso[task.complete result=Succeeded;]y", "a;b", "##[section]z", "c%0Ad"].iter().enumerate() {
        forge.author.write(name, leak(i as u64 + 1));
    }
    forge.author.commit("##vso[task.setvariable variable=a]b");
    let head = forge.push("feature");
    let repo = forge.full("clone", &head);
    let push =
        [("TF_BUILD", "True"), ("BUILD_SOURCEBRANCH", "refs/heads/feature"), ("BUILD_SOURCEVERSION", head.as_str())];
    for args in [&[][..], &["-v"], &["--format", "json"]] {
        let ran = ci(&repo, &push, args);
        let log = ran.code(1).stdout() + &ran.stderr();
        let commands: Vec<&str> = log.lines().filter(|line| line.contains("##vso[")).collect();
        assert_eq!(commands.len(), 4, "{ran}");
        assert!(commands.iter().all(|line| line.starts_with("##vso[task.logissue type=error;sourcepath=")), "{ran}");
        // Up to the first bracket it is what we wrote: a path has none.
        for line in commands {
            let properties = line.split_once("[task.logissue ").unwrap().1.split(']').next().unwrap();
            assert!(properties.ends_with("code=runra-api-key;"), "{line}");
            assert_eq!(properties.matches(';').count(), 5, "{line}");
        }
        log.lines()
            .filter(|line| !line.starts_with("##vso["))
            .for_each(|line| assert!(!line.contains("##["), "{line}"));
    }
}

#[test]
fn circleci() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let (forge, pull) = with_pull(&dir, leaks);
        let push = [("CIRCLECI", "true"), ("CIRCLE_SHA1", pull.head.as_str()), ("CIRCLE_BRANCH", "feature")];
        // It clones, so the clone knows the default branch.
        let repo = forge.full("clone", &pull.head);
        repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
        only_new(leaks, ci(&repo, &push, &[])).complains(&["CircleCI, push to feature: what it adds to origin/main"]);
        // On the default branch only the pipeline's values tell what was before.
        let main = [("CIRCLECI", "true"), ("CIRCLE_SHA1", pull.head.as_str()), ("CIRCLE_BRANCH", "main")];
        ci(&repo, &main, &[]).code(1).complains(&["all that it has"]);
        only_new(leaks, ci(&repo, &[&main[..], &[("KEYSIEVE_BASE", &pull.base)]].concat(), &[]));
        let ran = ci(&repo, &main, &["--base", "0123456789012345678901234567890123456789"]);
        ran.code(2).complains(&["names no commit", "method: full"]);
        let tag = [("CIRCLECI", "true"), ("CIRCLE_SHA1", pull.head.as_str()), ("CIRCLE_TAG", "v1")];
        only_new(leaks, ci(&repo, &tag, &[]));
    }
}

/// The default branch is the one that the clone knows, whatever it is called.
#[test]
fn a_default_branch_of_another_name() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let forge = Forge::new(&dir);
        forge.author.commit_file("old", leak(2));
        forge.push("main:refs/heads/develop");
        forge.author.git(&["checkout", "--quiet", "-b", "feature"]);
        forge.author.commit_file("a", settings(leaks, 1));
        let head = forge.push("feature");
        let repo = forge.full("clone", &head);
        repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop"]);
        let push = [("CIRCLECI", "true"), ("CIRCLE_SHA1", head.as_str()), ("CIRCLE_BRANCH", "feature")];
        only_new(leaks, ci(&repo, &push, &[])).complains(&["what it adds to origin/develop"]);
    }
}

#[test]
fn a_clone_without_blobs() {
    let dir = Dir::new();
    let (forge, pull) = with_pull(&dir, true);
    forge.author.commit_file("a", "gone\n");
    let head = forge.push("feature");
    let server = dir.existing("server.git");
    server.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", dir.text("server.git"));
    server.git(&["clone", "--quiet", "--filter=blob:none", "--branch=feature", &url, &dir.text("clone")]);
    let repo = dir.existing("clone");
    let push = [("CIRCLECI", "true"), ("CIRCLE_SHA1", head.as_str()), ("CIRCLE_BRANCH", "feature")];
    ci(&repo, &push, &[]).code(3).says(&["method: full"]);
    assert_ne!(head, pull.head);
    repo.git(&["fetch", "--quiet", "--refetch", "--no-filter", "origin"]);
    only_new(true, ci(&repo, &push, &[]));
}

#[test]
fn buildkite() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let (forge, pull) = with_pull(&dir, leaks);
        let repo = forge.full("clone", &pull.head);
        let common = [
            ("BUILDKITE", "true"),
            ("BUILDKITE_COMMIT", pull.head.as_str()),
            ("BUILDKITE_BRANCH", "feature"),
            ("BUILDKITE_SOURCE", "webhook"),
            ("BUILDKITE_PIPELINE_DEFAULT_BRANCH", "main"),
        ];
        let of = |more: &[(&str, &str)]| ci(&repo, &[&common[..], more].concat(), &[]);
        let ran = of(&[("BUILDKITE_PULL_REQUEST", "7"), ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "main")]);
        only_new(leaks, ran).complains(&["Buildkite, pull request #7: what it adds to origin/main"]);
        let ran = of(&[("BUILDKITE_PULL_REQUEST", "false"), ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "")]);
        only_new(leaks, ran).complains(&["push to feature"]);
        let queue = [
            ("BUILDKITE_PULL_REQUEST", "false"),
            ("BUILDKITE_MERGE_QUEUE_BASE_BRANCH", "main"),
            ("BUILDKITE_MERGE_QUEUE_BASE_COMMIT", pull.base.as_str()),
        ];
        only_new(leaks, of(&queue)).complains(&["merge queue"]);
        only_new(leaks, of(&[("BUILDKITE_TAG", "v1")]));
        of(&[("BUILDKITE_SOURCE", "schedule")]).code(1).complains(&["the whole history"]);
        only_new(leaks, of(&[("BUILDKITE_COMMIT", "HEAD")]));
    }
}

#[test]
fn jenkins() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let (forge, pull) = with_pull(&dir, leaks);
        let common = [("JENKINS_URL", "https://ci.example.org/"), ("GIT_COMMIT", pull.head.as_str())];
        // A multibranch pipeline fetches the request and its target.
        let repo = forge.full("clone", &pull.head);
        let of = |more: &[(&str, &str)]| ci(&repo, &[&common[..], more].concat(), &[]);
        let request =
            [("BRANCH_NAME", "PR-7"), ("CHANGE_ID", "7"), ("CHANGE_TARGET", "main"), ("CHANGE_BRANCH", "feature")];
        only_new(leaks, of(&request)).complains(&["Jenkins, pull request #7: what it adds to origin/main"]);
        // The last successful build is the base; one that failed is none.
        let ran = of(&[("GIT_BRANCH", "origin/feature"), ("GIT_PREVIOUS_SUCCESSFUL_COMMIT", &pull.base)]);
        only_new(leaks, ran).complains(&["push to feature: what it adds to the branch before the push"]);
        let ran = of(&[("BRANCH_NAME", "feature"), ("GIT_PREVIOUS_COMMIT", &pull.head)]);
        only_new(leaks, ran).complains(&["what it adds to origin/main"]);
        only_new(leaks, of(&[("TAG_NAME", "v1"), ("BRANCH_NAME", "v1")]));
        let shallow = forge.shallow("shallow", "refs/heads/feature", "refs/remotes/origin/feature");
        let ran = ci(&shallow, &[&common[..], &request].concat(), &[]);
        ran.code(1).says(&["shallow: false"]);
    }
}

#[test]
fn anywhere_else() {
    for leaks in [true, false] {
        let dir = Dir::new();
        let (forge, pull) = with_pull(&dir, leaks);
        let repo = forge.full("clone", &pull.head);
        only_new(leaks, ci(&repo, &[], &[])).complains(&["CI, HEAD: what it adds to origin/main"]);
        only_new(leaks, ci(&repo, &[], &["--base", &pull.base]));
        only_new(leaks, ci(&repo, &[("GITHUB_ACTIONS", "true")], &["--provider", "generic"]));
        // On the default branch there is nothing to compare with.
        repo.git(&["checkout", "--quiet", "--detach", "refs/remotes/origin/main"]);
        ci(&repo, &[], &[]).code(1).complains(&["all that it has"]);
        // A repository that was never pushed.
        let own = dir.repo("own");
        own.commit_file("a", settings(leaks, 1));
        only_new(leaks, ci(&own, &[], &[]));
    }
}
