# A new token, kept on a server before the cluster goes by it, and the present one beside it.
[ -z "$(bootstrap "$secret1")" ] || fail 'the new token has the shape of a bootstrap token, which would break the cluster'
held=$(present)
[ -n "$held" ] || fail "no $kind token is configured on this server"
half "$held"
own=$half
half "$(text_of "$next_token")"
# One that is there already is of a change that was cut off: the cluster may go by it.
if [ -n "$stays" ] && [ -n "$half" ] && [ "$half" != "$own" ] && [ -z "$(bootstrap "$half")" ]; then
    say 'a new token is kept here already'
else
    at 'keeping the new token'
    printf '%s\n' "$secret1" | replace "$next_token" 600
    half "$secret1"
fi
old=''
if [ "$half" != "$own" ]; then
    for file in "$old_tokens"-*; do
        half "$(text_of "$file")"
        [ "$half" != "$own" ] || old=$file
    done
    if [ -z "$old" ]; then
        old=$old_tokens-$when
        at 'keeping the present token'
        printf '%s\n' "$held" | replace "$old" 600
    fi
fi
# It has to outlive a cut of the power from here on.
sync
say "the new token is kept${old:+; the present one stays in ${old#"$root"}}"
