# Nothing is changed: once its state is put aside K3s would join the others.
if has_state && [ -z "$(joins)" ]; then
    fail 'K3s here names no server to join: it would begin a cluster of its own; restore on this server'
fi
say 'it can join again'
