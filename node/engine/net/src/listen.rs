//! Listening sockets: addresses of `bind`, and a Unix socket.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;

use garrison_engine_core::settings::Settings;
use socket2::{Domain, Protocol, Type};

use crate::connection::Socket;

/// Why the node cannot listen.
#[derive(Debug)]
pub struct ListenError {
    /// The address, as configured.
    pub address: String,
    /// What the system says.
    pub error: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match self.error.kind() {
            io::ErrorKind::AddrInUse => "; another process listens there: stop it, or choose another port",
            io::ErrorKind::AddrNotAvailable => "; no interface has this address: correct 'bind'",
            io::ErrorKind::PermissionDenied => "; choose a port above 1023, or give the right to bind it",
            _ => "",
        };
        write!(f, "cannot listen on {}: {}{advice}", self.address, self.error)
    }
}

impl std::error::Error for ListenError {}

/// A listening socket.
pub enum Listener {
    /// TCP.
    Tcp(mio::net::TcpListener),
    /// A Unix socket.
    Unix(mio::net::UnixListener),
}

/// Opens all listening sockets that the settings name.
pub fn open(settings: &Settings) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::new();
    if settings.port > 0 {
        for word in settings.bind.split_ascii_whitespace() {
            let (optional, name) = word.strip_prefix('-').map_or((false, word), |name| (true, name));
            match open_tcp(name, settings) {
                Ok(listener) => listeners.push(Listener::Tcp(listener)),
                Err(error) if optional && is_missing_address(&error) => {}
                Err(error) => {
                    return Err(ListenError { address: format!("{name}:{}", settings.port), error })
                }
            }
        }
    }
    if !settings.unixsocket.is_empty() {
        let opened = open_unix(settings)
            .map_err(|error| ListenError { address: settings.unixsocket.clone(), error })?;
        listeners.push(Listener::Unix(opened));
    }
    Ok(listeners)
}

fn is_missing_address(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        error.raw_os_error().map(Errno::from_raw_os_error),
        Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT | Errno::NODEV | Errno::PROTONOSUPPORT)
    )
}

fn open_tcp(name: &str, settings: &Settings) -> io::Result<mio::net::TcpListener> {
    let ip: IpAddr = match name {
        "*" => Ipv4Addr::UNSPECIFIED.into(),
        "::*" => Ipv6Addr::UNSPECIFIED.into(),
        "localhost" => Ipv4Addr::LOCALHOST.into(),
        other => other.parse().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, "'bind' takes IP addresses, '*' and '::*'")
        })?,
    };
    let address = SocketAddr::new(ip, settings.port);
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if ip.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(settings.tcp_backlog).unwrap_or(i32::MAX))?;
    Ok(mio::net::TcpListener::from_std(socket.into()))
}

fn open_unix(settings: &Settings) -> io::Result<mio::net::UnixListener> {
    let path = &settings.unixsocket;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = mio::net::UnixListener::bind(path)?;
    match u32::from_str_radix(&settings.unixsocketperm, 8) {
        Ok(0) | Err(_) => {}
        Ok(mode) => std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?,
    }
    Ok(listener)
}

/// The peer's address, our address, and whether the peer is on this machine.
pub fn describe(socket: &Socket) -> (Box<str>, Box<str>, bool) {
    match socket {
        Socket::Tcp(stream) => {
            let peer = stream.peer_addr().ok();
            let local = peer.is_none_or(|peer| peer.ip().to_canonical().is_loopback());
            let text = |address: Option<SocketAddr>| address.map_or("?:0".into(), |a| a.to_string());
            (text(peer).into(), text(stream.local_addr().ok()).into(), local)
        }
        Socket::Unix(stream) => {
            let path = stream
                .local_addr()
                .ok()
                .and_then(|address| address.as_pathname().map(|path| path.display().to_string()));
            let name = format!("{}:0", path.unwrap_or_else(|| "/unixsocket".into()));
            (name.clone().into(), name.into(), true)
        }
    }
}

/// Sets the options of an accepted socket; one that fails is no reason to refuse a client.
pub fn tune(socket: &Socket, settings: &Settings) {
    let Socket::Tcp(stream) = socket else { return };
    let _ = stream.set_nodelay(true);
    if settings.tcp_keepalive > 0 {
        let interval = std::time::Duration::from_secs(settings.tcp_keepalive);
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(interval)
            .with_interval((interval / 3).max(std::time::Duration::from_secs(1)))
            .with_retries(3);
        let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive);
    }
}

/// The descriptor's number, for CLIENT LIST.
pub fn descriptor(socket: &Socket) -> i32 {
    match socket {
        Socket::Tcp(stream) => stream.as_raw_fd(),
        Socket::Unix(stream) => stream.as_raw_fd(),
    }
}

/// The peer's address, of a TCP connection.
pub fn peer_ip(socket: &Socket) -> Option<IpAddr> {
    match socket {
        Socket::Tcp(stream) => stream.peer_addr().ok().map(|address| address.ip()),
        Socket::Unix(_) => None,
    }
}
