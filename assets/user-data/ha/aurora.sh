# The database of the stack's, by the secret with its login.
use_database() {
    at "reading the secret $db_secret"
    printf '{"SecretId":"%s"}' "$db_secret" >"$work/ask"
    aws_call secretsmanager secretsmanager.GetSecretValue "$work/ask"
    sed -n -E 's/.*"SecretString" *: *"(([^"\\]|\\.)*)".*/\1/p' "$work/answer" | sed 's/\\\(.\)/\1/g' >"$work/login"
    user=$(of_login username) password=$(of_login password)
    rm -f "$work/login"
    [ -n "$password" ] || fail "$db_secret holds no password"
    printf 'datastore-endpoint: "postgres://%s:%s@%s:5432/k3s?sslmode=require"\n' \
        "$user" "$password" "$db_host" >"$database"
}

# A field of the login, as it stands in an address: every byte by its number.
of_login() {
    sed -n -E "s/.*\"$1\" *: *\"(([^\"\\\\]|\\\\.)*)\".*/\1/p" "$work/login" | sed 's/\\\(.\)/\1/g' | tr -d '\n' >"$work/field"
    { cat "$work/field" && echo; } >>"$work/secrets"
    od -An -v -tx1 <"$work/field" | tr -d ' \n' | sed 's/../%&/g'
    rm -f "$work/field"
}

