# Another release, which runs from the next start on.
need_unit
[ -z "$files" ] || check_files
k3s=$(program)
[ -n "$k3s" ] || fail 'the program of K3s is not there'
directory=${k3s%/*}
put_program "$version"
[ -z "$files" ] || rm -rf "$files"
say "K3s $version runs from the next start on"
