# Who may log in.
if [ -n "$ssh_key" ]; then
    at "letting the operator's SSH key in"
    home=$root/home/$ssh_user
    mkdir -p "$home/.ssh"
    printf '%s\n' "$ssh_key" >>"$home/.ssh/authorized_keys"
    chown -R "$ssh_user:$ssh_user" "$home/.ssh"
fi

