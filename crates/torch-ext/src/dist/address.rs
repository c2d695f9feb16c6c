//! The address of this machine that the other processes use, and the store's address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use super::launch::Launch;
use crate::error::{Error, Result};

/// The address of the interface that leads to `MASTER_ADDR`; the loopback address if all processes are on this machine.
pub(super) fn own(launch: &Launch) -> Result<IpAddr> {
    if launch.is_single_node() {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let masters = masters(launch)?;
    let from = |master: &SocketAddr| -> std::io::Result<IpAddr> {
        let any = if master.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(master)?; // chooses the route, and sends nothing
        Ok(socket.local_addr()?.ip())
    };
    let own = masters
        .iter()
        .find_map(|master| from(master).ok())
        .ok_or_else(|| error(launch, "there is no route to it; check the network (ip route get MASTER_ADDR)"))?;
    if own.is_loopback() && launch.interface.is_none() && !names_loopback(&launch.master_addr) {
        let advice = "it resolves to this machine's loopback address, which the other machines cannot reach (a line in /etc/hosts?); \
                      give --master-addr as a number, or set GLOO_SOCKET_IFNAME to the network interface";
        return Err(error(launch, advice));
    }
    Ok(own)
}

/// Whether the name itself means this machine.
fn names_loopback(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The socket of the store. It listens only at `MASTER_ADDR`, not on every interface.
pub(super) fn listen(launch: &Launch) -> Result<TcpListener> {
    TcpListener::bind(&masters(launch)?[..]).map_err(|reason| {
        let advice =
            "rank 0 runs the store there: MASTER_ADDR must be an address of its machine, and MASTER_PORT must be free";
        error(launch, &format!("{reason}; {advice}"))
    })
}

/// Waits until the store accepts connections. Returns the rest of `timeout`.
///
/// The store's own client would wait for up to twice its timeout.
pub(super) fn wait_for_store(launch: &Launch, timeout: Duration) -> Result<Duration> {
    const PAUSE: Duration = Duration::from_millis(50);
    let (masters, begun) = (masters(launch)?, Instant::now());
    let mut reason = String::new();
    for master in masters.iter().cycle() {
        let left = timeout.saturating_sub(begun.elapsed());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(master, left) {
            Ok(_) => return Ok(timeout.saturating_sub(begun.elapsed())),
            Err(error) => reason = error.to_string(),
        }
        std::thread::sleep(PAUSE.min(left));
    }
    let advice = "rank 0 or torchrun runs it there: is it running, and can this machine reach it?";
    Err(error(launch, &format!("no store for {timeout:?} (the timeout): {reason}; {advice}")))
}

fn masters(launch: &Launch) -> Result<Vec<SocketAddr>> {
    let found = (launch.master_addr.as_str(), launch.master_port).to_socket_addrs();
    let mut found: Vec<_> = found.map_err(|reason| error(launch, &format!("{reason}")))?.collect();
    found.sort_by_key(SocketAddr::is_ipv6); // in the order in which c10d tries them
    Ok(found)
}

fn error(launch: &Launch, what: &str) -> Error {
    let Launch { rank, world, master_addr, master_port, .. } = launch;
    Error::Dist(format!("rank {rank} of {world}: MASTER_ADDR={master_addr}, MASTER_PORT={master_port}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_several_machines_a_name_that_resolves_to_loopback_is_rejected() {
        let launch = |master_addr: &str, local_world| Launch {
            rank: 0,
            world: 4,
            local_rank: 0,
            local_world,
            master_addr: master_addr.to_owned(),
            master_port: 29500,
            agent_store: true,
            restarts: 0,
            interface: None,
        };
        // The address itself may be loopback, as in tests with several nodes on one machine.
        assert!(own(&launch("127.0.0.1", 2)).unwrap().is_loopback());
        assert!(own(&launch("localhost", 2)).unwrap().is_loopback());
        // A name for 127.0.0.1, as /etc/hosts may have it for a machine's own name.
        let message = own(&launch("127.1", 2)).unwrap_err().to_string();
        assert!(
            message.starts_with("rank 0 of 4: MASTER_ADDR=127.1, ") && message.contains("GLOO_SOCKET_IFNAME"),
            "{message}"
        );
        assert!(own(&launch("127.1", 4)).unwrap().is_loopback());
    }
}
