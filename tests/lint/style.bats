#!/usr/bin/env bats
# timeout: 900
# Format, static analysis, shell. Their findings depend on the tool's version, so they are asked
# of the one the configuration is written for.

load lib

TOOLS_VERSION=14 # of clang-format and clang-tidy
VOLUMEFS_BUILD=${VOLUMEFS_BUILD:-$ROOT/build}

skip_other_version() {
    local version

    version=$("$1" --version | grep -o 'version [0-9]*' | head -n 1)
    if [ "$version" != "version $TOOLS_VERSION" ]; then
        skip "$1 is $version, the configuration is for $TOOLS_VERSION"
    fi
}

# Our compiled .c files, from the compile commands.
compiled_files() {
    local directory file

    jq -r '.[] | [.directory, .file] | @tsv' "$VOLUMEFS_BUILD/compile_commands.json" |
        while IFS=$'\t' read -r directory file; do
            (cd "$directory" && realpath "$file")
        done | sort -u | grep -E "^$ROOT/(catalog|fs|tools/(volctl|hook|bench))/"
}

shell_scripts() {
    {
        source_files "$ROOT" '*.bash' '*.bats' '*.sh'
        source_files "$ROOT" | (cd "$ROOT" && xargs -d '\n' grep -lE '^#!(/usr)?/bin/(env )?(ba)?sh')
    } | sort -u
}

@test "clang-format has nothing to change" {
    skip_other_version clang-format
    cd "$ROOT"
    source_files . '*.c' '*.h' | xargs -r -d '\n' clang-format --dry-run -Werror
}

@test "clang-tidy finds nothing" {
    skip_other_version clang-tidy
    [ "$(compiled_files | wc -l)" -gt 0 ]
    compiled_files | timeout 800 xargs -d '\n' -P "$(nproc)" -n 2 \
        clang-tidy --quiet -p "$VOLUMEFS_BUILD"
}

@test "a function of more than 70 lines is found" {
    skip_other_version clang-tidy
    {
        printf 'int long_one(void);\nint long_one(void)\n{\n    int a = 0;\n'
        printf '    a++;\n%.0s' {1..75}
        printf '    return a;\n}\n'
    } >"$BATS_TEST_TMPDIR/long.c"
    run clang-tidy --quiet --config-file="$ROOT/.clang-tidy" "$BATS_TEST_TMPDIR/long.c" --
    [ "$status" -ne 0 ]
    [[ $output == *readability-function-size* ]]
}

@test "shellcheck finds nothing" {
    local -a scripts

    mapfile -t scripts < <(shell_scripts)
    [ "${#scripts[@]}" -gt 0 ]
    cd "$ROOT"
    shellcheck -x "${scripts[@]}"
}

@test "scripts stop at the first error" {
    cd "$ROOT"
    # completions are read by people's own shells, which must go on
    shell_scripts | grep -E '^(tools|\.ci)/' | grep -v '^tools/completion/' | while IFS= read -r script; do
        grep -L -x 'set -euo pipefail' "$script"
    done | nothing 'scripts without set -euo pipefail:'
}
