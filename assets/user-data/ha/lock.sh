# The lock under which servers join, one at a time, since etcd takes one new member at a time. It is a parameter: `free` or
# the holder, and the time (seconds since 1970) until which that holds. What was written with the version after the one that was
# read is the holder's: nobody else has written in between.
held=''

# Whether what the lock says binds nobody: unbound VALUE. A time too far ahead is some machine's wrong clock.
unbound() {
    now=$(date +%s)
    until=${1##* }
    case $1 in
    free*) return 0 ;;
    esac
    case $until in
    '' | *[!0-9]*) return 0 ;;
    esac
    [ "$until" -lt "$now" ] || [ "$until" -gt $((now + 900)) ]
}

# 2 where another writes at the same time: write_lock VALUE
write_lock() {
    printf '{"Name":"%s","Value":"%s","Type":"String","Overwrite":true}' "$join_lock" "$1" >"$work/ask"
    aws_call ssm AmazonSSM.PutParameter "$work/ask" TooManyUpdates
}

# Tries once to take the lock.
take() {
    held=''
    now=$(date +%s)
    mine="$instance $((now + 600))"
    if parameter "$join_lock"; then
        seen=$(version_of)
        unbound "$(value)" || return 1
        write_lock "$mine" || return 1
        # Of several who read the same, only the first holds it. One who wrote in between may have been this machine,
        # asking again, or a holder who gave it back.
        before=$(version_of)
        while before=$((before - 1)) && [ "$before" -gt "$seen" ]; do
            parameter "$join_lock:$before" || return 1
            [ "$(value)" != "$mine" ] || continue
            unbound "$(value)" || return 1
            break
        done
    else
        create "$join_lock" "$mine" || return 1
    fi
    held=${mine##* }
}

# Waits for its turn.
wait_for_lock() {
    at 'waiting for the lock under which servers join'
    tries=360
    until take; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "the lock $join_lock did not become free within an hour"
        sleep $(($(od -An -N1 -tu1 /dev/urandom) % 8 + 5))
    done
}

# Keeps the lock for longer when it has to be.
renew() {
    now=$(date +%s)
    if [ -n "$held" ] && [ "$now" -ge "$held" ]; then
        held=''
    elif [ -n "$held" ] && [ "$now" -gt $((held - 300)) ]; then
        write_lock "$instance $((now + 600))" || return 0
        held=$((now + 600))
    fi
}

give_back() {
    renew
    [ -z "$held" ] || write_lock "free $(date +%s)"
    held=''
}
