#!/usr/bin/env bats
# Reference counts, whatever dies: random sequences of what containers, runtimes, the daemon and the
# machine do, against a model; the counts are compared after each step.
#
# REFERENCES_STEPS=N for another number of steps, REFERENCES_SEED=N to repeat a run.
# timeout: 600

load lib

setup() {
    require_mounts
    set -o pipefail
    work_make
    daemon_start
}

# api METHOD PATH [BODY]
api() {
    local answer

    answer=$(curl -s -m 30 -w '\n%{http_code}' --unix-socket "$SOCKET" -X "$1" \
        -H 'Content-Type: application/json' ${3:+--data "$3"} "http://localhost/volumefs/$2")
    [[ ${answer##*$'\n'} == 2* ]] || {
        echo "$* -> $answer"
        return 1
    }
}

# The model: what each container refers to, in what state it is, and whose it is.
declare -gA volumes_of state_of kind_of pid_of
serial=0

VOLUMES=(v0 v1 v2 v3 v4)

# pick WORD…: one of them in $picked; fails if there is none
pick() {
    [ "$#" -gt 0 ] || return 1
    shift "$((RANDOM % $#))"
    picked=$1
}

# pick_container KINDS STATES: regular expressions
pick_container() {
    local name
    local -a fitting=()

    for name in "${!state_of[@]}"; do
        if [[ ${kind_of[$name]} =~ ^($1)$ && ${state_of[$name]} =~ ^($2)$ ]]; then
            fitting+=("$name")
        fi
    done
    pick "${fitting[@]}"
}

forget() {
    unset "volumes_of[$1]" "state_of[$1]" "kind_of[$1]" "pid_of[$1]"
}

remember() {
    volumes_of[$1]=$2
    state_of[$1]=$3
    kind_of[$1]=$4
}

process_start() {
    sleep 10000 3>&- &
    process=$!
    disown "$process"
}

# A signal is on its way for a moment, in which the process lives.
process_end() {
    kill -KILL "$1" 2>/dev/null || true
    while process_is_alive "$1"; do
        sleep 0.01
    done
}

# What becomes of a container of which the process has ended.
model_ended() {
    unset "pid_of[$1]"
    if [ "${kind_of[$1]}" = auto ]; then
        forget "$1"
    else
        state_of[$1]=exited
    fi
}

# Some volumes, each once, in $chosen.
choose_volumes() {
    local volume

    chosen=
    for volume in "${VOLUMES[@]}"; do
        if [ $((RANDOM % 3)) -eq 0 ]; then
            chosen+="$volume "
        fi
    done
    chosen=${chosen:-v0 }
}

specs_of() {
    local volume

    for volume in $1; do
        printf '"%s:/%s"\n' "$volume" "$volume"
    done | paste -sd, | sed 's/.*/[&]/'
}

# ---- steps: each prepares in the model, and says in $change what is asked of the daemon. When that
# was done, its `done_` brings the model up to date.

step_create() {
    choose_volumes
    subject=c$((++serial))
    kind=own
    [ $((RANDOM % 3)) -ne 0 ] || kind=auto
    change=(api POST containers "{\"Name\":\"$subject\",\"Volumes\":$(specs_of "$chosen"),\
\"AutoRemove\":$([ $kind = auto ] && echo true || echo false)}")
}
done_create() {
    remember "$subject" "$chosen" created "$kind"
}

step_take_over() {
    pick_container 'own|auto|hand' '.*' || return 1
    chosen=${volumes_of[$picked]}
    subject=c$((++serial))
    kind=own
    change=(api POST containers "{\"Name\":\"$subject\",\"VolumesFrom\":[\"$picked\"]}")
}
done_take_over() {
    done_create
}

step_start() {
    pick_container 'own|auto' 'created|exited' || return 1
    subject=$picked
    process_start
    change=(api POST "containers/$subject/start" "{\"Pid\":$process}")
}
done_start() {
    state_of[$subject]=running
    pid_of[$subject]=$process
}

step_start_foreign() {
    choose_volumes
    subject=f$((++serial))
    process_start
    change=(api POST "containers/$subject/start" "{\"Pid\":$process,\"Runtime\":\"oci\",\"Mounts\":[$(
        for volume in $chosen; do
            printf '"type=bind,source=%s,target=/%s"\n' "$TREE/$volume" "$volume"
        done | paste -sd,
    )]}")
}
done_start_foreign() {
    remember "$subject" "$chosen" running foreign
    pid_of[$subject]=$process
}

step_end() {
    pick_container '.*' running || return 1
    subject=$picked
    process_end "${pid_of[$subject]}"
    change=(tell_end "$subject")
}
# One that goes with its end may be gone before that is told.
tell_end() {
    local told

    told=$(api POST "containers/$1/end" '{"ExitCode":1}') || {
        echo "$told"
        [ "${kind_of[$1]}" = auto ] && [[ $told == *not-found* ]]
    }
}
done_end() {
    if [ "${kind_of[$subject]}" = foreign ]; then
        forget "$subject"
    else
        model_ended "$subject"
    fi
}

step_remove() {
    pick_container 'own|auto' '.*' || return 1
    subject=$picked
    change=(api DELETE "containers/$subject?force=1&volumes=1")
}
done_remove() {
    forget "$subject"
}

step_attach() {
    choose_volumes
    subject=h$((++serial))
    change=(api POST "containers/$subject/attachments" "{\"Volumes\":$(specs_of "$chosen")}")
}
done_attach() {
    remember "$subject" "$chosen" created hand
}

step_detach() {
    pick_container hand '.*' || return 1
    subject=$picked
    change=(api DELETE "containers/$subject/attachments")
}
done_detach() {
    forget "$subject"
}

# ---- what dies

# A container's process, and nobody says so.
die_container() {
    pick_container '.*' running || return 1
    process_end "${pid_of[$picked]}"
    model_ended "$picked"
}

die_daemon() {
    daemon_kill
    if [ $((RANDOM % 2)) -eq 0 ]; then
        die_container || true
    fi
    daemon_start
}

# No process is left, and the pids mean nothing any more.
die_machine() {
    local name

    daemon_kill
    for name in "${!pid_of[@]}"; do
        process_end "${pid_of[$name]}"
        model_ended "$name"
    done
    sqlite3 "$STORE/catalog.db" "UPDATE runs SET boot_id = '00000000-0000-0000-0000-000000000000'"
    daemon_start
}

# Those of other runtimes that are gone: an administrator need not wait.
die_forgotten() {
    local name

    api POST containers/prune '{}'
    for name in "${!state_of[@]}"; do
        if [ "${state_of[$name]}" = exited ] && [ "${kind_of[$name]}" != hand ]; then
            forget "$name"
        fi
    done
}

# ---- one step, and perhaps the daemon dies in the middle of it

is_done() {
    local container

    container=$(curl -s -m 30 --unix-socket "$SOCKET" "http://localhost/volumefs/containers/$subject")
    [ -n "$container" ] || return 2 # jq -e takes no input at all for true
    case $1 in
    create | take_over | attach | start_foreign) jq -e .Id <<<"$container" >/dev/null ;;
    start) [ "$(jq -r .State <<<"$container")" = running ] ;;
    detach) ! jq -e .Id <<<"$container" >/dev/null ;;
    # its process is killed first
    remove)
        if jq -e .Id <<<"$container" >/dev/null; then
            if [ "${state_of[$subject]}" = running ] && ! process_is_alive "${pid_of[$subject]}"; then
                model_ended "$subject"
            fi
            return 1
        fi
        ;;
    # its process has ended, so the restart finds out what the request did not tell
    end)
        if [ "${kind_of[$subject]}" = foreign ] && jq -e .Id <<<"$container" >/dev/null; then
            model_ended "$subject"
            return 1
        fi
        ;;
    esac
}

step() {
    local name=$1 request

    "step_$name" || return 0
    if [ $((RANDOM % 4)) -ne 0 ]; then
        log="$name $subject"
        "${change[@]}"
        "done_$name"
        return
    fi
    log="$name $subject, and the daemon is killed in it"
    "${change[@]}" &
    request=$!
    sleep "0.0$((RANDOM % 3))$((RANDOM % 10))"
    daemon_kill
    if wait "$request"; then
        acknowledged=yes
    else
        acknowledged=
    fi
    daemon_start
    if is_done "$name"; then
        "done_$name"
    elif [ -n "$acknowledged" ]; then
        echo "acknowledged, and lost: $log"
        return 1
    fi
}

expected_counts() {
    local volume name count

    for volume in "${VOLUMES[@]}"; do
        count=0
        for name in "${!volumes_of[@]}"; do
            if [[ " ${volumes_of[$name]}" == *" $volume "* ]]; then
                count=$((count + 1))
            fi
        done
        echo "$volume $count"
    done
}

counts() {
    volctl ls --format json | jq -r '.[] | "\(.Name) \(.RefCount)"'
}

expected_running() {
    local name

    for name in "${!state_of[@]}"; do
        if [ "${state_of[$name]}" = running ]; then
            echo "$name"
        fi
    done | LC_ALL=C sort
}

running() {
    volctl container ls --format json | jq -r '.Containers[] | select(.State == "running") |
        if .Name == "" then .Id else .Name end' | LC_ALL=C sort
}

# The end of a process may change no count: a prune sees whether it is noticed.
all_is_right() {
    [ "$(counts)" = "$(expected_counts)" ] && [ "$(running)" = "$(expected_running)" ]
}

@test "counts are right after each of many random steps, whatever dies" {
    local steps=${REFERENCES_STEPS:-120} seed=${REFERENCES_SEED:-$RANDOM} i action
    local -a actions=(create create take_over start start start_foreign end remove attach detach
        die_container die_container die_daemon die_machine die_forgotten)

    echo "REFERENCES_SEED=$seed"
    RANDOM=$seed
    for action in "${VOLUMES[@]}"; do
        mkdir "$TREE/$action"
    done
    for ((i = 0; i < steps; i++)); do
        pick "${actions[@]}"
        action=$picked
        log=$action
        if [[ $action == die_* ]]; then
            "$action" || true
        else
            step "$action"
        fi
        eventually 10 all_is_right || {
            echo "step $i: $log"
            diff <(expected_counts; expected_running) <(counts; running)
            volctl container ls
            return 1
        }
    done
    for picked in "${!pid_of[@]}"; do
        process_end "${pid_of[$picked]}"
    done
}
