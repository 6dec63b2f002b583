# Another release, which runs from the next start on.
need_unit
[ -z "$files" ] || check_files
put_program "$version"
[ -z "$files" ] || rm -rf "$files"
say "K3s $version runs from the next start on"
