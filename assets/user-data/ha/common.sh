# What servers and agents of a highly available cluster have in common; nobody waits at their consoles, and the stack that
# made them waits for their word.
patience=120
signal=${signal-}
unit=''
became=''
instance=$(uname -n)
: >"$work/secrets"
# What is written becomes the configuration once it is whole: after a reboot K3s is started beside this script.
config=$etc/config.new
# cloud-init runs user data once in a machine's life; a reboot in the middle of it must not leave it half done.
again=$root/var/lib/cloud/scripts/per-boot/k3fleet
mkdir -p "${again%/*}"
[ "$0" = "$again" ] || cp "$0" "$again"
chmod 0700 "$again"

say() {
    printf 'k3fleet: %s\n' "$1" | tee -a "$work/told"
    { printf 'k3fleet: %s\n' "$1" >"$root/dev/console"; } 2>/dev/null || :
}

# Ends the script, saying what could not be done.
fail() {
    step=$1
    exit 1
}

# The text without the secrets that were read, and without tokens.
unseen() {
    awk -v file="$work/secrets" 'BEGIN { while ((getline line < file) > 0) if (line != "") secrets[line] }
        { for (s in secrets) while (i = index($0, s)) $0 = substr($0, 1, i - 1) "\001" substr($0, i + length(s)) } 1' |
        sed -e 's/K10[0-9a-f]\{8,\}::[^[:space:]"]*/K10.../g' -e 's/[^[:space:]/:"]*:[^[:space:]/"]*@/...@/g' | tr '\001' '*'
}

journal() {
    [ -z "$unit" ] || journalctl -u "$unit" -n 20 --no-pager -o cat 2>/dev/null | unseen | tee "$work/journal" || :
}

# Tells the stack: report STATUS REASON. A stack that no longer waits does not listen, and whoever knows its address can
# speak for this machine.
report() {
    [ -n "$signal" ] || return 0
    reason=$(printf '%s' "$2" | tr '\n' '|' | tr -cd ' -~' | cut -c 1-1000 | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g')
    printf '{"Status":"%s","UniqueId":"%s","Data":"%s","Reason":"%s"}' "$1" "$instance" "$became" "$reason" >"$work/report"
    printf 'url = "%s"\n' "$signal" |
        curl -sf --max-time 20 --retry 3 --retry-all-errors -o "$work/answer" -X PUT -H 'Content-Type:' \
            --data-binary "@$work/report" -K - 2>/dev/null || :
}

ended() {
    status=$?
    [ -z "${held-}" ] || (give_back) || :
    # Told to end while the machine goes down: it goes on after the reboot, if there is one.
    if [ "$status" -ne 143 ]; then
        rm -f "$again"
        if [ "$status" -eq 0 ]; then
            report SUCCESS ready
        else
            # A cluster that is not whole must not look like one.
            [ -z "${making-}" ] || systemctl disable --now k3s || :
            [ -f "$work/journal" ] || journal >/dev/null
            report FAILURE "$step: $(tail -n 3 "$work/told" | unseen) $(tail -c 700 "$work/journal" 2>/dev/null)"
            say "failed: $step"
        fi
    fi
    rm -rf "$work"
}

# Starts K3s with what has been configured: run UNIT
run() {
    mv "$config" "$etc/config.yaml"
    start "$1"
}

# Begins the labels of the node with where it is, which the cloud controller of K3s does not know.
begin_labels() {
    configure 'node-label:'
    label "topology.kubernetes.io/region=$region"
    label "topology.kubernetes.io/zone=$zone"
    label "k3fleet.dev/pool=$pool"
}

label() {
    configure "  - \"$1\""
}

# Waits twenty minutes for the API, telling each minute: wait_for_api WHAT-IS-TOLD WHAT-IS-TOLD-IN-THE-END
wait_for_api() {
    at "waiting for the API at https://$api:6443"
    now=$(date +%s)
    end=$((now + 1200)) tell=$((now + 60))
    until curl -skf --max-time 5 -o "$work/ping" "https://$api:6443/ping"; do
        now=$(date +%s)
        [ "$now" -lt "$end" ] || fail "$2"
        if [ "$now" -ge "$tell" ]; then
            say "$1"
            tell=$((now + 60))
        fi
        sleep 5
    done
}
