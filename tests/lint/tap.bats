#!/usr/bin/env bats
# How results are counted: nothing that did not run, or did not say so, counts as passed.

load lib

# counts STATUS TAP: "passed failed skipped"
counts() {
    printf '%b' "$2" | awk -v suite=s -v status="$1" -f "$ROOT/tests/tap.awk" | awk -F '\t' '
        { n[$1]++ } END { printf "%d %d %d\n", n["passed"], n["failed"], n["skipped"] }'
}

@test "tests are counted one by one" {
    [ "$(counts 0 '1..3\nok 1 a\nok 2 - b\nok 3 c # skip no reason\n')" = '2 0 1' ]
    [ "$(counts 1 '1..2\nok 1 a\nnot ok 2 b\n# why\n')" = '1 1 0' ]
    [ "$(counts 0 '1..0 # SKIP not here\n')" = '0 0 1' ]
}

@test "what was planned and did not run has failed" {
    [ "$(counts 124 '1..3\nok 1 a\n')" = '1 2 0' ]
    [ "$(counts 0 '1..2\nok 1 a\n')" = '1 1 0' ]
}

@test "silence, and a bad end after good tests, is a failure" {
    [ "$(counts 0 '')" = '0 1 0' ]
    [ "$(counts 127 'sh: not found\n')" = '0 1 0' ]
    [ "$(counts 1 '1..1\nok 1 a\n')" = '1 1 0' ]
}

@test "a failed test is named with its suite" {
    [ "$(printf '1..1\nnot ok 1 the name\n' | awk -v suite=s/t -v status=1 -f "$ROOT/tests/tap.awk")" = \
        $'failed\ts/t\tthe name' ]
    [ "$(printf '1..1\nok 1 --stop it\n' | awk -v suite=s -v status=0 -f "$ROOT/tests/tap.awk")" = \
        $'passed\ts\t--stop it' ]
}
