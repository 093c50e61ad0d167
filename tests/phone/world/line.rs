//! A line to a server that can be cut, held, slowed and robbed of its answers.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// How the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// Everything that runs over it breaks, and nothing new gets through.
    Cut,
    /// Nothing moves, and nothing breaks.
    Held,
    /// What we say arrives; what is answered is lost.
    Mute,
    /// Each piece takes this much longer.
    Slow(Duration),
}

pub struct Line {
    pub port: u16,
    trouble: watch::Sender<Trouble>,
    _serving: AbortOnDropHandle<()>,
}

impl Line {
    pub async fn to(server: String) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (trouble, seen) = watch::channel(Trouble::None);
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), seen.clone()));
            }
        });
        Line {
            port,
            trouble,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    pub fn is(&self, trouble: Trouble) {
        self.trouble.send_replace(trouble);
    }
}

async fn carry(client: TcpStream, server: String, trouble: watch::Receiver<Trouble>) {
    if *trouble.borrow() == Trouble::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let asked = pump(from_client, to_server, trouble.clone(), false);
    let answered = pump(from_server, to_client, trouble, true);
    // Whichever side ends, the other has nothing left to say.
    tokio::select! {
        () = asked => {}
        () = answered => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut trouble: watch::Receiver<Trouble>,
    are_answers: bool,
) {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let length = tokio::select! {
            read = from.read(&mut piece) => match read {
                Ok(length) if length > 0 => length,
                _ => return,
            },
            // The other end of the test is gone, or it has cut the line.
            cut = trouble.wait_for(|trouble| *trouble == Trouble::Cut) => {
                let _ = cut;
                return;
            }
        };
        let is_held = |trouble: &Trouble| *trouble == Trouble::Held;
        if trouble.wait_for(|trouble| !is_held(trouble)).await.is_err() {
            return;
        }
        let now = *trouble.borrow();
        match now {
            Trouble::Cut => return,
            Trouble::Mute if are_answers => {
                // A conversation that lacks an answer cannot go on; it breaks when the trouble does.
                let _ = trouble.wait_for(|trouble| *trouble != Trouble::Mute).await;
                return;
            }
            Trouble::Slow(by) => tokio::time::sleep(by).await,
            _ => {}
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
