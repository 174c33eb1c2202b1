//! Asking a server how it is, as whoever watches it does: `duologue health`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hyper::StatusCode;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// How long a server may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the server that listens on `listen` is ready (contract, "The process").
///
/// # Errors
/// One line for a person: what it said instead, or why it cannot be asked.
pub async fn probe(listen: &str) -> Result<(), String> {
    let asked = timeout(PATIENCE, ask(listen)).await;
    let told =
        asked.unwrap_or_else(|_| Err(format!("no answer in {} s", PATIENCE.as_secs()).into()));
    match told {
        Ok(StatusCode::OK) => Ok(()),
        Ok(status) => Err(format!("the server on {listen} is not ready: {status}")),
        Err(error) => Err(format!("the server on {listen} cannot be asked: {error}")),
    }
}

async fn ask(listen: &str) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let addresses: Vec<_> = lookup_host(listen).await?.map(reachable).collect();
    let stream = TcpStream::connect(addresses.as_slice()).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = hyper::Request::get("/health/ready").header(HOST, listen);
    let answer = sender.send_request(request.body(String::new())?);
    let answered = async {
        tokio::select! {
            // The answer may end the connection: what came of it is asked first.
            biased;
            answer = answer => answer,
            Err(error) = connection => Err(error),
        }
    };
    Ok(answered.await?.status())
}

/// Where whoever listens on `address` is found: one who listens everywhere, here.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_found_here() {
        for (listening, found) in [
            ("0.0.0.0:3000", "127.0.0.1:3000"),
            ("[::]:3000", "[::1]:3000"),
            ("192.0.2.7:80", "192.0.2.7:80"),
            ("[2001:db8::7]:80", "[2001:db8::7]:80"),
        ] {
            let listening = listening.parse().expect("an address");
            assert_eq!(reachable(listening).to_string(), found);
        }
    }
}
