# shellcheck shell=sh
# In a guest: check NAME COMMAND… prints "ok NAME", or "not ok NAME" and what the command had to say.
check() {
    name=$1
    shift
    if "$@" >/tmp/said 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name"
        sed 's/^/# /' /tmp/said
    fi
}
