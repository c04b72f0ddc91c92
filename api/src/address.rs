//! Where a request comes from: the peer, or what trusted proxies say of it; and the network that
//! limits count by.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, web};

use crate::app::App;

const FORWARDED: &str = "X-Forwarded-For";

/// The client's address.
#[must_use]
pub fn of(request: &HttpRequest) -> Option<IpAddr> {
    let app = request.app_data::<web::Data<App>>();
    let proxies = app.map_or(0, |app| app.config.trusted_proxies);
    let peer = request.peer_addr().map(|peer| peer.ip());
    behind(peer, request.headers(), proxies)
}

/// The address that the outermost of `proxies` trusted ones was asked from. What stands further
/// left in the header is the client's own word, and not believed.
fn behind(peer: Option<IpAddr>, headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    if proxies == 0 {
        return peer;
    }
    let named: Vec<&str> = headers
        .get_all(FORWARDED)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let wanted = named.len().checked_sub(proxies);
    wanted
        .and_then(|place| named.get(place))
        .and_then(|address| address.parse().ok())
        .or(peer)
}

/// The network of an address: /24, or /56 of IPv6, which is what one customer gets.
#[must_use]
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let network = Ipv4Addr::from_bits(address.to_bits() & !0xff);
            format!("{network}/24")
        }
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() >> 72 << 72);
            format!("{network}/56")
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let peer: Option<IpAddr> = "10.0.0.1".parse().ok();
        let headers = |values: &[&str]| -> HeaderMap {
            let mut headers = HeaderMap::new();
            for value in values {
                let name = HeaderName::from_static("x-forwarded-for");
                headers.append(name, HeaderValue::from_str(value).unwrap());
            }
            headers
        };
        for (values, proxies, address) in [
            (vec!["203.0.113.7"], 0, "10.0.0.1"),
            (vec!["203.0.113.7"], 1, "203.0.113.7"),
            (vec!["1.2.3.4, 203.0.113.7"], 1, "203.0.113.7"),
            (vec!["1.2.3.4", "203.0.113.7, 10.0.0.9"], 2, "203.0.113.7"),
            (vec!["203.0.113.7"], 2, "10.0.0.1"),
            (vec!["nonsense"], 1, "10.0.0.1"),
            (vec![], 1, "10.0.0.1"),
            (vec!["2001:db8::1"], 1, "2001:db8::1"),
        ] {
            let found = behind(peer, &headers(&values), proxies);
            assert_eq!(found, address.parse().ok(), "{values:?} {proxies}");
        }
    }

    #[test]
    fn networks_are_what_one_customer_has() {
        for (address, expected) in [
            ("203.0.113.7", "203.0.113.0/24"),
            ("::ffff:203.0.113.7", "203.0.113.0/24"),
            ("2001:db8:1:2ff:3::4", "2001:db8:1:200::/56"),
        ] {
            assert_eq!(network(address.parse().unwrap()), expected);
        }
    }
}
