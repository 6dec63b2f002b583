# The memory cgroup of a Raspberry Pi, whose firmware turns it off.
changed=''
seen=''
for file in "$root/boot/firmware/current/cmdline.txt" "$root/boot/firmware/cmdline.txt" "$root/boot/cmdline.txt"; do
    [ -f "$file" ] || continue
    # Where the file has moved, a note stands in its old place.
    if grep -q 'DO NOT EDIT' "$file" || ! grep -q 'root=' "$file"; then
        continue
    fi
    seen=yes
    lines=$(grep -c '[^[:space:]]' "$file")
    [ "$lines" -eq 1 ] || fail "${file#"$root"} has $lines lines instead of one: mend it by hand"
    line=$(grep '[^[:space:]]' "$file" | tr -d '\r' | sed 's/[[:space:]]*$//')
    whole=$line
    for word in cgroup_memory=1 cgroup_enable=memory; do
        case " $whole " in
        *" $word "*) ;;
        *) whole="$whole $word" ;;
        esac
    done
    [ "$whole" != "$line" ] || continue
    at "writing ${file#"$root"}"
    [ -e "$file.before-k3fleet" ] || cp -p "$file" "$file.before-k3fleet"
    printf '%s\n' "$whole" | replace "$file" -
    changed=yes
done
[ -n "$seen" ] || fail 'no cmdline.txt of a Raspberry Pi is there'
sync
if [ -n "$changed" ]; then
    say 'the memory cgroup is on from the next start on'
else
    say 'the boot command line asks for the memory cgroup already'
fi
