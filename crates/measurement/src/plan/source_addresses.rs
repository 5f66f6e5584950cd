//! Source addresses of the connections, as typed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::PlanError;

/// Maximum number of source addresses of a run.
pub const MAX_SOURCE_ADDRESSES: usize = 65_536;

/// Source addresses of one flag: addresses and ranges, separated by commas, such as `127.0.0.2-127.0.0.5,127.0.0.9`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressList(Vec<IpAddr>);

impl AddressList {
    /// The addresses in the order in which they were typed.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.0
    }
}

impl FromStr for AddressList {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        let mut addresses = Vec::new();
        for part in text.split(',') {
            let range = part
                .split_once('-')
                .map_or((part, part), |(first, last)| (first, last));
            let (first, last) = (address(range.0)?, address(range.1)?);
            let count = count_between(first, last).map_err(|reason| wrong(part, reason))?;
            if count > (MAX_SOURCE_ADDRESSES - addresses.len()) as u128 {
                return Err(wrong(part, "more than 65,536 addresses"));
            }
            addresses.extend((0..count).map(|n| following(first, n)));
        }
        Ok(Self(addresses))
    }
}

fn wrong(text: &str, reason: &'static str) -> PlanError {
    let text = text.trim().to_owned();
    PlanError::SourceAddress { text, reason }
}

/// Parses one address from which connections can be made.
fn address(text: &str) -> Result<IpAddr, PlanError> {
    let address: IpAddr = text
        .trim()
        .parse()
        .map_err(|_| wrong(text, "not an IP address"))?;
    if address.is_unspecified() || address.is_multicast() {
        return Err(wrong(text, "not an address of a machine"));
    }
    Ok(address)
}

/// Number of addresses from the first to the last, both included.
fn count_between(first: IpAddr, last: IpAddr) -> Result<u128, &'static str> {
    if first.is_ipv4() != last.is_ipv4() {
        return Err("the ends of a range must be of one family");
    }
    let distance = number(last).checked_sub(number(first));
    let distance = distance.ok_or("the first address of a range is its smallest")?;
    Ok(distance.saturating_add(1))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The address that follows `first` by `n`, which is within a range.
fn following(first: IpAddr, n: u128) -> IpAddr {
    let number = number(first).saturating_add(n);
    match first {
        IpAddr::V4(_) => Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)).into(),
        IpAddr::V6(_) => Ipv6Addr::from(number).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Vec<String>, String> {
        let list = text.parse::<AddressList>().map_err(|e| e.to_string())?;
        Ok(list.0.iter().map(IpAddr::to_string).collect())
    }

    #[test]
    fn addresses_and_ranges_keep_their_order() {
        let expected = ["127.0.0.254", "127.0.0.255", "127.0.1.0", "127.0.0.2"];
        assert_eq!(parse("127.0.0.254-127.0.1.0, 127.0.0.2").unwrap(), expected);
        assert_eq!(
            parse("fd00::fe-fd00::ff").unwrap(),
            ["fd00::fe", "fd00::ff"]
        );
    }

    #[test]
    fn every_refusal_names_its_part() {
        for (text, part) in [
            ("", "``"),
            ("127.0.0.1,", "``"),
            ("127.0.0.1-", "``"),
            ("127.0.0.1,eth0", "`eth0`: not an IP address"),
            ("0.0.0.0", "`0.0.0.0`: not an address of a machine"),
            ("224.0.0.1", "`224.0.0.1`"),
            ("127.0.0.3-127.0.0.2", "`127.0.0.3-127.0.0.2`: the first"),
            ("127.0.0.1-::1", "`127.0.0.1-::1`: the ends"),
            ("10.0.0.1-10.1.0.1", "`10.0.0.1-10.1.0.1`: more than 65,536"),
            ("::1-fdef::", "`::1-fdef::`: more than 65,536"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert_eq!(parse("10.0.0.1-10.1.0.0").unwrap().len(), 65_536);
    }

    proptest! {
        #[test]
        fn a_range_has_every_address_between_its_ends(first in 0x0100_0000..0xdf00_0000_u32, more in 0..300_u32) {
            let last = first + more;
            let text = format!("{}-{}", Ipv4Addr::from(first), Ipv4Addr::from(last));
            let expected: Vec<IpAddr> = (first..=last).map(|n| Ipv4Addr::from(n).into()).collect();
            prop_assert_eq!(text.parse::<AddressList>().unwrap().0, expected);
        }

        #[test]
        fn a_range_of_ipv6_has_every_address_between_its_ends(first in 2_u128..1 << 120, more in 0..300_u128) {
            let (first, last) = (Ipv6Addr::from(first), Ipv6Addr::from(first + more));
            let list: AddressList = format!("{first}-{last}").parse().unwrap();
            prop_assert_eq!(list.0.len() as u128, more + 1);
            prop_assert_eq!(list.0.last(), Some(&IpAddr::from(last)));
        }

        #[test]
        fn every_text_is_read_or_refused(text in "[0-9a-f.:, -]{0,40}") {
            let _ = text.parse::<AddressList>();
        }
    }
}
