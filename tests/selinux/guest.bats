#!/usr/bin/env bats
# builds: gcc
# timeout: 600
# In a guest of Debian's kernel that enforces Debian's SELinux policy (tests/selinux/guest): booted
# once, and a test here for each check there (tests/selinux/checks).

load ../system/lib

setup_file() {
    work_make
    if [ ! -e "$ROOT/tools/subprojects/guest/vmlinuz" ]; then
        echo 'no kernel for the guest is here; run: tools/fetch-guest' >"$WORK/missing"
        return
    fi
    "$ROOT/tests/selinux/guest" "$ROOT/tools/subprojects/guest" "$WORK" >"$WORK/guest.log" 2>&1 </dev/null 3>&- ||
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

@test "every check of the guest has a test here" {
    diff <(sed -n "s/^check '\([^']*\)'.*/\1/p" "$ROOT/tests/selinux/checks") \
        <(sed -n 's/^@test "selinux: \(.*\)" {/\1/p' "$BATS_TEST_FILENAME")
}

@test "selinux: the kernel enforces the policy" {
    guest_says 'the kernel enforces the policy'
}

@test "selinux: the policy separates levels" {
    guest_says 'the policy separates levels'
}

@test "selinux: the daemon starts" {
    guest_says 'the daemon starts'
}

@test "selinux: the tree has a context that containers may use" {
    guest_says 'the tree has a context that containers may use'
}

@test "selinux: a volume without a label serves every level" {
    guest_says 'a volume without a label serves every level'
}

@test "selinux: a private volume has the level of its owner" {
    guest_says 'a private volume has the level of its owner'
}

@test "selinux: the owner reads and writes" {
    guest_says 'the owner reads and writes'
}

@test "selinux: another level is denied everything" {
    guest_says 'another level is denied everything'
}

@test "selinux: another level is denied a part that is mounted" {
    guest_says 'another level is denied a part that is mounted'
}

@test "selinux: a denial is logged" {
    guest_says 'a denial is logged'
}

@test "selinux: the administrator looks" {
    guest_says 'the administrator looks'
}

@test "selinux: a shared volume serves both" {
    guest_says 'a shared volume serves both'
}

@test "selinux: a private volume becomes a shared one" {
    guest_says 'a private volume becomes a shared one'
}

@test "selinux: an owner that comes with another level is followed" {
    guest_says 'an owner that comes with another level is followed'
}

@test "selinux: levels set aside differ" {
    guest_says 'levels set aside differ'
}

@test "selinux: a context given by an option counts" {
    guest_says 'a context given by an option counts'
}

@test "selinux: a level given by an option stays" {
    guest_says 'a level given by an option stays'
}

@test "selinux: an unknown context is refused" {
    guest_says 'an unknown context is refused'
}

@test "selinux: relabelling is answered as not supported" {
    guest_says 'relabelling is answered as not supported'
}

@test "selinux: permissive mode allows and logs" {
    guest_says 'permissive mode allows and logs'
}

@test "selinux: enforcing mode denies again" {
    guest_says 'enforcing mode denies again'
}

@test "selinux: a reload of the policy is honoured" {
    guest_says 'a reload of the policy is honoured'
}

@test "selinux: the daemon stops" {
    guest_says 'the daemon stops'
}

@test "selinux: contexts outlive the daemon" {
    guest_says 'contexts outlive the daemon'
}

@test "selinux: the tree takes another context" {
    guest_says 'the tree takes another context'
}
