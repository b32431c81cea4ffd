//! Sockets of clients, good and bad.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Longest that a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A socket.
pub(crate) struct Wire {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Wire {
    /// Connects; says nothing yet. `receive` is how much the machine keeps of what this client does not read.
    pub(crate) async fn connect(address: &str, token: &str, receive: Option<u32>) -> Self {
        Self::try_connect(address, token, receive).await.unwrap()
    }

    /// The same, of one whom the server may turn away.
    pub(crate) async fn try_connect(
        address: &str,
        token: &str,
        receive: Option<u32>,
    ) -> Result<Self, Error> {
        let host = address.strip_prefix("http://").unwrap();
        let tcp = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = receive {
            tcp.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = tcp.connect(host.parse().unwrap()).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{host}/api/v1/socket");
        let mut request = url.into_client_request().unwrap();
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Self { socket })
    }

    /// Connects, says hello, and hears the welcome.
    pub(crate) async fn open(address: &str, token: &str, hello: Value) -> Self {
        let mut wire = Self::connect(address, token, None).await;
        wire.say(&json!({ "hello": hello })).await;
        let frame = wire.hear().await;
        assert!(frame["welcome"].is_object(), "{frame}");
        wire
    }

    pub(crate) async fn say(&mut self, frame: &Value) {
        let text = Message::text(frame.to_string());
        self.socket.send(text).await.unwrap();
    }

    /// The next frame; pings are answered on the way.
    pub(crate) async fn hear(&mut self) -> Value {
        self.try_hear().await.expect("a frame comes")
    }

    /// The next frame, or the code of the close (0 where the connection just ended).
    pub(crate) async fn try_hear(&mut self) -> Result<Value, u16> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match next.expect("something comes in time") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(Message::Close(None)) | Err(_)) | None => return Err(0),
                Some(Ok(_)) => {}
            }
        }
    }

    /// How it ends.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.try_hear().await {
                return code;
            }
        }
    }

    /// Writes bytes past the protocol.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        // It may be closed in the middle; that is what is tested.
        let _ = self.socket.get_mut().write_all(bytes).await;
    }
}
