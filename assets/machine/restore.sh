# etcd, restored from the snapshot: its only member is this server then. K3s stays stopped.
mark=$db/k3fleet-restored
if [ -f "$mark" ] && [ "$(cat "$mark")" = "$snapshot $when" ]; then
    say "$snapshot is restored already"
    exit 0
fi
k3s=$(program)
[ -n "$k3s" ] || fail 'the program of K3s is not there'
at "stopping $unit"
stop_service
kept=$data/server/db-before-$when
if has_state && [ ! -d "$kept/etcd" ]; then
    at "keeping what was before in ${kept#"$root"}"
    rm -rf "$kept.new"
    mkdir -p "$kept.new"
    attempt cp -a "$db/etcd" "$kept.new/etcd"
    mv "$kept.new" "$kept"
fi
# One that names a server to join does not forget its peers: it is told nothing of that server.
mkdir "$work/config.yaml.d"
: >"$work/config.yaml"
number=0
config_files | sed '1!G;h;$!d' | while IFS= read -r file; do
    number=$((number + 1))
    case $file in
    */config.yaml.d/* | *.d/*.yaml) to=$work/config.yaml.d/$(printf '%03d' "$number").yaml ;;
    *) to=$work/config.yaml ;;
    esac
    sed "/^[\"']\{0,1\}server[\"']\{0,1\}[[:space:]]*:/d" "$file" >"$to"
done
set -- server --config "$work/config.yaml" --cluster-reset "--cluster-reset-restore-path=$path"
[ -z "$(setting data-dir K3S_DATA_DIR)" ] || set -- "$@" --data-dir "$data"
[ -z "$s3" ] || set -- "$@" --etcd-s3
# A token that stands in the unit's environment alone is no part of the configuration.
if [ -z "$(config_files | while IFS= read -r file; do grep -E "^[\"']?token(-file)?[\"']?[[:space:]]*:" "$file" || :; done)" ] &&
    [ -f "$data/server/token" ]; then
    set -- "$@" --token-file "$data/server/token"
fi
rm -f "$db/reset-flag"
at "restoring $snapshot"
if ! timeout 420 "$k3s" "$@" >"$work/said" 2>&1 </dev/null 9>&-; then
    why=$(unseen <"$work/said" | grep '[^[:space:]]' | tail -n 1 | cut -c 1-300) || :
    if [ -d "$kept/etcd" ]; then
        # As it was: K3s can be started again on all servers, and none has lost anything.
        rm -rf "$db/etcd" "$db/reset-flag"
        cp -a "$kept/etcd" "$db/etcd"
    fi
    case $why in
    *'different token'* | *'bootstrap data'*)
        fail 'the snapshot was taken under another server token: put that one back on the servers first' "$why"
        ;;
    *) fail "restoring $snapshot" "$why" ;;
    esac
fi
printf '%s %s\n' "$snapshot" "$when" | replace "$mark" 600
say "$snapshot is restored; what was before is in ${kept#"$root"}"
