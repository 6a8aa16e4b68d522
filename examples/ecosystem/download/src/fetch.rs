//! One download.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{HeaderMap, Request, StatusCode, Uri, header};
use indicatif::ProgressBar;
use quintet::fs::{self, OpenOptions};
use quintet::time::timeout;
use quintet_hyper_util::Client;

/// How long the server may send nothing.
const QUIET: Duration = Duration::from_secs(30);

pub struct Fetch {
    pub client: Client<Empty<Bytes>>,
    pub uri: Uri,
    pub target: PathBuf,
    pub bar: ProgressBar,
}

/// What has been downloaded.
pub struct Fetched {
    pub len: u64,
    /// How much of it was there before.
    pub resumed_at: u64,
}

impl Fetch {
    pub async fn run(self) -> Result<Fetched, Box<dyn Error>> {
        let mut part = self.target.clone().into_os_string();
        part.push(".part");
        let have = match fs::metadata(&part).await {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error.into()),
        };
        let mut request = Request::get(&self.uri);
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let response = self.client.request(request.body(Empty::new())?);
        let response = timeout(QUIET, response).await??;
        let resumed_at = match response.status() {
            StatusCode::PARTIAL_CONTENT => have,
            StatusCode::OK => 0,
            // Nothing is left: the part is the whole.
            StatusCode::RANGE_NOT_SATISFIABLE if total(response.headers()) == Some(have) => {
                fs::rename(&part, &self.target).await?;
                return Ok(Fetched {
                    len: have,
                    resumed_at: have,
                });
            }
            status => return Err(status.to_string().into()),
        };
        let length = response.headers().get(header::CONTENT_LENGTH);
        if let Some(rest) = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok()) {
            self.bar.set_length(resumed_at + rest);
        }
        self.bar.set_position(resumed_at);

        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(resumed_at == 0);
        let file = options.open(&part).await?;
        let mut len = resumed_at;
        let mut body = response.into_body();
        while let Some(frame) = timeout(QUIET, body.frame()).await? {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            file.write_all_at(&data, len).await?;
            len += data.len() as u64;
            self.bar.set_position(len);
        }
        file.sync_all().await?;
        fs::rename(&part, &self.target).await?;
        self.bar.finish();
        Ok(Fetched { len, resumed_at })
    }
}

/// The length of the whole file, of a response to a range that it does not have.
fn total(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes */")?.parse().ok()
}
