//! A receiver over TCP: it tells the test what came, and answers what the test says.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufStream,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A post as it came.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Post {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn seq(&self) -> u64 {
        self.json()["seq"].as_u64().unwrap()
    }

    /// The text of the message that it tells of.
    pub(crate) fn text(&self) -> String {
        self.json()["data"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// This status, and these lines of header.
    Status(u16, &'static str),
    /// This status and this text.
    Text(u16, String),
    /// Nothing, ever.
    Silence,
    /// A status, and a body that never ends.
    Endless(u16),
    /// A status, the beginning of a body, and nothing more.
    Half(u16),
    /// The connection is closed without an answer.
    Close,
}

pub(crate) const TAKEN: Reply = Reply::Status(204, "");

type Script = Arc<dyn Fn(&Post) -> Reply + Send + Sync>;

/// A receiver; it ends with the test.
pub(crate) struct Receiver {
    pub(crate) url: String,
    posts: mpsc::Receiver<Post>,
    _task: Ends,
}

pub(crate) struct Ends(pub(crate) JoinHandle<()>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Receiver {
    pub(crate) async fn start(script: impl Fn(&Post) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, posts) = mpsc::channel(10_000);
        let script: Script = Arc::new(script);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&script), sender.clone()));
            }
        });
        Self {
            url,
            posts,
            _task: Ends(task),
        }
    }

    /// One that takes everything.
    pub(crate) async fn good() -> Self {
        Self::start(|_| TAKEN).await
    }

    /// The next post, whatever became of it.
    pub(crate) async fn next(&mut self) -> Post {
        self.posts.recv().await.unwrap()
    }

    /// The texts of the next posts.
    pub(crate) async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            texts.push(self.next().await.text());
        }
        texts
    }

    /// What has come and was not asked for yet.
    pub(crate) fn waiting(&mut self) -> Vec<Post> {
        std::iter::from_fn(|| self.posts.try_recv().ok()).collect()
    }
}

/// Answers on one connection until it is closed.
pub(crate) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    script: Script,
    posts: mpsc::Sender<Post>,
) {
    let mut stream = BufStream::new(stream);
    while let Some(post) = read(&mut stream).await {
        let reply = script(&post);
        let _ = posts.send(post).await;
        if answer(&mut stream, &reply).await.is_none() {
            return;
        }
    }
}

async fn read(stream: &mut BufStream<impl AsyncRead + AsyncWrite + Unpin>) -> Option<Post> {
    let mut line = String::new();
    stream
        .read_line(&mut line)
        .await
        .ok()
        .filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length: usize = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).ok()?;
    Some(Post {
        path,
        headers,
        body,
    })
}

async fn answer(
    stream: &mut BufStream<impl AsyncRead + AsyncWrite + Unpin>,
    reply: &Reply,
) -> Option<()> {
    let (head, text) = match reply {
        Reply::Status(status, lines) => (format!("HTTP/1.1 {status} X\r\n{lines}"), String::new()),
        Reply::Text(status, text) => (format!("HTTP/1.1 {status} X\r\n"), text.clone()),
        Reply::Silence => return std::future::pending().await,
        Reply::Close => return None,
        Reply::Half(status) => {
            let half = format!("HTTP/1.1 {status} X\r\nContent-Length: 10\r\n\r\nhalf");
            stream.write_all(half.as_bytes()).await.ok()?;
            stream.flush().await.ok()?;
            return std::future::pending().await;
        }
        Reply::Endless(status) => {
            let head = format!("HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok()?;
            loop {
                let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
                stream.write_all(chunk.as_bytes()).await.ok()?;
                stream.flush().await.ok()?;
            }
        }
    };
    let length = if text.is_empty() && head.contains(" 204 ") {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", text.len())
    };
    stream
        .write_all(format!("{head}{length}\r\n{text}").as_bytes())
        .await
        .ok()?;
    stream.flush().await.ok()
}
