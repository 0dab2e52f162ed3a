#!/usr/bin/env bats
# builds: gcc
# The set-up scripts, in a private tree.

load lib

setup() {
    work_make
    mkdir "$WORK/tools"
    cp "$ROOT"/tools/{debian.bash,debian_source.bash,fetch-curl,fetch-libfuse,fetch-guest,install-deps} "$WORK/tools"
}

fetched_version() {
    sed -n "s/^ *version: *'\(.*\)',/\1/p" "$WORK/tools/subprojects/libfuse3/meson.build" | head -n 1
}

@test "two fetches at once leave one good source, and a third has nothing to do" {
    local apt_before pids=() pid

    apt_before=$(find /etc/apt /var/lib/apt/lists -type f -printf '%p %s %T@\n' | sort | sha256sum)
    for _ in 1 2; do
        timeout 200 "$WORK/tools/fetch-libfuse" --force >>"$WORK/log" 2>&1 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    dpkg --compare-versions "$(fetched_version)" ge 3.17
    [ "$(ls -A "$WORK/tools/subprojects")" = libfuse3 ]
    [ "$(find /etc/apt /var/lib/apt/lists -type f -printf '%p %s %T@\n' | sort | sha256sum)" = "$apt_before" ]
    "$WORK/tools/fetch-libfuse" --force | grep 'there already'
}

@test "a source too old is replaced" {
    mkdir -p "$WORK/tools/subprojects/libfuse3"
    echo "project('libfuse3', version: '3.14.0',)" >"$WORK/tools/subprojects/libfuse3/meson.build"
    "$WORK/tools/fetch-libfuse" --force
    dpkg --compare-versions "$(fetched_version)" ge 3.17
}

@test "the source of curl is fetched once, and volctl loads nothing of the distribution's" {
    timeout 200 "$WORK/tools/fetch-curl"
    [ -s "$WORK/tools/subprojects/curl/CMakeLists.txt" ]
    [ "$(ls -A "$WORK/tools/subprojects")" = curl ]
    unshare -n "$WORK/tools/fetch-curl" | grep 'there already'
    if [ ! -e "$ROOT/tools/subprojects/curl" ]; then
        skip "this build has the distribution's libcurl"
    fi
    ldd "$VOLCTL" >"$WORK/libraries"
    grep libjansson "$WORK/libraries"
    fails grep -E 'libcurl|libssl|libgnutls' "$WORK/libraries"
}

@test "what the guest of the SELinux tests is made of is fetched once, and nothing is installed" {
    if [ "$(dpkg --print-architecture)" != amd64 ]; then
        skip 'there is a guest for amd64 only'
    fi
    dpkg -l >"$WORK/before"
    timeout 200 "$WORK/tools/fetch-guest"
    [ -s "$WORK/tools/subprojects/guest/vmlinuz" ]
    [ -s "$WORK/tools/subprojects/guest/base.pp" ]
    [ "$(ls -A "$WORK/tools/subprojects")" = guest ]
    dpkg -l | diff "$WORK/before" -
    unshare -n "$WORK/tools/fetch-guest" | grep 'there already'
}

@test "a machine that has everything is left alone" {
    if [ ! -e "$ROOT/tools/subprojects/curl" ]; then
        skip "this build has the distribution's libcurl"
    fi
    mkdir -p "$WORK/tools/subprojects"
    cp -r "$ROOT/tools/subprojects/curl" "$WORK/tools/subprojects"
    if ! pkg-config --atleast-version=3.17 fuse3; then
        cp -r "$ROOT/tools/subprojects/libfuse3" "$WORK/tools/subprojects"
    fi
    unshare -n "$WORK/tools/install-deps" build | grep 'all packages are there already'
}

@test "where the source of curl cannot be had, the distribution's libcurl will do" {
    if ! pkg-config --exists libcurl; then
        skip 'it is not installed, and there is no network in this test'
    fi
    mkdir -p "$WORK/tools/subprojects"
    if ! pkg-config --atleast-version=3.17 fuse3; then
        cp -r "$ROOT/tools/subprojects/libfuse3" "$WORK/tools/subprojects"
    fi
    printf '#!/bin/sh\nexit 1\n' >"$WORK/tools/fetch-curl"
    unshare -n "$WORK/tools/install-deps" build >"$WORK/log" 2>&1
    grep "the distribution's libcurl instead" "$WORK/log"
    [ ! -e "$WORK/tools/subprojects/curl" ]
}

@test "an unknown group is refused" {
    fails "$WORK/tools/install-deps" nonsense
    [[ $output == *Usage* ]]
}
