# A restart of the machine, a moment after this has ended, so that its end is still told.
at 'restarting the machine'
if command -v systemd-run >/dev/null 2>&1 && systemd-run --quiet --on-active=2 systemctl reboot >/dev/null 2>&1; then
    :
else
    (
        trap '' HUP
        trap - EXIT
        sleep 2
        if command -v systemctl >/dev/null 2>&1; then systemctl reboot; else reboot; fi
    ) >/dev/null 2>&1 </dev/null 9>&- &
fi
say 'it restarts in a moment'
