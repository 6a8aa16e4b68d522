//! A download client; see the README.

mod fetch;

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Uri;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use quintet::select;
use quintet::sync::Semaphore;
use quintet::task::JoinSet;
use quintet_hyper_util::client;

use fetch::{Fetch, Fetched};

/// How many files are downloaded at once.
const AT_ONCE: usize = 4;

#[quintet::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let usage = "usage: download DIR URL...";
    let dir = PathBuf::from(args.next().ok_or(usage)?);
    let uris: Vec<Uri> = args.map(|arg| arg.parse()).collect::<Result<_, _>>()?;
    if uris.is_empty() {
        return Err(usage.into());
    }
    let (client, bars) = (client::<Empty<Bytes>>(), MultiProgress::new());
    let room = Rc::new(Semaphore::new(AT_ONCE));
    let mut downloads = JoinSet::new();
    for uri in uris {
        let fetch = Fetch {
            client: client.clone(),
            bar: bars.add(bar(&uri)?),
            target: target(&dir, &uri)?,
            uri,
        };
        let room = Rc::clone(&room);
        downloads.spawn(async move {
            let _room = room.acquire().await?;
            let uri = fetch.uri.clone();
            match fetch.run().await {
                Ok(fetched) => Ok((uri, fetched)),
                Err(error) => Err(format!("{uri}: {error}").into()),
            }
        });
    }
    let mut shutdown = quintet::shutdown()?;
    let mut failed: Option<Box<dyn Error>> = None;
    loop {
        let ended = select! {
            ended = downloads.join_next() => ended,
            _ = &mut shutdown => {
                // What has been received stays for the next time.
                downloads.shutdown().await;
                return Err("interrupted; run it again to go on".into());
            }
        };
        match ended {
            None => break,
            Some(Ok(Ok((uri, Fetched { len, resumed_at })))) => {
                println!("{uri}: {len} bytes, from {resumed_at}");
            }
            Some(Ok(Err(error))) => failed = Some(error),
            Some(Err(error)) => failed = Some(error.into()),
        }
    }
    failed.map_or(Ok(()), Err)
}

fn bar(uri: &Uri) -> Result<ProgressBar, Box<dyn Error>> {
    let style = "{msg:30!} {bar:30} {bytes}/{total_bytes} {eta}";
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template(style)?);
    Ok(bar.with_message(uri.path().to_owned()))
}

/// The file for a URI: the last part of its path, in the directory.
fn target(dir: &std::path::Path, uri: &Uri) -> Result<PathBuf, String> {
    match uri.path().rsplit('/').next() {
        None | Some("" | "." | "..") => Err(format!("{uri} has no name for a file")),
        Some(name) => Ok(dir.join(name)),
    }
}
