#!/usr/bin/env bash
# Runs keysieve and whichever peers are on the PATH on one repository, in turns, and prints a table.
# README.md beside it says how to install the peers.
set -euo pipefail

usage() {
    cat <<'END'
usage: benches/compare.sh [--rounds N] REPOSITORY
       benches/compare.sh --staged [--rounds N] [--files N] [--keep DIR]

Compares keysieve with gitleaks, betterleaks, kingfisher and trufflehog, as far as they are on the PATH ($KEYSIEVE names
another keysieve). The first form scans the whole history. The second makes a repository of N files (100,000), stages one
line and scans what is staged; with --keep it stays in DIR and is used again. Each runs once unmeasured, then N rounds (3)
in turns; medians are shown. Memory is the peak of the unmeasured run, mapped files included.
END
}

rounds=3 files=100000 mode=history keep='' repository=''
while (($#)); do
    case $1 in
    --rounds) rounds=$2 && shift ;;
    --files) files=$2 && shift ;;
    --keep) keep=$2 && shift ;;
    --staged) mode=staged ;;
    -h | --help) usage && exit ;;
    -*) usage >&2 && exit 2 ;;
    *) repository=$1 ;;
    esac
    shift
done
if [[ $mode == history && -z $repository ]]; then
    usage >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
keysieve=${KEYSIEVE:-keysieve}
gnu_time=$(type -P time || true)
have() { command -v "$1" >/dev/null; }
have "$keysieve" || { echo "no keysieve on the PATH; KEYSIEVE=target/release/keysieve names one" >&2 && exit 2; }

# Files of ten lines in folders of a thousand, one commit, and one more line staged.
generate() {
    git init --quiet "$1"
    awk -v files="$files" 'BEGIN {
        print "commit refs/heads/main\ncommitter A <a@example.org> 1700000000 +0000\ndata 1\nx"
        for (n = 0; n < files; n++) {
            text = ""
            for (line = 0; line < 10; line++) text = text "value_" line " = compute(" n ", " line ")\n"
            printf "M 100644 inline d%d/f%d.txt\ndata %d\n%s\n", int(n / 1000), n, length(text), text
        }
    }' | git -C "$1" fast-import --quiet
    git -C "$1" symbolic-ref HEAD refs/heads/main
    git -C "$1" reset --quiet --hard
    echo 'one_more = line' >>"$1/d0/f7.txt"
    git -C "$1" add d0/f7.txt
}

# name, what a finding looks like in the report, command; `@` is the report. Reports without such a place go to stdout.
names=() marks=() commands=()
add() {
    names+=("$1") marks+=("$2") commands+=("$3")
}

if [[ $mode == staged ]]; then
    repository=${keep:-$work/repository}
    [[ -d $repository/.git ]] || generate "$repository"
    cd "$repository"
    add 'git diff --cached' '' 'git diff --cached'
    add 'keysieve scan --staged' '"type":"finding"' "$(printf %q "$keysieve") scan --staged --format jsonl"
    if have gitleaks; then
        options='--no-banner --log-level error --exit-code 0 --report-format json --report-path @'
        add 'gitleaks git --staged' '"RuleID"' "gitleaks git --staged $options"
        add 'gitleaks protect --staged' '"RuleID"' "gitleaks protect --staged $options"
    fi
    have betterleaks &&
        add 'betterleaks git --staged' '^  "rule_id"' 'betterleaks git --staged --no-banner --silent --output @'
    have kingfisher &&
        add 'kingfisher scan --staged --turbo -n' '"rule":' 'kingfisher scan . --staged --turbo --no-validate --no-update-check --quiet --format jsonl'
else
    repository=$(cd "$repository" && pwd)
    quoted=$(printf %q "$repository")
    add 'git cat-file --batch-all-objects' '' "git -C $quoted cat-file --batch-all-objects --batch --unordered --buffer"
    add 'keysieve scan --history' '"type":"finding"' "$(printf %q "$keysieve") scan --history $quoted --format jsonl"
    have gitleaks &&
        add 'gitleaks git' '"RuleID"' "gitleaks git $quoted --no-banner --log-level error --exit-code 0 --report-format json --report-path @"
    have betterleaks &&
        add 'betterleaks git' '^  "rule_id"' "betterleaks git $quoted --no-banner --silent --output @"
    have kingfisher &&
        add 'kingfisher scan --turbo -n' '"rule":' "kingfisher scan $quoted --turbo --no-validate --no-update-check --quiet --format jsonl"
    have trufflehog &&
        add 'trufflehog git --no-verification' '"SourceMetadata"' "trufflehog git file://$quoted --no-verification --no-update --json"
fi

# Runs a command; its report, if it writes one of its own, replaces what it printed.
run() {
    local command=${commands[$1]//@/$(printf %q "$work/report.$1.json")}
    rm -f "$work/report.$1.json"
    code=0
    eval "${2-} $command" >"$work/stdout.$1" 2>"$work/stderr.$1" || code=$?
}

# Exit codes of those that found something.
ran() { [[ $code == 0 || $code == 1 || $code == 183 || $code == 200 ]]; }

TIMEFORMAT='%3R %3U %3S'
for n in "${!names[@]}"; do
    echo "${names[n]} ..." >&2
    : >"$work/memory.$n"
    code=0
    run "$n" "${gnu_time:+$(printf %q "$gnu_time") --quiet --format %M --output $(printf %q "$work/memory.$n")}"
    if ! ran; then
        echo "left out, exit code $code: $(tail -n 1 "$work/stderr.$n")" >&2
        unset "names[n]"
        continue
    fi
    if [[ -n ${marks[n]} ]]; then
        report=$work/report.$n.json
        [[ -e $report ]] || report=$work/stdout.$n
        (grep -o -E -- "${marks[n]}" "$report" || true) | wc -l >"$work/findings.$n"
    else
        echo - >"$work/findings.$n"
    fi
done
for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    for n in "${!names[@]}"; do
        { time run "$n"; } 2>>"$work/times.$n"
    done
done

median() { sort -n | awk '{ all[NR] = $1 } END { print NR % 2 ? all[(NR + 1) / 2] : (all[NR / 2] + all[NR / 2 + 1]) / 2 }'; }
cpu() { awk '{ print $2 + $3 }' "$work/times.$1" | median; }

echo "$(date -u +%F), $(nproc) cores, $rounds rounds, $(git --version), $("$keysieve" --version)"
echo
ours=$(cpu 1)
echo '| command | wall s | CPU s | CPU against keysieve | peak memory MB | findings |'
echo '|---|---|---|---|---|---|'
for n in "${!names[@]}"; do
    wall=$(awk '{ print $1 }' "$work/times.$n" | median)
    awk -v name="${names[n]}" -v wall="$wall" -v cpu="$(cpu "$n")" -v ours="$ours" -v findings="$(cat "$work/findings.$n")" \
        -v memory="$(cat "$work/memory.$n")" 'BEGIN {
        ratio = ours > 0 ? sprintf("%.2f", cpu / ours) : "-"
        megabytes = memory == "" ? "-" : sprintf("%.0f", memory / 1024)
        printf "| `%s` | %.3f | %.3f | %s | %s | %s |\n", name, wall, cpu, ratio, megabytes, findings
    }'
done
