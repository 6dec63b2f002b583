//! The operating systems that machines may run, and what differs between them at launch.

use serde::{Deserialize, Serialize};

use crate::fleet::Arch;

/// An operating system, by the image its maker publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Image {
    /// Ubuntu 24.04 LTS.
    Ubuntu,
    /// Amazon Linux 2023.
    Al2023,
}

impl Image {
    /// `ubuntu` or `al2023`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ubuntu => "ubuntu",
            Self::Al2023 => "al2023",
        }
    }

    /// From the words of [`Image::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Ubuntu, Self::Al2023].into_iter().find(|i| i.as_str() == word)
    }

    /// The public SSM parameter that holds the id of the newest image for an architecture, as Canonical and AWS
    /// publish it; `None` where there is no such image.
    pub fn parameter(self, arch: Arch) -> Option<String> {
        Some(match (self, arch) {
            (_, Arch::Arm) => return None,
            (Self::Ubuntu, arch) => {
                let arch = arch.as_str();
                format!("/aws/service/canonical/ubuntu/server/24.04/stable/current/{arch}/hvm/ebs-gp3/ami-id")
            }
            (Self::Al2023, Arch::Amd64) => amazon("x86_64"),
            (Self::Al2023, Arch::Arm64) => amazon("arm64"),
        })
    }

    /// The device name of the image's root volume.
    pub fn root_device(self) -> &'static str {
        match self {
            Self::Ubuntu => "/dev/sda1",
            Self::Al2023 => "/dev/xvda",
        }
    }

    /// Who logs in over SSH.
    pub fn user(self) -> &'static str {
        match self {
            Self::Ubuntu => "ubuntu",
            Self::Al2023 => "ec2-user",
        }
    }
}

fn amazon(arch: &str) -> String {
    format!("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{arch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_image_is_there_for_both_architectures_of_ec2() {
        for image in [Image::Ubuntu, Image::Al2023] {
            assert_eq!(Image::parse(image.as_str()), Some(image));
            let [intel, arm] = [Arch::Amd64, Arch::Arm64].map(|arch| image.parameter(arch).unwrap());
            assert_ne!(intel, arm);
            assert!(arm.contains("arm64") && !intel.contains("arm64"));
            assert_eq!(image.parameter(Arch::Arm), None);
        }
    }
}
