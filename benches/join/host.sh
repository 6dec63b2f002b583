# A host that has a processor of its own, as seen from outside: it takes its time to install, and costs this machine none.
case $SSH_ORIGINAL_COMMAND in
*INSTALL_K3S_VERSION=*)
    while IFS= read -r line && [ "$line" != k3fleet-secrets ]; do :; done
    IFS= read -r token
    case $token in
    K10*::*.*) ;;
    *)
        echo 'failed: the token did not arrive'
        exit 1
        ;;
    esac
    /bin/sleep 2
    echo 'K3s is installed, and told to start'
    exit
    ;;
*glance=*)
    printf '%s\n' boot=boot-1 unit=k3s-agent service=active version=v1.36.4+k3s1
    exit
    ;;
esac
