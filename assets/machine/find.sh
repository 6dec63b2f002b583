# Where the snapshot is, as K3s wants it told.
case $snapshot in
'' | *[!A-Za-z0-9._-]* | .*) fail "no snapshot can be named $snapshot" ;;
esac
path=$snapshot
if [ -n "$s3" ]; then
    [ "$(setting etcd-s3 K3S_ETCD_S3)" = true ] || fail 'K3s keeps no snapshots in S3 as it is configured here'
else
    directory=$(setting etcd-snapshot-dir K3S_ETCD_SNAPSHOT_DIR)
    directory=${directory:+$root$directory}
    path=${directory:-$db/snapshots}/$snapshot
    [ -f "$path" ] || fail "there is no snapshot ${path#"$root"}"
fi
