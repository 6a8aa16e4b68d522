//! Urgent data, which only Linux reports.

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::pin::pin;

use quintet::io::{Interest, Ready};
use quintet::task::yield_now;
use socket2::SockRef;

use super::registered;
use crate::support::cases::{connection, deliver, watched};
use crate::support::wakers::poll;

#[test]
fn urgent_data_is_reported_to_those_that_wait_for_it() {
    watched(|| {
        quintet::block_on(async {
            for is_registered in [false, true] {
                let (own, peer) = if is_registered {
                    registered().await
                } else {
                    connection()
                };
                let mut urgent = pin!(own.ready(Interest::PRIORITY));
                assert!(poll!(urgent.as_mut()).is_pending());
                deliver(&peer, &own, b"abc");
                yield_now().await;
                assert!(poll!(urgent.as_mut()).is_pending());
                SockRef::from(&peer).send_out_of_band(b"!").unwrap();
                let ready = urgent.await.unwrap();
                assert_eq!(ready, Ready::PRIORITY);
                assert!(ready.is_priority() && Interest::PRIORITY.is_priority());

                let mut byte = [MaybeUninit::uninit()];
                let mut take = || {
                    own.try_io(Interest::PRIORITY, || {
                        SockRef::from(&own).recv_out_of_band(&mut byte)
                    })
                };
                assert_eq!(take().unwrap(), 1);
                // The kernel says that it is not there by another error.
                assert_eq!(take().unwrap_err().kind(), ErrorKind::InvalidInput);
                assert_eq!(own.read(&mut [0; 8]).await.unwrap(), 3);
            }
        });
    });
}
