# K3s, taken off.
find_unit
was=$unit
for name in k3s-agent k3s; do
    for file in "$root/usr/local/bin/$name-uninstall.sh" "$root/opt/bin/$name-uninstall.sh"; do
        [ -x "$file" ] || continue
        was=$name
        at "running ${file#"$root"}"
        # What it says and how it ends tells little: what it leaves does.
        sh "$file" >"$work/said" 2>&1 </dev/null || :
    done
done
unit=''
find_unit
if [ -n "$unit" ]; then
    why=$(unseen 2>/dev/null <"$work/said" | tail -n 1 | cut -c 1-300) || :
    fail "${unit_file#"$root"} is still there: take it off as it was installed" "$why"
fi
at 'removing what its uninstaller leaves'
rm -rf "$root/etc/rancher/node" "$root/var/tmp/k3fleet"
rm -f "$root/etc/rancher/k3s/agent-token" "$root/etc/rancher/k3s/vpn-auth"
if [ -f "$config" ] && head -n 1 "$config" | grep -qF "$first_line"; then
    rm -f "$config"
fi
if [ -n "$was" ]; then
    say 'K3s is taken off'
else
    say 'there was no K3s'
fi
