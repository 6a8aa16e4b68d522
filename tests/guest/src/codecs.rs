//! tokio-util's codecs on streams with tokio's I/O traits. They are here because of that crate.

use futures::{SinkExt, StreamExt};
use quintet::io::duplex;
use quintet::net::{TcpListener, TcpStream};
use quintet::{block_on, spawn};
use tokio_util::bytes::Bytes;
use tokio_util::codec::{Framed, FramedRead, LengthDelimitedCodec, LinesCodec};

#[test]
fn lines_are_framed_over_a_connection() {
    async fn serve(stream: TcpStream) {
        let mut lines = Framed::new(stream, LinesCodec::new());
        while let Some(line) = lines.next().await {
            lines.send(line.unwrap().to_uppercase()).await.unwrap();
        }
    }
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (client, accepted) = quintet::join!(TcpStream::connect(addr), listener.accept());
        let (client, (server, _)) = (client.unwrap(), accepted.unwrap());
        let serving = spawn(serve(server));
        let mut lines = Framed::new(client, LinesCodec::new());
        for line in ["one", "two", "three"] {
            lines.send(line).await.unwrap();
            assert_eq!(lines.next().await.unwrap().unwrap(), line.to_uppercase());
        }
        drop(lines);
        serving.await.unwrap();
    });
}

#[test]
fn large_frames_pass_in_memory() {
    block_on(async {
        let (near, far) = duplex(1000);
        let sending = spawn(async move {
            let mut frames = Framed::new(near, LengthDelimitedCodec::new());
            for len in [0, 1, 100_000] {
                let frame = Bytes::from(vec![7; len]);
                frames.send(frame).await.unwrap();
            }
        });
        let frames = FramedRead::new(far, LengthDelimitedCodec::new());
        let lens: Vec<_> = frames.map(|frame| frame.unwrap().len()).collect().await;
        assert_eq!(lens, [0, 1, 100_000]);
        sending.await.unwrap();
    });
}
