# One task at a time: where an answer got lost, the same one may have begun twice. What outlives a task closes 9.
lock=$root/run/k3fleet.lock
if command -v flock >/dev/null 2>&1 && mkdir -p "$root/run" 2>/dev/null && (: >>"$lock") 2>/dev/null; then
    exec 9>>"$lock"
    tries=120
    while
        code=0
        flock -n 9 2>/dev/null || code=$?
        # Anything else says that it cannot be locked there.
        [ "$code" -eq 1 ]
    do
        [ "$tries" -lt 120 ] || at 'waiting for another task of k3fleet on this machine'
        [ "$tries" -gt 0 ] || fail 'another task of k3fleet has been at work on this machine for 10 min' 'try again later'
        tries=$((tries - 1))
        sleep 5
    done
fi
