# Where K3s is, and who starts it.
exec </dev/null
unit=''
unit_file=''
manager=''
# shellcheck disable=SC2034 # not every task asks for it
config=$root/etc/rancher/k3s/config.yaml

# The state of a unit, in systemd's word: service_state MANAGER UNIT
service_state() {
    if [ "$1" = systemd ]; then
        state=$(systemctl show -p ActiveState "$2" 2>/dev/null) || state=''
        state=${state#*=}
        [ -n "$state" ] || state=$(systemctl is-active "$2" 2>/dev/null) || :
        printf '%s\n' "$state"
    else
        code=0
        rc-service "$2" status >/dev/null 2>&1 || code=$?
        case $code in
        0) say active ;;
        32) say failed ;;
        *) say inactive ;;
        esac
    fi
}

# Finds the unit; where both are installed, the one that runs.
find_unit() {
    for name in k3s k3s-agent; do
        for file in "$root/etc/systemd/system/$name.service" "$root/usr/local/lib/systemd/system/$name.service" \
            "$root/usr/lib/systemd/system/$name.service" "$root/lib/systemd/system/$name.service" \
            "$root/etc/init.d/$name"; do
            [ -f "$file" ] || continue
            case $file in
            */init.d/*) by=openrc ;;
            *) by=systemd ;;
            esac
            if [ -z "$unit" ] || [ "$(service_state "$by" "$name")" = active ]; then
                unit=$name
                unit_file=$file
                manager=$by
            fi
            break
        done
    done
}

# The unit's own files: what is added to it counts after it.
unit_files() {
    for file in "$unit_file" "$root/etc/systemd/system/$unit.service.d"/*.conf; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}

# The program of K3s, first that of the unit; nothing where there is none.
program() {
    if [ -n "$unit_file" ]; then
        file=$(sed -n -e 's|^ExecStart=\(/[^[:space:]]*/k3s\)\([[:space:]].*\)\{0,1\}$|\1|p' \
            -e 's|^command="\(/[^"]*\)"$|\1|p' "$unit_file" | tail -n 1)
        if [ -n "$file" ] && [ -x "$root$file" ]; then
            printf '%s\n' "$root$file"
            return
        fi
    fi
    for file in "$root/usr/local/bin/k3s" "$root/opt/bin/k3s"; do
        if [ -x "$file" ]; then
            printf '%s\n' "$file"
            return
        fi
    done
    command -v k3s || :
}

need_unit() {
    find_unit
    [ -n "$unit" ] || fail 'K3s is not installed on this machine'
}

# Without waiting, for a start waits forever where a server or a token is wrong: service start|restart
service() {
    if [ "$manager" = systemd ]; then
        before=$(systemctl show -p MainPID "$unit" 2>/dev/null) || before=''
        systemctl reset-failed "$unit" >/dev/null 2>&1 || :
        attempt systemctl "$1" --no-block "$unit" 9>&-
        # So that nobody takes what ran before for what runs now.
        tries=5
        while [ "$1" = restart ] && [ -n "$before" ] && [ "$before" != MainPID=0 ] && [ "$tries" -gt 0 ] &&
            [ "$(service_state systemd "$unit")" = active ] &&
            [ "$(systemctl show -p MainPID "$unit" 2>/dev/null)" = "$before" ]; do
            tries=$((tries - 1))
            sleep 1
        done
    else
        attempt rc-service "$unit" "$1" 9>&-
    fi
}

# Starts K3s. One that is starting still goes by the token that it was started with.
begin() {
    verb=start
    [ "$(service_state "$manager" "$unit")" != activating ] || verb=restart
    at "${verb}ing $unit"
    service "$verb"
}

stop_service() {
    if [ "$manager" = systemd ]; then
        attempt systemctl stop "$unit"
    else
        attempt rc-service "$unit" stop
    fi
}
