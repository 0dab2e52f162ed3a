# shellcheck shell=bash
# Tests of what a guest says: booted once for a file, by the program `guest` beside it, with a test
# there for each check of the file `checks`. After ../system/lib.

setup_file() {
    work_make
    if [ ! -e "$ROOT/tools/subprojects/guest/vmlinuz" ]; then
        echo 'no kernel for the guest is here; run: tools/fetch-guest' >"$WORK/missing"
        return
    fi
    "$BATS_TEST_DIRNAME/guest" "$ROOT/tools/subprojects/guest" "$WORK" >"$WORK/guest.log" 2>&1 </dev/null 3>&- ||
        echo "the guest ended with status $?" >>"$WORK/guest.log"
}

teardown_file() {
    work_free
}

setup() {
    if [ "$(uname -m)" != x86_64 ]; then
        skip 'there is a guest for x86_64 only'
    fi
}

teardown() {
    : # what the guest left is for all tests
}

# checks_have_tests PREFIX: each check of the guest is a test "PREFIX: CHECK" here.
checks_have_tests() {
    diff <(sed -n "s/^check '\([^']*\)'.*/\1/p" "$BATS_TEST_DIRNAME/checks") \
        <(sed -n "s/^@test \"$1: \(.*\)\" {/\1/p" "$BATS_TEST_FILENAME")
}

# guest_says NAME: that the check passed; else what it had to say.
guest_says() {
    local results=$WORK/results

    if grep -qxF "ok $1" "$results"; then
        return 0
    fi
    if grep -qxF "not ok $1" "$results"; then
        awk -v name="not ok $1" '$0 == name { mine = 1; next } !/^#/ { mine = 0 } mine' "$results"
    else
        echo "the guest says nothing of it:"
        tail -n 20 "$WORK/missing" "$WORK/guest.log" "$results"
    fi 2>/dev/null
    tail -n 30 "$WORK/console" 2>/dev/null
    return 1
}
