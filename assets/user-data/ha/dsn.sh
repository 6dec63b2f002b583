# The database of the operator's, by its DSN. Text of JSON is text of YAML.
use_database() {
    at "reading the SSM parameter $dsn"
    printf '{"Name":"%s","WithDecryption":true}' "$dsn" >"$work/ask"
    aws_call ssm AmazonSSM.GetParameter "$work/ask"
    sed -n -E 's/.*"Value" *: *("([^"\\]|\\.)*").*/datastore-endpoint: \1/p' "$work/answer" >"$database"
    { sed 's/^datastore-endpoint: "\(.*\)"$/\1/' "$database" && echo; } >>"$work/secrets"
}

