# shellcheck shell=bash
# Completion of volctl for bash: commands, options, and names asked of the daemon.

_volctl_commands='create ls inspect refs df set rename rm prune run start stop kill attach detach adopt container events doctor version help'

_volctl_run_options='--name --volume --mount --volumes-from --rootfs --rm --env --env-file --workdir --user
--hostname --read-only --interactive --tty'

_volctl_options() {
    case $1 in
        create) echo '--opt --label --driver --read-only --uid --gid --mode --format --socket --help' ;;
        ls | list) echo '--quiet --filter --format --socket --help' ;;
        rm | remove) echo '--force --format --socket --help' ;;
        prune) echo '--all --force --dry-run --filter --format --socket --help' ;;
        adopt) echo '--all --move --copy --dry-run --force --undo --yes --host --offline --data-root --format --socket --help' ;;
        attach) echo '--volume --mount --volumes-from --format --socket --help' ;;
        run) echo "$_volctl_run_options --detach --runtime --socket --help" ;;
        start) echo '--attach --interactive --runtime --socket --help' ;;
        stop) echo '--timeout --socket --help' ;;
        kill) echo '--signal --socket --help' ;;
        container)
            echo "$_volctl_run_options --quiet --force --volumes --all --dry-run --detach --runtime --attach --timeout
--signal --format --socket --help"
            ;;
        events) echo '--follow --since --filter --format --socket --help' ;;
        doctor) echo '--rebuild --store --format --socket --help' ;;
        inspect | refs | df | set | rename | detach | version) echo '--format --socket --help' ;;
        '') echo '--socket --help --usage --version' ;;
        *) echo '--socket --help' ;;
    esac
}

# The command among the words before the cursor, past the options and their values.
_volctl_command() {
    local i

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --socket) ((i++)) ;;
            -*) ;;
            *)
                [[ ${COMP_WORDS[i]} == = || ${COMP_WORDS[i - 1]} == = ]] && continue
                echo "${COMP_WORDS[i]}"
                return
                ;;
        esac
    done
}

_volctl_containers() {
    volctl container ls 2>/dev/null | awk 'NR > 1 { print ($2 == "-" ? $1 : $2) }'
}

_volctl_reply() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_volctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command

    command=$(_volctl_command)
    case $previous in
        --format)
            if [[ $command == events ]]; then
                _volctl_reply 'text json' "$current"
            else
                _volctl_reply 'table json' "$current"
            fi
            return
            ;;
        --socket | --store | --rootfs | --env-file | --data-root)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        -f | --filter)
            if [[ $command == @(ls|list) || $command == prune ]]; then
                _volctl_reply 'dangling= name= label= driver= kind= readonly=' "$current"
                return
            elif [[ $previous == --filter && $command == events ]]; then
                _volctl_reply 'event= volume= container=' "$current"
                return
            fi
            ;;
    esac
    case $previous in
        --runtime) _volctl_reply 'crun runc' "$current" && return ;;
        --volumes-from) _volctl_reply "$(_volctl_containers)" "$current" && return ;;
    esac
    if [[ $current == -* ]]; then
        _volctl_reply "$(_volctl_options "$command")" "$current"
        return
    fi
    case $command in
        '' | help) _volctl_reply "$_volctl_commands" "$current" ;;
        set)
            if [[ $previous == set ]]; then
                _volctl_reply "$(volctl ls -q 2>/dev/null)" "$current"
            else
                _volctl_reply 'readonly=on readonly=off label=shared label=private label=none' "$current"
            fi
            ;;
        container)
            if [[ $previous == container ]]; then
                _volctl_reply 'create ls inspect run start stop kill rm prune' "$current"
            else
                _volctl_reply "$(_volctl_containers)" "$current"
            fi
            ;;
        adopt)
            if [[ $previous == adopt ]]; then
                _volctl_reply 'docker podman' "$current"
            elif [[ " ${COMP_WORDS[*]} " == *' --undo '* ]]; then
                _volctl_reply "$(volctl ls -q 2>/dev/null)" "$current"
            elif [[ " ${COMP_WORDS[*]} " == *' podman '* ]]; then
                _volctl_reply "$(podman volume ls -q 2>/dev/null)" "$current"
            else
                _volctl_reply "$(docker volume ls -q 2>/dev/null)" "$current"
            fi
            ;;
        start | stop | kill | attach | detach) _volctl_reply "$(_volctl_containers)" "$current" ;;
        inspect | refs | rename | rm | remove) _volctl_reply "$(volctl ls -q 2>/dev/null)" "$current" ;;
    esac
}

complete -F _volctl volctl
