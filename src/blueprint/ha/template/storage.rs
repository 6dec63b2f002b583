//! What outlives machines: the secrets that the first server fills, the bucket for snapshots of etcd or the database, and
//! the file system that machines share.

use serde_json::json;

use super::super::Store;
use super::network::Place;
use super::{Draft, bucket, bucket_policy, refer, substitute};

/// What the database is; an upgrade of its minor version is AWS' own doing.
const ENGINE: &str = "aurora-postgresql";
const ENGINE_VERSION: &str = "16.9";
/// The name of the database, as servers ask for it.
const DATABASE: &str = "k3s";
const USER: &str = "k3fleet";

/// Adds what the cluster keeps.
pub(super) fn add(draft: &mut Draft<'_>, place: &Place) {
    let (kubeconfig, reaper) = (draft.names.kubeconfig(), draft.names.reaper());
    secret(draft, "Kubeconfig", &kubeconfig, "kubeconfig of an administrator");
    secret(draft, "ReaperAccess", &reaper, "how the reaper reaches the API");
    match draft.ha.store {
        Store::Etcd { .. } => snapshots(draft),
        Store::External => {}
        Store::Aurora {
            min_half_acus,
            max_half_acus,
        } => database(draft, place, [min_half_acus, max_half_acus]),
    }
    if draft.ha.shared_storage {
        file_system(draft, place);
    }
}

/// A secret without a value: the first server writes it.
fn secret(draft: &mut Draft<'_>, resource: &str, name: &str, what: &str) {
    let description = format!("k3fleet {}: {what}", draft.spec.name);
    let secret = json!({"Name": name, "Description": description});
    draft.add(resource, "SecretsManager::Secret", secret);
}

/// Snapshots outlive the stack, for who deletes a cluster by mistake; who deletes it for good deletes them apart. A launch
/// that is rolled back leaves none behind. Versions keep for a week what a server that was taken over would delete.
fn snapshots(draft: &mut Draft<'_>) {
    draft.add("Snapshots", "S3::Bucket", bucket(None));
    draft.keep("Snapshots", "RetainExceptOnCreate", "Retain");
    draft.add("SnapshotsPolicy", "S3::BucketPolicy", bucket_policy("Snapshots"));
    draft.output("SnapshotBucket", refer("Snapshots"));
}

/// A writer and a reader, which takes its place within a minute.
fn database(draft: &mut Draft<'_>, place: &Place, half_acus: [u32; 2]) {
    let description = format!("k3fleet {}", draft.spec.name);
    let subnets = json!({
        "DBSubnetGroupDescription": description,
        "SubnetIds": place.subnets,
    });
    draft.add("DatabaseSubnets", "RDS::DBSubnetGroup", subnets);
    // Of the stack's own, since a login that RDS keeps is changed every week, and K3s reads it only when it starts.
    let login = json!({
        "Description": format!("{description}: login of the database"),
        "GenerateSecretString": {
            "SecretStringTemplate": json!({"username": USER}).to_string(),
            "GenerateStringKey": "password",
            "PasswordLength": 40,
            "ExcludePunctuation": true,
        },
    });
    draft.add("DatabaseLogin", "SecretsManager::Secret", login);
    let [min, max] = half_acus.map(|half| f64::from(half) / 2.0);
    let cluster = json!({
        "Engine": ENGINE,
        "EngineVersion": ENGINE_VERSION,
        "DatabaseName": DATABASE,
        "MasterUsername": USER,
        "MasterUserPassword": substitute("{{resolve:secretsmanager:${DatabaseLogin}:SecretString:password}}"),
        "DBSubnetGroupName": refer("DatabaseSubnets"),
        "VpcSecurityGroupIds": [refer("DatabaseSecurity")],
        "StorageEncrypted": true,
        "BackupRetentionPeriod": 7,
        "CopyTagsToSnapshot": true,
        "EnableCloudwatchLogsExports": ["postgresql"],
        "ServerlessV2ScalingConfiguration": {"MinCapacity": min, "MaxCapacity": max},
    });
    draft.add("Database", "RDS::DBCluster", cluster);
    draft.keep("Database", "Delete", "Snapshot");
    for name in ["DatabaseWriter", "DatabaseReader"] {
        let instance = json!({
            "Engine": ENGINE,
            "DBInstanceClass": "db.serverless",
            "DBClusterIdentifier": refer("Database"),
            "PubliclyAccessible": false,
        });
        draft.add(name, "RDS::DBInstance", instance);
        draft.keep(name, "Delete", "Delete");
    }
    // The first of a cluster is its writer.
    draft.after("DatabaseReader", &["DatabaseWriter".to_owned()]);
}

fn file_system(draft: &mut Draft<'_>, place: &Place) {
    let files = json!({
        "Encrypted": true,
        "PerformanceMode": "generalPurpose",
        "ThroughputMode": "elastic",
    });
    draft.add("FileSystem", "EFS::FileSystem", files);
    draft.keep("FileSystem", "Delete", "Retain");
    for (i, subnet) in place.each.iter().enumerate() {
        let target = json!({
            "FileSystemId": refer("FileSystem"),
            "SubnetId": subnet,
            "SecurityGroups": [refer("FileSecurity")],
        });
        draft.add(format!("MountTarget{}", i + 1), "EFS::MountTarget", target);
    }
    draft.output("FileSystem", refer("FileSystem"));
}
