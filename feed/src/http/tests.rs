//! How long a client may be silent or slow. The clock of these tests stands still and jumps to the
//! next thing that waits for it.

use std::{fs, path::PathBuf, process};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    task::JoinHandle,
};

use super::*;

/// A service with one list, and the folder of its store.
struct Running {
    folder: PathBuf,
    service: Arc<Service>,
    stop: watch::Sender<bool>,
}

/// A client, and what ends when its connection does.
struct Client {
    stream: DuplexStream,
    connection: JoinHandle<()>,
    places: Arc<Semaphore>,
}

impl Running {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("passgate-feed-{name}-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "
listen: 127.0.0.1:0
admin: {{ listen: 127.0.0.1:0 }}
store: {}
readers: anybody
providers:
  acme:
    issuer: https://id.example.com
    remote_jwks: {{ uri: 'http://127.0.0.1:9/keys' }}
    max_token_lifetime: 1h
    security_events: {{ audiences: [feed] }}
",
            folder.join("feed.db").display()
        );
        let config = Arc::new(Config::parse(&text).unwrap());
        let metrics = Arc::new(Metrics::default());
        let (store, _) = Store::open(&config, &metrics).unwrap();
        let judge = Judge::start(&config, &metrics).unwrap();
        let service = Arc::new(Service {
            bodies: Bodies::of(config.providers.len()),
            config,
            metrics,
            store,
            judge,
            refusals: log::Refusals::default(),
        });
        let (stop, _) = watch::channel(false);
        Self {
            folder,
            service,
            stop,
        }
    }

    /// A connection whose two ends hold so many bytes on their way.
    fn connect(&self, bytes: usize) -> Client {
        let (stream, other) = duplex(bytes);
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).try_acquire_owned().unwrap();
        let service = Arc::clone(&self.service);
        let stopped = self.stop.subscribe();
        let entrance = Entrance {
            side: Side::Public,
            tls: None,
            service,
        };
        let connection = async move {
            entrance.serve(other, Peer::default(), None, stopped).await;
            drop(place);
        };
        Client {
            stream,
            connection: tokio::spawn(connection),
            places,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

const ASK: &[u8] = b"GET /acme/revocations HTTP/1.1\r\nhost: feed\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_client_that_is_silent_within_a_head_or_after_an_answer_has_gone() {
    let running = Running::start("silent");
    let half = &[ASK, &ASK[..10]].concat()[..];
    for (said, answered, longest) in [
        (&ASK[..10], false, FIRST),
        (b"", false, FIRST),
        (ASK, true, SILENCE),
        (half, true, SILENCE),
    ] {
        let mut client = running.connect(1 << 20);
        client.stream.write_all(said).await.unwrap();
        let began = Instant::now();
        let mut heard = Vec::new();
        let end = client.stream.read_to_end(&mut heard);
        let end = tokio::time::timeout(10 * SILENCE, end).await;
        end.unwrap().unwrap();
        client.connection.await.unwrap();
        assert_eq!(heard.starts_with(b"HTTP/1.1 200"), answered);
        let took = began.elapsed();
        assert!(
            (longest..longest + Duration::from_secs(1)).contains(&took),
            "{took:?}"
        );
        assert_eq!(client.places.available_permits(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let running = Running::start("stuck");
    let mut client = running.connect(64);
    client.stream.write_all(ASK).await.unwrap();
    let began = Instant::now();
    let end = tokio::time::timeout(10 * READING, client.connection).await;
    end.unwrap().unwrap();
    let took = began.elapsed();
    assert!(
        (READING..READING + Duration::from_secs(1)).contains(&took),
        "{took:?}"
    );
    assert_eq!(client.places.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_a_byte_now_and_then_is_cut_off_too() {
    let running = Running::start("slow");
    let mut client = running.connect(64);
    client.stream.write_all(ASK).await.unwrap();
    let began = Instant::now();
    while !client.connection.is_finished() && began.elapsed() < 10 * READING {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let _ = client.stream.read_u8().await;
    }
    let took = began.elapsed();
    assert!(took <= READING + Duration::from_secs(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_refused() {
    let running = Running::start("body");
    let mut client = running.connect(1 << 20);
    let head = b"POST /acme/events HTTP/1.1\r\nhost: feed\r\ncontent-type: application/secevent+jwt\r\ncontent-length: 9\r\n\r\nabc";
    client.stream.write_all(head).await.unwrap();
    let mut heard = Vec::new();
    let end = client.stream.read_to_end(&mut heard);
    let end = tokio::time::timeout(10 * SILENCE, end).await;
    end.unwrap().unwrap();
    let heard = String::from_utf8(heard).unwrap();
    assert!(heard.starts_with("HTTP/1.1 408 "), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn many_large_bodies_are_not_held_at_once_and_small_ones_need_not_wait() {
    let running = Running::start("bodies");
    let head = |length: &str| {
        format!(
            "POST /acme/events HTTP/1.1\r\nhost: feed\r\ncontent-type: application/secevent+jwt\r\n{length}\r\n\r\n"
        )
    };
    let large = [
        head("content-length: 60000"),
        head("transfer-encoding: chunked"),
    ];
    let mut held = Vec::new();
    for number in 0..512 {
        let mut client = running.connect(1 << 20);
        let head = large[number % 2].as_bytes();
        client.stream.write_all(head).await.unwrap();
        held.push(client);
    }
    // Time goes on only when all of them wait for their bodies.
    tokio::time::sleep(Duration::from_secs(1)).await;
    // A body that is not text is not judged, which would let the clock jump.
    let small = head("content-length: 1").into_bytes();
    let small = [&small[..], b"\xff"].concat();
    for (request, status) in [(&small[..], "400"), (large[0].as_bytes(), "503")] {
        let mut client = running.connect(1 << 20);
        client.stream.write_all(request).await.unwrap();
        let mut heard = [0; 12];
        client.stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(
            String::from_utf8_lossy(&heard),
            format!("HTTP/1.1 {status}")
        );
    }
    // Those who do not send give their places back.
    drop(held);
    let mut client = running.connect(1 << 20);
    let token = "x".repeat(60_000);
    let request = format!("{}{token}", large[0]);
    client.stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = [0; 12];
    client.stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"HTTP/1.1 400");
}
