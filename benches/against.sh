#!/usr/bin/env bash
# Compares this keysieve with what it was at another commit, or with its rules at that commit, on folders or histories.
set -euo pipefail

usage() {
    cat <<'END'
usage: benches/against.sh [--rounds N] [--rules-only] [--history] [--with OPTIONS] COMMIT TARGET...

Builds COMMIT beside this one, and runs both in turns on each target, a folder or, with --history, a repository: once
unmeasured, then N rounds (7). Shows the least CPU time of each, user and system, and the ratio of this one to the other.
With --rules-only the other is this program with the rules that stood at COMMIT. Options --with are given to this one
only, such as '--max-decode-depth 0' against a commit that did not decode.
END
}

rounds=7 rules_only='' history=() with=()
while [[ ${1-} == -* ]]; do
    case $1 in
    --rounds) rounds=$2 && shift ;;
    --rules-only) rules_only=yes ;;
    --history) history=(--history) ;;
    --with) read -ra with <<<"$2" && shift ;;
    -h | --help) usage && exit ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done
(($# >= 2)) || { usage >&2 && exit 2; }
root=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
commit=$(git -C "$root" rev-parse --verify --quiet "$1^{commit}") || { echo "$1 is no commit" >&2 && exit 2; }
shift

work=$(mktemp -d)
clean_up() {
    git -C "$root" worktree remove --force "$work/tree" 2>"$work/removed" || true
    rm -rf "$work"
}
trap clean_up EXIT

git -C "$root" worktree add --quiet --detach "$work/tree" "$([[ $rules_only ]] && echo HEAD || echo "$commit")"
if [[ $rules_only ]]; then
    rm -r "$work/tree/rules"
    git -C "$work/tree" archive "$commit" rules | tar -x -C "$work/tree"
fi
target=${CARGO_TARGET_DIR:-$root/target}
(cd "$root" && CARGO_TARGET_DIR=$target cargo build --quiet --release --locked)
(cd "$work/tree" && CARGO_TARGET_DIR=$target/against cargo build --quiet --release --locked)
programs=("$target/against/release/keysieve" "$target/release/keysieve")

run() {
    local options=("${history[@]}") code=0
    (($1 == 0)) || options+=("${with[@]}")
    "${programs[$1]}" scan --quiet --format json "${options[@]}" "$2" >"$work/report" 2>"$work/errors" || code=$?
    # What was found does not matter here, but it must have run.
    ((code != 2)) || { cat "$work/errors" >&2 && exit 2; }
}

TIMEFORMAT='%3U %3S'
least() { awk '{ print $1 + $2 }' "$1" | sort -n | head -n 1; }
echo '| target | before, CPU s | now, CPU s | ratio |'
echo '|---|---|---|---|'
for target; do
    for ((round = 0; round <= rounds; round++)); do
        for n in 0 1; do
            { time run "$n" "$target"; } 2>"$work/time"
            ((round == 0)) || cat "$work/time" >>"$work/times.$n"
        done
    done
    awk -v name="$target" -v before="$(least "$work/times.0")" -v now="$(least "$work/times.1")" \
        'BEGIN { printf "| %s | %.3f | %.3f | %.2f |\n", name, before, now, now / before }'
    rm "$work"/times.*
done
