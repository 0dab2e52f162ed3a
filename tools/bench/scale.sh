# shellcheck shell=bash
# The scale test of volumefs, for compare --volumes: what 10,000 volumes cost over 10. Each row is
# measured with few and with many volumes in one store, and the start of the daemon is timed too.
# The driver's variables, which shellcheck sees only when it follows the driver.
# shellcheck disable=SC2154,SC2034
set -euo pipefail

scale_few=10
scale_many=10000
scale_step=200
scale_rows="daemon-start volumes-list volumes-list-again volumes-stat volumes-stat-again"
scale_rows+=" volumes-create volumes-remove"

scale_sample() { # SYSTEM NAME UNIT NS COUNT
    printf 'sample\t1\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5" >>"$run/raw"
}

scale_run() { # SYSTEM ROW OPERATION FIRST NUMBER
    local name unit ns count
    progress "volumes: $3 $4..$(($4 + $5 - 1))"
    IFS=$'\t' read -r name unit ns count < <(timeout 600 "$workload" \
        --directory "$run/mnt/volumefs" --first "$4" --number "$5" "$3") ||
        die "volumes: $3 with volumes $4..$(($4 + $5 - 1)) failed"
    [ -z "$1" ] || scale_sample "$1" "$2" "$unit" "$ns" "$count"
    [ -n "$name" ]
}

# Stops the daemon and times its start, until the mount answers.
scale_restart() { # SYSTEM
    local before after round
    for round in 1 2 3; do
        stop_system volumefs || die "volumes: the daemon did not stop"
        before=${EPOCHREALTIME/[.,]/}
        start_system volumefs || die "volumes: the daemon did not start: $(tail -n 3 "$run/log/volumefs")"
        after=${EPOCHREALTIME/[.,]/}
        printf 'sample\t%s\t%s\tdaemon-start\tstart\t%s\t1\n' "$round" "$1" $(((after - before) * 1000)) >>"$run/raw"
    done
}

# The rows for one size; VOLUMES exist, and as many again after it.
scale_rows_at() { # SYSTEM VOLUMES
    scale_restart "$1"
    scale_run "$1" volumes-list volumes-list 0 "$2"
    scale_run "$1" volumes-list-again volumes-list 0 "$2"
    scale_run "$1" volumes-stat volumes-stat 0 "$2"
    scale_run "$1" volumes-stat-again volumes-stat 0 "$2"
    scale_run "$1" volumes-create volumes-create "$2" "$scale_step"
    scale_run "$1" volumes-remove volumes-remove "$2" "$scale_step"
}

scale_test() {
    find_system volumefs || die "volumefs is $absent"
    start_system volumefs || die "volumefs did not start: $(tail -n 3 "$run/log/volumefs")"
    printf 'system\t%s-volumes\tversion\t%s\n' "$scale_few" "$version" "$scale_many" "$version" >>"$run/raw"
    printf 'system\t%s-volumes\toptions\tone store, %s volumes\n' \
        "$scale_few" "$scale_few" "$scale_many" "$scale_many" >>"$run/raw"
    scale_run "" "" volumes-create 0 "$scale_few"
    scale_rows_at "$scale_few-volumes" "$scale_few"
    scale_run "" "" volumes-create "$scale_few" $((scale_many - scale_few))
    scale_rows_at "$scale_many-volumes" "$scale_many"
    systems="$scale_few-volumes $scale_many-volumes"
}
