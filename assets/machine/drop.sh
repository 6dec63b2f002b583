# Every machine has the new token: the file that kept it goes; the old one stays.
rm -f "$next_token" "$next_token.k3fleet-new"
old=''
for file in "$old_tokens"-*; do
    case $file in *.k3fleet-new) continue ;; esac
    [ ! -f "$file" ] || old=$file
done
say "${old:+the old token stays in ${old#"$root"}}"
