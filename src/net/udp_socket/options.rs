//! Options of UDP sockets: broadcast, multicast, the fields of IP packets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use rustix::net::sockopt;
use socket2::SockRef;

use super::UdpSocket;

impl UdpSocket {
    /// Returns whether datagrams may be sent to broadcast addresses (`SO_BROADCAST`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.source.get().broadcast()
    }

    /// Allows or forbids datagrams to broadcast addresses (`SO_BROADCAST`). The default is false,
    /// and then sending to one fails with
    /// [`PermissionDenied`](io::ErrorKind::PermissionDenied).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.source.get().set_broadcast(on)
    }

    /// Joins an IPv4 multicast group (`IP_ADD_MEMBERSHIP`).
    ///
    /// `interface` is the address of the interface on which to join; with
    /// [`UNSPECIFIED`](Ipv4Addr::UNSPECIFIED) the OS chooses one.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call: [`InvalidInput`](io::ErrorKind::InvalidInput) if
    /// `multiaddr` is not a multicast address, [`AddrInUse`](io::ErrorKind::AddrInUse) if the
    /// socket has joined the group already, and `ENODEV` if there is no interface.
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.source.get().join_multicast_v4(&multiaddr, &interface)
    }

    /// Leaves an IPv4 multicast group (`IP_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call:
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) if the socket has not joined it.
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.source.get().leave_multicast_v4(&multiaddr, &interface)
    }

    /// Joins an IPv6 multicast group (`IPV6_JOIN_GROUP`).
    ///
    /// `interface` is the index of the interface on which to join; with 0 the OS chooses one.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, as
    /// [`join_multicast_v4`](UdpSocket::join_multicast_v4) does.
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.source.get().join_multicast_v6(multiaddr, interface)
    }

    /// Leaves an IPv6 multicast group (`IPV6_LEAVE_GROUP`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call:
    /// [`AddrNotAvailable`](io::ErrorKind::AddrNotAvailable) if the socket has not joined it.
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.source.get().leave_multicast_v6(multiaddr, interface)
    }

    /// Returns whether IPv4 multicast datagrams are also delivered on this host
    /// (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.source.get().multicast_loop_v4()
    }

    /// Sets whether IPv4 multicast datagrams are also delivered on this host (`IP_MULTICAST_LOOP`).
    /// The default is true.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.source.get().set_multicast_loop_v4(on)
    }

    /// Returns the time to live of IPv4 multicast datagrams (`IP_MULTICAST_TTL`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.source.get().multicast_ttl_v4()
    }

    /// Sets the time to live of IPv4 multicast datagrams (`IP_MULTICAST_TTL`). The default is 1:
    /// they stay in the local network.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.source.get().set_multicast_ttl_v4(ttl)
    }

    /// Returns whether IPv6 multicast datagrams are also delivered on this host
    /// (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.source.get().multicast_loop_v6()
    }

    /// Sets whether IPv6 multicast datagrams are also delivered on this host
    /// (`IPV6_MULTICAST_LOOP`). The default is true.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.source.get().set_multicast_loop_v6(on)
    }

    /// Returns how many routers an IPv6 multicast datagram may pass (`IPV6_MULTICAST_HOPS`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn multicast_hops_v6(&self) -> io::Result<u32> {
        SockRef::from(self).multicast_hops_v6()
    }

    /// Sets how many routers an IPv6 multicast datagram may pass (`IPV6_MULTICAST_HOPS`). The
    /// default is 1: they stay in the local network.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_multicast_hops_v6(&self, hops: u32) -> io::Result<()> {
        SockRef::from(self).set_multicast_hops_v6(hops)
    }

    /// Returns the time to live of sent IPv4 packets (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source.get().ttl()
    }

    /// Sets the time to live of sent IPv4 packets (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call: [`InvalidInput`](io::ErrorKind::InvalidInput) if `ttl`
    /// is not between 1 and 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source.get().set_ttl(ttl)
    }

    /// Returns the type of service of sent IPv4 packets (`IP_TOS`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn tos_v4(&self) -> io::Result<u32> {
        Ok(u32::from(sockopt::ip_tos(self)?))
    }

    /// Sets the type of service of sent IPv4 packets (`IP_TOS`). It contains the
    /// bits of DSCP and ECN.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, and [`InvalidInput`](io::ErrorKind::InvalidInput) if
    /// `tos` is not a byte.
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        let tos = u8::try_from(tos).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(sockopt::set_ip_tos(self, tos)?)
    }

    /// Returns the traffic class of sent IPv6 packets (`IPV6_TCLASS`).
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn tclass_v6(&self) -> io::Result<u32> {
        Ok(sockopt::ipv6_tclass(self)?)
    }

    /// Sets the traffic class of sent IPv6 packets (`IPV6_TCLASS`). It contains the bits
    /// of DSCP and ECN.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call.
    pub fn set_tclass_v6(&self, class: u32) -> io::Result<()> {
        Ok(sockopt::set_ipv6_tclass(self, class)?)
    }
}
