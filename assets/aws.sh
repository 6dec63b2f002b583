# AWS, asked by a machine itself, with the credentials of its own role. Above it: $work, a directory; $region; $domain, that of
# AWS; $imds_token; and say and at, which tell what is done.
imds=http://169.254.169.254/latest

# Whatever is secret goes to curl on its standard input: arguments can be read by every user of the machine.
metadata() {
    printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$imds_token" |
        curl -sf --max-time 10 "$@" -K -
}

about() {
    metadata --retry 5 --retry-all-errors "$imds/meta-data/$1"
}

credential() {
    sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" "$work/credentials"
}

# Asks AWS: aws_call SERVICE TARGET FILE-WITH-BODY; the answer is in $work/answer. curl signs the call, since Ubuntu's image
# brings no AWS command line and both images bring a curl that can. A role just made is refused for some seconds.
aws_call() {
    role=$(about iam/security-credentials/)
    about "iam/security-credentials/$role" >"$work/credentials"
    if ! printf 'user = "%s:%s"\nheader = "X-Amz-Security-Token: %s"\n' \
        "$(credential AccessKeyId)" "$(credential SecretAccessKey)" "$(credential Token)" |
        curl -sS --fail-with-body --max-time 20 --retry 12 --retry-delay 5 --retry-all-errors \
            --aws-sigv4 "aws:amz:$region:$1" -H "X-Amz-Target: $2" \
            -H 'Content-Type: application/x-amz-json-1.1' --data-binary "@$3" \
            -o "$work/answer" -K - "https://$1.$region.$domain/"; then
        [ ! -s "$work/answer" ] || say "$(cat "$work/answer")"
        return 1
    fi
}

# The value of a SecureString: token_into FILE PARAMETER
token_into() {
    at "reading the SSM parameter $2"
    printf '{"Name":"%s","WithDecryption":true}' "$2" >"$work/ask"
    aws_call ssm AmazonSSM.GetParameter "$work/ask"
    sed -n 's/.*"Value" *: *"\([^"]*\)".*/\1/p' "$work/answer" >"$1"
    rm -f "$work/answer"
    [ -s "$1" ]
}
