//! `duologue demo`: the server with people and conversations in a database that is gone afterwards.

mod scene;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use entities::ids::ConversationId;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::app::App;
use crate::chat::{Caller, Chat};
use crate::config::Config;
use crate::wire::account::Register;
use crate::wire::command::Draft;
use crate::wire::view::{SignedIn, TokenPair};
use scene::{PASSWORD, PEOPLE, SCENES, Scene};

/// Serves as `config` says, but for its database and its secret, until `told_to_end`; then removes
/// what it kept. A link for each person goes to standard output.
///
/// # Errors
/// One line for a person: why it could not be done. Nothing is left behind then either.
pub async fn run(config: Config, told_to_end: impl Future<Output = ()>) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("duologue-demo-").tempdir();
    let directory = directory.context("cannot make a temporary directory")?;
    let shown = serve(config, &directory, told_to_end).await;
    let removed = directory.close();
    shown?;
    removed.context("cannot remove the temporary directory")
}

async fn serve(
    config: Config,
    directory: &TempDir,
    told_to_end: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (listener, taken) = listen(&config.listen).await?;
    let mut app = App::start(throw_away(config, directory.path()), listener).await?;
    let shown = show(&app, taken.as_deref()).await;
    let failed = match shown {
        Ok(()) => tokio::select! {
            () = told_to_end => false,
            () = app.failed() => true,
        },
        Err(_) => false,
    };
    app.drain().await;
    anyhow::ensure!(!failed, "the server failed: see its log");
    shown
}

/// The same with a database in `directory`, and a secret that is made for it.
fn throw_away(config: Config, directory: &Path) -> Config {
    Config {
        database_url: format!("sqlite://{}", directory.join("demo.db").display()),
        jwt_secret: None,
        jwt_secret_previous: None,
        ..config
    }
}

/// Listens at `wanted`, or if that is taken, on a free port of the same host; then the port that is
/// taken comes along.
async fn listen(wanted: &str) -> anyhow::Result<(TcpListener, Option<String>)> {
    let first = TcpListener::bind(wanted).await;
    let (listener, taken) = match (first, wanted.rsplit_once(':')) {
        (Err(error), Some((host, port))) if error.kind() == io::ErrorKind::AddrInUse => {
            let free = TcpListener::bind(format!("{host}:0")).await;
            (free, Some(port.to_owned()))
        }
        (first, _) => (first, None),
    };
    let listener = listener.with_context(|| format!("cannot listen on {wanted}"))?;
    Ok((listener, taken))
}

/// Has the people come and talk, and tells who they are.
async fn show(app: &App, taken: Option<&str>) -> anyhow::Result<()> {
    let people = perform(app.chat()).await;
    let people = people.context("cannot fill the database of the demo")?;
    let (page, is_here) = page_at(app.address());
    let mut out = io::stdout().lock();
    if let Some(taken) = taken {
        let port = app.address().port();
        writeln!(out, "Port {taken} is taken: the demo is on port {port}.")?;
    }
    writeln!(
        out,
        "\nA demo, with a database that is gone when this ends (ctrl-C)."
    )?;
    if is_here {
        writeln!(
            out,
            "Each link is one person's; open two of them, each in a tab of its own, and chat:\n"
        )?;
        for SignedIn { user, tokens } in &people {
            writeln!(out, "{}\n  {}\n", user.name, link(&page, tokens))?;
        }
    }
    writeln!(
        out,
        "Sign in at {page} as one of these, with the password \"{PASSWORD}\":"
    )?;
    for (name, email) in PEOPLE {
        writeln!(out, "  {name:<6}{email}")?;
    }
    Ok(out.flush()?)
}

/// Where a browser on this machine finds the page, and whether under the name of this machine: only
/// there the page takes up links.
fn page_at(address: SocketAddr) -> (String, bool) {
    let ip = address.ip();
    let is_here = ip.is_loopback() || ip.is_unspecified();
    let page = match is_here {
        true => format!("http://localhost:{}/", address.port()),
        false => format!("http://{address}/"),
    };
    (page, is_here)
}

/// What the page takes as a person's arrival. It stands behind the `#`: that part is sent nowhere.
fn link(page: &str, tokens: &TokenPair) -> String {
    let refresh = tokens.refresh_token.as_deref().unwrap_or_default();
    format!("{page}#/enter?token={}&refresh={refresh}", tokens.token)
}

/// The people, who have registered and talked as they would by themselves.
async fn perform(chat: &Chat) -> anyhow::Result<Vec<SignedIn>> {
    let (mut people, mut callers) = (Vec::new(), Vec::new());
    for (name, email) in PEOPLE {
        let signed_in = chat.register(Register {
            name: name.to_owned(),
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            refresh: true,
        });
        let signed_in = signed_in.await?;
        callers.push(chat.authenticate(&signed_in.tokens.token).await?);
        people.push(signed_in);
    }
    let find = |name: &str| {
        let at = PEOPLE.iter().position(|(known, _)| *known == name);
        at.and_then(|at| callers.get(at)).context("nobody's line")
    };
    for Scene { between, lines } in SCENES {
        let [first, second] = [find(between[0])?, find(between[1])?];
        let (opened, _) = chat.create_conversation(first, second.id()).await?;
        for (name, says) in *lines {
            say(chat, find(name)?, opened.conversation.id, says).await?;
        }
    }
    Ok(people)
}

async fn say(chat: &Chat, by: &Caller, to: ConversationId, says: &str) -> anyhow::Result<()> {
    let draft = Draft {
        content: says.into(),
        client_message_id: None,
    };
    chat.send(by, to, draft).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn a_link_leads_where_the_server_is() {
        for (address, page) in [
            ("127.0.0.1:3000", ("http://localhost:3000/", true)),
            ("0.0.0.0:3000", ("http://localhost:3000/", true)),
            ("[::]:80", ("http://localhost:80/", true)),
            ("192.0.2.7:3000", ("http://192.0.2.7:3000/", false)),
            ("[2001:db8::7]:3000", ("http://[2001:db8::7]:3000/", false)),
        ] {
            let address = address.parse().expect("an address");
            let (found, is_here) = page_at(address);
            assert_eq!((found.as_str(), is_here), page);
        }
    }

    #[test]
    fn every_line_is_said_by_one_of_the_two() {
        for Scene { between, lines } in SCENES {
            for (name, line) in *lines {
                assert!(between.contains(name), "{line}");
            }
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_one_of_the_same_host_instead() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let holder = taken.expect("a port");
        let taken = holder.local_addr().expect("its address");
        let (listener, told) = listen(&taken.to_string()).await.expect("another port");
        let address = listener.local_addr().expect("its address");
        assert_eq!(address.ip(), IpAddr::from(Ipv4Addr::LOCALHOST));
        assert_ne!(address.port(), taken.port());
        assert_eq!(told, Some(taken.port().to_string()));
    }
}
