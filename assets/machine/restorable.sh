# Nothing is changed: the snapshot is there.
[ -n "$(program)" ] || fail 'the program of K3s is not there'
say "$snapshot can be restored here"
