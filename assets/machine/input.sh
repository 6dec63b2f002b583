# The secrets come on standard input, after what was there for sudo.
while IFS= read -r line; do
    [ "$line" != "$mark" ] || break
done
IFS= read -r secret1 || :
IFS= read -r secret2 || :
[ -n "$secret1" ] || fail 'the token did not arrive on standard input'
