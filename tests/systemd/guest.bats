#!/usr/bin/env bats
# builds: gcc
# timeout: 600
# In a guest that systemd runs (tests/systemd/guest): booted once, and a test here for each check
# there (tests/systemd/checks).

load ../system/lib
load ../guest/says

@test "every check of the guest has a test here" {
    checks_have_tests systemd
}

@test "systemd: control groups are of version 2" {
    guest_says 'control groups are of version 2'
}

@test "systemd: the units start" {
    guest_says 'the units start'
}

@test "systemd: systemd knows its state" {
    guest_says 'systemd knows its state'
}

@test "systemd: its log is in the journal" {
    guest_says 'its log is in the journal'
}

@test "systemd: it has no problems" {
    guest_says 'it has no problems'
}

@test "systemd: it answers engines at the socket" {
    guest_says 'it answers engines at the socket'
}

@test "systemd: it serves other users" {
    guest_says 'it serves other users'
}

@test "systemd: it keeps special files and rules" {
    guest_says 'it keeps special files and rules'
}

@test "systemd: containers run" {
    guest_says 'containers run'
}

@test "systemd: a private volume has an owner" {
    guest_says 'a private volume has an owner'
}

@test "systemd: others are kept out" {
    guest_says 'others are kept out'
}

@test "systemd: a kill is made good" {
    guest_says 'a kill is made good'
}

@test "systemd: containers of other users are ended" {
    guest_says 'containers of other users are ended'
}

@test "systemd: it comes when an engine asks" {
    guest_says 'it comes when an engine asks'
}

@test "systemd: it restarts" {
    guest_says 'it restarts'
}

@test "systemd: it stops" {
    guest_says 'it stops'
}

@test "systemd: it starts by mount" {
    guest_says 'it starts by mount'
}
