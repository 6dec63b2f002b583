# A token that a server keeps, for whoever hands it to other machines: what it says is as secret as the token.
case $kept in
next) held=$(text_of "$next_token") ;;
*) held=$(present) ;;
esac
printf 'token=%s\n' "$held"
