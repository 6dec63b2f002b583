# The driver of EFS and a class of storage on the cluster's file system. The driver asks AWS as the servers, on which it runs.
use_efs() {
    cat >"$data/server/manifests/k3fleet-efs.yaml" <<EOF
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: aws-efs-csi-driver, namespace: kube-system}
spec:
  repo: https://kubernetes-sigs.github.io/aws-efs-csi-driver
  chart: aws-efs-csi-driver
  version: 4.4.1
  valuesContent: |
    controller:
      replicaCount: 1
      hostNetwork: true
      nodeSelector: {node-role.kubernetes.io/control-plane: "true"}
    storageClasses:
    - name: efs
      mountOptions: [tls]
      parameters: {provisioningMode: efs-ap, fileSystemId: $efs, directoryPerms: "700"}
EOF
}

