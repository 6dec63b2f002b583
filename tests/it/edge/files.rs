//! Files on their way to a host: whole, cut in the middle, on a disk that is full.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::Mutex;

use k3fleet::fleet::FaultKind;
use k3fleet::provider::{ProviderError, ShellControl};

use super::rig::Rig;

const SIZE: u64 = 1_000_003;

/// Brings a file of a million bytes to host 1; gives how it ended, and what was told meanwhile.
async fn bring(rig: &Rig) -> (Result<(), ProviderError>, Vec<(u64, u64)>) {
    let file = rig.at("k3s-arm64");
    let bytes: Vec<u8> = (0..SIZE).map(|i| (i * i % 251) as u8).collect();
    fs::write(&file, bytes).unwrap();
    let told = Mutex::new(vec![]);
    let progress = |done, all| told.lock().unwrap().push((done, all));
    let directory = rig.of(1, "var/tmp/k3fleet").display().to_string();
    let result = rig.ssh().upload(&rig.host(1), &file, &directory, &progress).await;
    (result, told.into_inner().unwrap())
}

fn arrived(rig: &Rig) -> bool {
    let whole = fs::read(rig.of(1, "var/tmp/k3fleet/k3s-arm64")).unwrap_or_default();
    whole == fs::read(rig.at("k3s-arm64")).unwrap() && !rig.of(1, "var/tmp/k3fleet/k3s-arm64.part").exists()
}

#[tokio::test]
async fn a_file_arrives_whole_in_a_directory_of_its_own_and_is_not_sent_twice() {
    let Some(rig) = Rig::new(1) else { return };
    let (result, told) = bring(&rig).await;
    result.unwrap();
    assert!(arrived(&rig));
    assert_eq!((told.first(), told.last()), (Some(&(0, SIZE)), Some(&(SIZE, SIZE))));
    assert!(told.is_sorted(), "{told:?}");
    let directory = fs::metadata(rig.of(1, "var/tmp/k3fleet")).unwrap();
    assert_eq!(directory.mode() & 0o777, 0o700);
    assert!(!rig.get(1, "called").contains("sudo"), "{}", rig.get(1, "called"));
    let (result, told) = bring(&rig).await;
    result.unwrap();
    assert_eq!(told, [(SIZE, SIZE)]);
}

#[tokio::test]
async fn an_upload_that_is_cut_goes_on_with_what_is_there() {
    let Some(rig) = Rig::new(1) else { return };
    rig.put(1, "cut", "");
    let (result, told) = bring(&rig).await;
    result.unwrap();
    assert!(arrived(&rig));
    assert!(told.contains(&(300_000, SIZE)), "{told:?}");
    assert_eq!(rig.log().matches("Accepted publickey").count(), 2, "{}", rig.log());
}

#[tokio::test]
async fn a_part_of_something_else_is_thrown_away() {
    let Some(rig) = Rig::new(1) else { return };
    for part in [vec![7; 500_000], vec![7; 2_000_000]] {
        fs::create_dir_all(rig.of(1, "var/tmp/k3fleet")).unwrap();
        fs::write(rig.of(1, "var/tmp/k3fleet/k3s-arm64.part"), &part).unwrap();
        fs::write(
            rig.of(1, "var/tmp/k3fleet/k3s-arm64"),
            vec![0; usize::try_from(SIZE).unwrap()],
        )
        .unwrap();
        let (result, told) = bring(&rig).await;
        result.unwrap();
        assert!(arrived(&rig));
        assert_eq!(told.first(), Some(&(0, SIZE)));
    }
}

#[tokio::test]
async fn a_full_disk_is_told_plainly_and_what_arrived_is_kept() {
    let Some(rig) = Rig::new(1) else { return };
    rig.put(1, "full", "");
    let (result, _) = bring(&rig).await;
    let full = result.unwrap_err();
    assert_eq!(full.kind, FaultKind::Other);
    assert!(
        full.message.contains("its disk is full") && full.mend.contains("make room"),
        "{full}"
    );
    fs::remove_file(rig.of(1, "full")).unwrap();
    let (result, told) = bring(&rig).await;
    result.unwrap();
    assert!(arrived(&rig));
    assert_eq!(told.first(), Some(&(300_000, SIZE)));
}

#[tokio::test]
async fn a_directory_that_leads_elsewhere_is_not_written_to() {
    let Some(rig) = Rig::new(1) else { return };
    fs::create_dir_all(rig.of(1, "var/tmp")).unwrap();
    fs::create_dir_all(rig.of(1, "elsewhere")).unwrap();
    symlink(rig.of(1, "elsewhere"), rig.of(1, "var/tmp/k3fleet")).unwrap();
    let (result, _) = bring(&rig).await;
    let error = result.unwrap_err();
    assert!(error.message.contains("is not a directory of pi"), "{error}");
    assert_eq!(fs::read_dir(rig.of(1, "elsewhere")).unwrap().count(), 0);
}
