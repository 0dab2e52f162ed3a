#!/usr/bin/env bats
# builds: gcc
# timeout: 600
# In a guest of Debian's kernel that enforces Debian's SELinux policy (tests/selinux/guest): booted
# once, and a test here for each check there (tests/selinux/checks).

load ../system/lib
load ../guest/says

@test "every check of the guest has a test here" {
    checks_have_tests selinux
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
