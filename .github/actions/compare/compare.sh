#!/usr/bin/env bash
# Builds the server of the base and of the head, compares them, and writes the job's summary; see action.yml, which
# says what each INPUT_ is. Its exit code is that of ws-compare, or 1 when it does not come so far.
set -euo pipefail

head="$PWD"
work="$(mktemp -d "$RUNNER_TEMP/ws-compare.XXXXXX")"
base="$work/base"

trap 'git -C "$head" worktree remove --force "$base" 2>/dev/null || true' EXIT

# Says why nothing was compared, and ends with 1 or another code.
fail() {
    printf '::error title=ws-compare::%s\n' "$1"
    printf '# ws-compare\n\n%s\n' "$1" >>"$GITHUB_STEP_SUMMARY"
    exit "${2:-1}"
}

# The commit that a branch, tag or commit names; what the checkout has not is fetched.
find_base() {
    local commit="$1^{commit}"
    git rev-parse --verify --quiet --end-of-options "$commit" && return
    git fetch --quiet --no-tags --depth=1 --end-of-options origin "$1" >&2 || return
    git rev-parse --verify --quiet 'FETCH_HEAD^{commit}'
}

# Builds in a folder. Each has a target folder of its own, or the second build would overwrite the first.
build() {
    echo "::group::build $1"
    local code=0
    (
        cd "$2"
        unset CARGO_TARGET_DIR
        if [ -n "$INPUT_CRATE" ]; then
            cargo build --release --package="$INPUT_CRATE"
        elif [ -n "$INPUT_BUILD" ]; then
            bash -euo pipefail -c "$INPUT_BUILD"
        fi
    ) || code=$?
    echo "::endgroup::"
    return "$code"
}

# One word for the splitting that ws-compare does.
quote() {
    printf "'%s'" "${1//\'/\'\\\'\'}"
}

[ -n "$INPUT_SERVER" ] || fail "The input 'server' is empty: it is the command that starts the server."
[ -n "$INPUT_BASE" ] || fail "The input 'base' is empty: outside of pull requests it has to be said what to compare with."
# It is told to the runner, to which a line of its own could be a command.
[[ "$INPUT_BASE" != *[[:cntrl:]]* ]] || fail "The input 'base' has a line break, or another control character."
[ -z "$INPUT_CRATE" ] || [ -z "$INPUT_BUILD" ] || fail "Of the inputs 'build' and 'crate' only one can be said."

commit="$(find_base "$INPUT_BASE")" || fail "There is no base \`$INPUT_BASE\` to compare with."
git worktree add --quiet --detach "$base" "$commit"

build base "$base" || fail "The base does not build, so there is nothing to compare with: see the job's log."
build head "$head" || fail "The head does not build: see the job's log."

compare="$INPUT_WS_COMPARE"
if [ -z "$compare" ]; then
    own="$GITHUB_ACTION_PATH/../../.."
    echo "::group::build ws-compare"
    cargo build --release --locked --manifest-path "$own/Cargo.toml" --package ws-compare --target-dir "$own/target" \
        || fail "ws-compare does not build: see the job's log."
    echo "::endgroup::"
    compare="$own/target/release/ws-compare"
fi

flags=(--budget "$INPUT_BUDGET")
if [ -n "$INPUT_ROUNDS" ]; then flags=(--rounds "$INPUT_ROUNDS"); fi
read -r -d '' -a load <<<"$INPUT_LOAD" || true
flags+=("${load[@]}")
while IFS= read -r condition; do
    condition="${condition%$'\r'}"
    if [ -n "${condition// /}" ]; then flags+=(--fail-if "$condition"); fi
done <<<"$INPUT_FAIL_IF"

code=0
"$compare" --quiet \
    --server "base=env -C $(quote "$base") $INPUT_SERVER" \
    --server "head=env -C $(quote "$head") $INPUT_SERVER" \
    -o "$work/compare.md" -o "$work/compare.json" "${flags[@]}" || code=$?

{
    echo "markdown=$work/compare.md"
    echo "json=$work/compare.json"
    echo "exit-code=$code"
} >>"$GITHUB_OUTPUT"
# Files are there under their names only when they are whole.
if [ -s "$work/compare.md" ]; then
    {
        cat "$work/compare.md"
        printf '\nbase is %s, head %s; exit code %s.\n' \
            "$(git rev-parse --short "$commit")" "$(git rev-parse --short HEAD)" "$code"
    } >>"$GITHUB_STEP_SUMMARY"
else
    fail "ws-compare ended with exit code $code and compared nothing: see the job's log." "$code"
fi
exit "$code"
