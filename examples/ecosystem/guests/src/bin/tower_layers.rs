//! tower's time limit, rate limit and buffer; see the README.

use std::convert::Infallible;
use std::thread;
use std::time::Duration;

use quintet::time::Instant;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

#[quintet::main(tokio)]
async fn main() -> Result<(), BoxError> {
    let loop_thread = thread::current().id();
    let work = service_fn(move |millis: u64| async move {
        assert_eq!(thread::current().id(), loop_thread);
        quintet::time::sleep(Duration::from_millis(millis)).await;
        Ok::<_, Infallible>(millis)
    });
    let period = Duration::from_millis(20);
    // The buffer runs the service in a task of tokio.
    let service = ServiceBuilder::new()
        .buffer(16)
        .rate_limit(2, period)
        .service(work);

    let begun = Instant::now();
    let calls = (0..6).map(|number| {
        let mut service = service.clone();
        quintet::spawn(async move { service.ready().await?.call(number).await })
    });
    for (number, call) in (0..6).zip(calls.collect::<Vec<_>>()) {
        assert_eq!(call.await??, number);
    }
    // Two in each period: the last ones are in the third.
    assert!(begun.elapsed() >= period * 2);
    println!("6 calls in no less than 2 periods");

    let limit = Duration::from_millis(20);
    let mut service = ServiceBuilder::new().timeout(limit).service(work);
    let slow = service.ready().await?.call(60_000).await;
    println!("a slow call: {}", slow.expect_err("it takes too long"));
    Ok(())
}
