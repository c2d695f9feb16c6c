//! Which of this machine's addresses the others are to use.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use super::Launch;
use crate::error::{Error, Result};

/// The address of the interface that leads to `MASTER_ADDR`; the loopback one where all processes are on this machine.
pub(super) fn own(launch: &Launch) -> Result<IpAddr> {
    if launch.is_single_node() {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let masters = masters(launch)?;
    let from = |master: &SocketAddr| -> std::io::Result<IpAddr> {
        let any = if master.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(master)?; // sends nothing: the system chooses the route
        Ok(socket.local_addr()?.ip())
    };
    let own = masters.iter().find_map(|master| from(master).ok()).ok_or_else(|| {
        error(launch, "there is no route to it; see whether the network is up (ip route get MASTER_ADDR)")
    })?;
    if own.is_loopback() && launch.interface.is_none() && !names_loopback(&launch.master_addr) {
        let advice = "here that is this machine's loopback address, which the other machines cannot reach (a line in /etc/hosts?): \
                      give --master-addr as a number, or name the network interface in GLOO_SOCKET_IFNAME";
        return Err(error(launch, advice));
    }
    Ok(own)
}

/// Whether a user who writes this means this machine.
fn names_loopback(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The socket at which the store listens: at `MASTER_ADDR` alone, not on every interface.
pub(super) fn listen(launch: &Launch) -> Result<TcpListener> {
    TcpListener::bind(&masters(launch)?[..]).map_err(|reason| {
        let advice =
            "rank 0 holds the store there: MASTER_ADDR must be an address of its machine, and MASTER_PORT free";
        error(launch, &format!("{reason}; {advice}"))
    })
}

/// Waits until the store takes connections; what is then left of `timeout`.
///
/// The store's own client would do so too, for up to twice its timeout.
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
    let advice = "rank 0's machine or torchrun's holds it there: is it running, and may this machine reach it?";
    Err(error(launch, &format!("no store for {timeout:?} (the timeout): {reason}; {advice}")))
}

fn masters(launch: &Launch) -> Result<Vec<SocketAddr>> {
    let found = (launch.master_addr.as_str(), launch.master_port).to_socket_addrs();
    let mut found: Vec<_> = found.map_err(|reason| error(launch, &format!("{reason}")))?.collect();
    found.sort_by_key(SocketAddr::is_ipv6); // as c10d tries them
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
    fn a_name_that_leads_no_further_than_this_machine_is_refused_where_there_are_others() {
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
        // A number may mean this machine, as in tests with several groups of processes on one.
        assert!(own(&launch("127.0.0.1", 2)).unwrap().is_loopback());
        assert!(own(&launch("localhost", 2)).unwrap().is_loopback());
        // 127.0.0.1 in another spelling, as /etc/hosts may have it under a machine's own name.
        let message = own(&launch("127.1", 2)).unwrap_err().to_string();
        assert!(
            message.starts_with("rank 0 of 4: MASTER_ADDR=127.1, ") && message.contains("GLOO_SOCKET_IFNAME"),
            "{message}"
        );
        assert!(own(&launch("127.1", 4)).unwrap().is_loopback());
    }
}
