//! Networks in CIDR notation.

use std::fmt;
use std::net::IpAddr;

/// A network: an address and how many of its bits name the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

impl Cidr {
    /// From text such as `10.0.0.0/8`. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, length) = text
            .split_once('/')
            .ok_or_else(|| "no / and prefix length after the address".to_owned())?;
        let address: IpAddr = address.parse().map_err(|why| format!("the address is none ({why})"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
        let length = length.parse::<u8>().ok().filter(|length| digits && *length <= most);
        let length = length.ok_or_else(|| format!("the prefix length is not within 0 to {most}"))?;
        let whole = Self { address, length };
        let network = whole.network();
        // EC2 would silently open the whole network.
        if network != whole {
            return Err(format!(
                "the address has bits outside the prefix; the network is {network}"
            ));
        }
        Ok(whole)
    }

    /// How many of its bits name the network.
    pub fn length(self) -> u8 {
        self.length
    }

    /// Whether it holds every address of its family.
    pub fn is_everything(self) -> bool {
        self.length == 0
    }

    /// Whether both hold some address.
    pub fn overlaps(self, other: Self) -> bool {
        let length = self.length.min(other.length);
        let cut = |cidr: Self| Self { length, ..cidr }.network();
        cut(self) == cut(other)
    }

    fn network(self) -> Self {
        let address = match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
                IpAddr::V4((u32::from(v4) & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.length)).unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
        };
        Self { address, ..self }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_network_is_told() {
        for (text, why) in [
            ("10.0.0.1", "no /"),
            ("10.0.0/8", "address"),
            ("10.0.0.0/33", "0 to 32"),
            ("10.0.0.0/+8", "0 to 32"),
            ("10.0.0.0/", "0 to 32"),
            ("::/129", "0 to 128"),
            ("10.1.2.3/8", "the network is 10.0.0.0/8"),
            ("1.2.3.4/0", "the network is 0.0.0.0/0"),
        ] {
            let told = Cidr::parse(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    #[test]
    fn networks_overlap_when_one_holds_the_other() {
        let over = |a, b| Cidr::parse(a).unwrap().overlaps(Cidr::parse(b).unwrap());
        assert!(over("10.0.0.0/8", "10.42.0.0/16"));
        assert!(over("10.42.7.0/24", "10.42.0.0/16"));
        assert!(over("0.0.0.0/0", "10.42.0.0/16"));
        assert!(!over("10.41.0.0/16", "10.42.0.0/16"));
        assert!(!over("::/0", "10.42.0.0/16"));
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in ".{0,40}") {
            let _ = Cidr::parse(&text);
        }

        #[test]
        fn a_network_comes_back_from_its_text(bits: u32, length in 0u8..=32) {
            let cidr = Cidr { address: IpAddr::V4(bits.into()), length }.network();
            prop_assert_eq!(Cidr::parse(&cidr.to_string()), Ok(cidr));
            prop_assert_eq!(cidr.is_everything(), length == 0);
        }
    }
}
