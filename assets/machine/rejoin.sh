# The state of this server put aside, so that it joins those that were restored.
kept=$data/server/db-before-$when
if [ ! -d "$kept" ]; then
    if ! has_state && [ -z "$(joins)" ]; then
        say 'it holds nothing of the cluster: it joins as its first boot has it'
        exit 0
    fi
    [ -n "$(joins)" ] || fail 'K3s here names no server to join: it would begin a cluster of its own'
    at "stopping $unit"
    stop_service
    if [ -d "$db" ]; then
        at "putting its state aside, in ${kept#"$root"}"
        mv "$db" "$kept"
    fi
fi
# Its snapshots are worth as much as ever.
if [ -d "$kept/snapshots" ] && [ ! -e "$db/snapshots" ]; then
    mkdir -p "$db"
    mv "$kept/snapshots" "$db/snapshots"
fi
begin
say "$unit is told to start"
