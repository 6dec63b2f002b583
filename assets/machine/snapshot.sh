# The datastore, saved.
case $snapshot in
'' | *[!A-Za-z0-9._-]* | .*) fail "no file can be named $snapshot" ;;
esac
need_unit
[ "$unit" = k3s ] || fail 'this machine is no server'
data_directory
case $(datastore) in
etcd)
    directory=$(setting etcd-snapshot-dir K3S_ETCD_SNAPSHOT_DIR)
    directory=${directory:+$root$directory}
    for file in "${directory:-$data/server/db/snapshots}/$snapshot"-*; do
        if [ -e "$file" ]; then
            say "${file#"$root"} is there already"
            exit 0
        fi
    done
    at "saving the snapshot $snapshot"
    attempt "$(program)" etcd-snapshot save --name "$snapshot"
    say "the snapshot $snapshot is saved"
    ;;
sqlite)
    directory=$root/var/lib/rancher/k3s-backups
    for file in "$directory/$snapshot"-*; do
        if [ -d "$file" ] && [ "${file%.new}" = "$file" ]; then
            say "${file#"$root"} is there already"
            exit 0
        fi
    done
    mkdir -p "$directory"
    kept=$directory/$snapshot-$(date -u +%Y%m%dT%H%M%SZ)
    rm -rf "$directory/$snapshot.new"
    mkdir "$directory/$snapshot.new"
    at 'stopping K3s'
    stop_service
    at "copying the datastore to ${kept#"$root"}"
    copied=''
    if cp -a "$data/server/db" "$data/server/token" "$directory/$snapshot.new/" 2>"$work/said"; then
        copied=yes
        mv "$directory/$snapshot.new" "$kept"
    else
        why=$(unseen <"$work/said" | tail -n 1 | cut -c 1-300)
        rm -rf "$directory/$snapshot.new"
    fi
    was=$why
    at 'starting K3s'
    service start
    [ -n "$copied" ] || fail 'copying the datastore' "$was"
    # What comes next is asked of it.
    tries=60
    while [ "$(service_state "$manager" "$unit")" != active ] && [ "$tries" -gt 0 ]; do
        tries=$((tries - 1))
        sleep 2
    done
    say "the datastore is copied to ${kept#"$root"}"
    ;;
external) say 'the datastore is external: it is left to its own backups' ;;
*) fail 'no datastore of K3s is there' ;;
esac
