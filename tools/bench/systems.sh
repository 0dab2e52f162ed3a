# shellcheck shell=bash
# The systems under test, for compare: how each is found, mounted over a directory of the one disk,
# and stopped. Uses the driver's variables build, root, disk and run; gives
#   work_dir[SYSTEM]     where the workload runs
#   measured_systems     those that came up
#
# A daemon runs in the foreground as our child wherever it can, so that its pid is known. A system
# that is not installed is reported as absent; one that is and does not come up is a failure.

# The driver's variables, which shellcheck sees only when it follows the driver.
# shellcheck disable=SC2154,SC2034
set -euo pipefail

declare -A work_dir=() system_pid=() system_mount=()
measured_systems=

known_systems() {
    printf '%s\n' volumefs passthrough_hp bindfs bindfs-mt mergerfs mergerfs-cached fuse-overlayfs
}

# Sets `program`, `version`; fails, with the reason in `absent`, when the system is not here.
find_system() { # SYSTEM
    program='' version='' absent=''
    case $1 in
    volumefs)
        program=$build/fs/volumefs
        absent="not built: $program"
        ;;
    passthrough_hp)
        build_passthrough_hp || return 1
        program=$build/tools/bench/passthrough_hp
        version="libfuse $(library_version)"
        return 0
        ;;
    *)
        program=$(command -v "$(program_name "$1")") || program=''
        absent="not installed: apt install $(program_name "$1")"
        ;;
    esac
    [ -x "$program" ] || return 1
    version=$("$program" --version 2>&1 |
        sed -n "s/^${program##*/}[^0-9]*\([0-9][0-9.]*\).*/\1/p" | head -1) || true
}

program_name() { # SYSTEM; a variant is the same program with other options
    local name=${1%-mt}
    printf '%s' "${name%-cached}"
}

library_version() {
    sed -n "s/^project('libfuse3'.*version: '\([^']*\)'.*/\1/p; s/^ *version: '\([0-9.]*\)'.*/\1/p" \
        "$root/tools/subprojects/libfuse3/meson.build" | head -1
}

# libfuse's example, built from the source and with the library that volumefs is built with.
build_passthrough_hp() {
    local source=$root/tools/subprojects/libfuse3 made=$build/tools/subprojects/libfuse3
    local target=$build/tools/bench/passthrough_hp
    [ ! -x "$target" ] || return 0
    absent="no g++ to build it"
    command -v g++ >/dev/null || return 1
    absent="not built: volumefs is not built with libfuse as a subproject"
    [ -f "$source/example/passthrough_hp.cc" ] && [ -f "$made/lib/libfuse3.a" ] || return 1
    absent="its build failed: $build/tools/bench/passthrough_hp.log"
    progress "building passthrough_hp"
    g++ -O2 -std=c++17 -w -D_FILE_OFFSET_BITS=64 \
        -I"$made" -I"$source/include" "$source/example/passthrough_hp.cc" "$made/lib/libfuse3.a" \
        -pthread -ldl -o "$target.part" >"$target.log" 2>&1 && mv "$target.part" "$target"
}

# Its own reserve of 4 GiB would refuse every create on a disk of this size.
mergerfs_options=allow_other,use_ino,minfreespace=0
mergerfs_caches=cache.files=full,cache.readdir=true,cache.symlinks=true
mergerfs_caches+=,cache.attr=3600,cache.entry=3600,cache.negative_entry=3600

# Sets `command` to what mounts the system over `below`, in the foreground where it can.
system_command() { # SYSTEM BELOW MOUNTPOINT
    local below=$2 mnt=$3
    case $1 in
    volumefs) command=("$program" --store "$below/store" --socket "$run/volumefs.sock" "$mnt") ;;
    passthrough_hp) command=("$program" --foreground "$below" "$mnt") ;;
    bindfs) command=("$program" -f "$below" "$mnt") ;;
    bindfs-mt) command=("$program" -f --multithreaded "$below" "$mnt") ;;
    mergerfs) command=("$program" -f -o "$mergerfs_options" "$below" "$mnt") ;;
    mergerfs-cached)
        command=("$program" -f -o "$mergerfs_options,$mergerfs_caches" "$below" "$mnt")
        ;;
    fuse-overlayfs)
        mkdir "$below/lower" "$below/upper" "$below/work"
        command=("$program" -f -o "lowerdir=$below/lower,upperdir=$below/upper,workdir=$below/work" "$mnt")
        ;;
    esac
}

# Starts one that find_system has found.
start_system() { # SYSTEM
    local system=$1 below=$disk/$1 mnt=$run/mnt/$1 command
    mkdir -p "$below" "$mnt"
    system_command "$system" "$below" "$mnt"
    printf 'system\t%s\toptions\t%s\n' "$system" "$(shown_options)" >>"$run/raw"
    system_mount[$system]=$mnt
    if [ "$system" = volumefs ]; then
        timeout 60 "${command[@]}" >"$run/log/$system" 2>&1 </dev/null || return 1
        work_dir[$system]=$mnt
        system_pid[$system]=$(sed -n 's/^pid: *\([0-9][0-9]*\)$/\1/p' "$mnt/.volumefs/status") || return 1
        return 0
    fi
    "${command[@]}" >"$run/log/$system" 2>&1 </dev/null &
    system_pid[$system]=$!
    wait_for 10 mountpoint -q "$mnt" || return 1
    work_dir[$system]=$mnt
}

# The command without the paths of this run, for the report.
shown_options() {
    local text="${command[*]:1}"
    text=${text//"$run"/RUN}
    printf '%s' "${text//"$disk"/DISK}"
}

start_systems() {
    local system reason
    for system in $systems; do
        progress "starting $system"
        if [ "$system" = native ]; then
            mkdir "$disk/native"
            work_dir[native]=$disk/native
            version=$(mkfs.ext4 -V 2>&1 | sed -n 's/^mke2fs \([0-9.]*\).*/\1/p')
            printf 'system\tnative\toptions\text4 on a loop device in RAM\n' >>"$run/raw"
        elif ! find_system "$system"; then
            printf 'system\t%s\tabsent\t%s\n' "$system" "$absent" >>"$run/raw"
            continue
        elif ! start_system "$system"; then
            reason=$(tail -n 3 "$run/log/$system" | tr '\t\n' '  ' | cut -c1-200)
            printf 'system\t%s\tabsent\tdid not start: %s\n' "$system" "$reason" >>"$run/raw"
            failures=$((failures + 1))
            stop_system "$system" || true
            continue
        elif [ "$system" = volumefs ]; then
            mkdir "${work_dir[volumefs]}/bench"
            work_dir[volumefs]+=/bench
        fi
        printf 'system\t%s\tversion\t%s\n' "$system" "$version" >>"$run/raw"
        measured_systems+="$system "
    done
}

# Unmounts and waits for the daemon. One that hangs has its connection aborted by number.
stop_system() { # SYSTEM
    local mnt=${system_mount[$1]:-} pid=${system_pid[$1]:-} connection r=0
    unset "system_mount[$1]" "system_pid[$1]"
    [ -n "$mnt" ] || return 0
    if mountpoint -q "$mnt"; then
        connection=$(mountpoint -d "$mnt") && connection=${connection#*:}
        if [ "$1" = volumefs ] && [ -n "$pid" ]; then
            kill -TERM "$pid" 2>/dev/null || true
            wait_for 20 is_unmounted "$mnt" || true
        fi
        if mountpoint -q "$mnt" && ! timeout 20 umount "$mnt"; then
            printf 'compare: %s does not unmount; its connection is aborted\n' "$1" >&2
            echo 1 >"/sys/fs/fuse/connections/$connection/abort" || true
            umount -l "$mnt" || true
            r=1
        fi
    fi
    if [ -n "$pid" ] && ! wait_for 10 is_gone "$pid"; then
        kill -KILL "$pid" 2>/dev/null || true
        wait_for 5 is_gone "$pid" || true
        r=1
    fi
    return "$r"
}

stop_all_systems() {
    local system r=0
    for system in "${!system_mount[@]}"; do
        stop_system "$system" || r=1
    done
    return "$r"
}
