# A server whose etcd is restored from a snapshot, or that joins one that was. Its state stands in $db; what that was before
# is kept beside it.
need_unit
[ "$unit" = k3s ] || fail 'this machine is no server'
data_directory
db=$data/server/db
case $(datastore) in
etcd | '') ;;
sqlite) fail 'its datastore is SQLite, not etcd: a copy of its database restores it' ;;
*) fail 'its datastore is external: the backups of that one restore it' ;;
esac

# Whether etcd has kept anything here.
has_state() {
    [ -d "$db/etcd" ]
}

# The server that K3s joins when it has no state; nothing where it would begin a cluster of its own.
joins() {
    setting server K3S_URL
}
