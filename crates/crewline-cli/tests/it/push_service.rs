//! A push service over TCP and the browsers at it, in this process. The receiver's half of RFC 8291 and RFC 8292 is written here
//! anew, on other libraries than the server's half.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use crewline_engine::{Clock as _, SystemClock};
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::{PublicKey, SecretKey};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::until;

/// A push as it came.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) at_ms: i64,
}

#[derive(Default)]
struct State {
    came: Vec<Came>,
    /// What each path answers, and with which further header.
    answers: BTreeMap<String, (u16, &'static str)>,
    /// Paths whose answers are held back.
    held: Vec<String>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A push service.
pub(crate) struct PushService {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl PushService {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let kept = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a browser is answered from now on.
    pub(crate) fn answer(&self, browser: &Browser, status: u16, header: &'static str) {
        let mut state = self.shared.state.lock().unwrap();
        let answer = (status, header);
        state.answers.insert(browser.path.clone(), answer);
    }

    /// Takes what comes for a browser, and answers nothing until it is let go.
    pub(crate) fn hold(&self, browser: &Browser) {
        let mut state = self.shared.state.lock().unwrap();
        state.held.push(browser.path.clone());
    }

    pub(crate) fn let_go(&self, browser: &Browser) {
        let mut state = self.shared.state.lock().unwrap();
        state.held.retain(|path| *path != browser.path);
        self.shared.changed.notify_all();
    }

    /// What came for a browser, so far.
    pub(crate) fn came(&self, browser: &Browser) -> Vec<Came> {
        let state = self.shared.state.lock().unwrap();
        let own = state.came.iter().filter(|one| one.path == browser.path);
        own.cloned().collect()
    }

    /// What came for a browser, decrypted.
    pub(crate) fn bodies(&self, browser: &Browser) -> Vec<Value> {
        let came = self.came(browser);
        came.iter().map(|one| browser.decrypt(&one.body)).collect()
    }

    /// The messages for which a browser was woken.
    pub(crate) fn messages(&self, browser: &Browser) -> Vec<String> {
        let bodies = self.bodies(browser);
        let ids = bodies.iter().filter_map(|body| body["messageId"].as_str());
        ids.map(str::to_owned).collect()
    }

    /// Waits until so many have come for a browser.
    #[track_caller]
    pub(crate) fn wait(&self, browser: &Browser, count: usize) {
        let what = format!("{count} pushes for {}", browser.path);
        until(&what, || self.came(browser).len() >= count);
    }
}

fn serve(stream: TcpStream, shared: &Shared) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(came) = read(&mut reader) {
        let mut state = shared.state.lock().unwrap();
        let path = came.path.clone();
        state.came.push(came);
        let mut state = shared
            .changed
            .wait_while(state, |state| state.held.contains(&path))
            .unwrap();
        let (status, header) = state.answers.entry(path).or_insert((201, "")).to_owned();
        drop(state);
        let answer = format!("HTTP/1.1 {status} X\r\n{header}Content-Length: 0\r\n\r\n");
        if writer.write_all(answer.as_bytes()).is_err() {
            break;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Came> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length")?.parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Came {
        path,
        headers,
        body,
        at_ms: now_ms(),
    })
}

pub(crate) fn now_ms() -> i64 {
    SystemClock.now().as_millis()
}

/// A browser that lets itself be woken.
pub(crate) struct Browser {
    pub(crate) path: String,
    secret: SecretKey,
    auth: [u8; 16],
}

impl Browser {
    /// Its number makes its key.
    pub(crate) fn new(number: u8) -> Self {
        Self {
            path: format!("/wake/{number}"),
            secret: SecretKey::from_slice(&[number; 32]).unwrap(),
            auth: [number ^ 0x5a; 16],
        }
    }

    /// What it sends to the server.
    pub(crate) fn subscription(&self, origin: &str) -> Value {
        let public = self.secret.public_key().to_encoded_point(false);
        json!({
            "endpoint": format!("{origin}{}", self.path),
            "keys": { "p256dh": BASE64.encode(public), "auth": BASE64.encode(self.auth) },
        })
    }

    /// RFC 8291, as the one who is woken does it.
    pub(crate) fn decrypt(&self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        let size = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let (key_id, sealed) = rest[5..].split_at(usize::from(rest[4]));
        assert!(sealed.len() <= size, "one record");
        let theirs = PublicKey::from_sec1_bytes(key_id).unwrap();
        let shared =
            p256::ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), theirs.as_affine());
        let public = self.secret.public_key().to_encoded_point(false);
        let info = [b"WebPush: info\0", public.as_bytes(), key_id].concat();
        let material = hkdf(&self.auth, shared.raw_secret_bytes(), &info);
        let key = hkdf(salt, &material, b"Content-Encoding: aes128gcm\0");
        let nonce = hkdf(salt, &material, b"Content-Encoding: nonce\0");
        let key = ring::aead::UnboundKey::new(&ring::aead::AES_128_GCM, &key[..16]).unwrap();
        let nonce = ring::aead::Nonce::try_assume_unique_for_key(&nonce[..12]).unwrap();
        let mut text = sealed.to_vec();
        let text = ring::aead::LessSafeKey::new(key)
            .open_in_place(nonce, ring::aead::Aad::empty(), &mut text)
            .unwrap();
        let end = text.iter().rposition(|byte| *byte != 0).unwrap();
        assert_eq!(text[end], 2, "the last record");
        serde_json::from_slice(&text[..end]).unwrap()
    }
}

/// One block of HKDF with SHA-256: nobody here needs more.
fn hkdf(salt: &[u8], from: &[u8], info: &[u8]) -> [u8; 32] {
    let mac = |key: &[u8], parts: &[&[u8]]| -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    };
    let extracted = mac(salt, &[from]);
    mac(&extracted, &[info, &[1]])
}

/// The claims of a push's token, after its signature was checked against the key that the server shows.
pub(crate) fn claims(came: &Came, public_key: &str) -> Value {
    let header = &came.headers["authorization"];
    let (token, key) = header
        .strip_prefix("vapid t=")
        .unwrap()
        .split_once(", k=")
        .unwrap();
    assert_eq!(key, public_key);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = VerifyingKey::from_sec1_bytes(&BASE64.decode(key).unwrap()).unwrap();
    let signature = Signature::from_slice(&BASE64.decode(signature).unwrap()).unwrap();
    key.verify(signed.as_bytes(), &signature).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let json = |text| serde_json::from_slice::<Value>(&BASE64.decode(text).unwrap()).unwrap();
    assert_eq!(json(header), json!({ "typ": "JWT", "alg": "ES256" }));
    json(claims)
}

#[test]
fn this_browser_reads_the_example_of_rfc_8291() {
    let secret = BASE64
        .decode("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
        .unwrap();
    let browser = Browser {
        path: String::new(),
        secret: SecretKey::from_slice(&secret).unwrap(),
        auth: BASE64
            .decode("BTBZMqHH6r4Tts7J_aSIgg")
            .unwrap()
            .try_into()
            .unwrap(),
    };
    // The text of the example is no JSON: that it comes to there says that it was decrypted.
    let body = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml\
                mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT\
                pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
    let body = BASE64.decode(body).unwrap();
    let ended = std::panic::catch_unwind(|| browser.decrypt(&body)).unwrap_err();
    let said = ended.downcast_ref::<String>().unwrap();
    assert!(said.contains("expected value"), "{said}");
}
