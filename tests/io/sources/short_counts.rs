//! A count that is smaller than it could be says that there is no more, unless something else has
//! cut the call short.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::thread;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use quintet::time::sleep;
use socket2::SockRef;

use super::registered;
use crate::support::cases::{deliver, watched};

/// More slices than the kernel takes in one call.
const SLICES: usize = 3000;

fn slices(memory: &mut [u8]) -> Vec<IoSliceMut<'_>> {
    memory.chunks_mut(1).map(IoSliceMut::new).collect()
}

/// Reads all that was sent, giving each call as many slices as there are bytes left.
macro_rules! read_all {
    (|$slices:ident| $read:expr) => {
        let mut memory = vec![0; SLICES];
        let mut filled = 0;
        while filled < SLICES {
            let $slices = &mut slices(&mut memory[filled..]);
            filled += $read.await.unwrap();
        }
        assert!(memory.iter().all(|byte| *byte == 7));
    };
}

#[test]
fn more_slices_than_a_call_takes_are_read_to_the_end() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = registered().await;
            peer.write_all(&[7; SLICES]).unwrap();
            read_all!(|slices| own.read_vectored(slices));

            peer.write_all(&[7; SLICES]).unwrap();
            let mut by_trait = &own;
            read_all!(|slices| AsyncReadExt::read_vectored(&mut by_trait, slices));

            peer.write_all(&[7; SLICES]).unwrap();
            let (mut half, _write) = own.into_split();
            read_all!(|slices| half.read_vectored(slices));
        });
    });
}

/// Writes so many bytes, each in a slice of its own.
macro_rules! write_all {
    (|$slices:ident| $write:expr) => {
        let mut left = SLICES;
        while left > 0 {
            let $slices = &vec![IoSlice::new(b"x"); left];
            left -= $write.await.unwrap();
        }
    };
}

#[test]
fn more_slices_than_a_call_takes_are_written_to_the_end() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = registered().await;
            write_all!(|slices| own.write_vectored(slices));
            let mut by_trait = &own;
            write_all!(|slices| AsyncWriteExt::write_vectored(&mut by_trait, slices));
            let (_read, mut half) = own.into_split();
            write_all!(|slices| half.write_vectored(slices));
            peer.read_exact(&mut [0; 3 * SLICES]).unwrap();
        });
    });
}

#[test]
fn many_empty_slices_in_front_do_not_keep_others_from_a_call() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = registered().await;
            let mut by_trait = &own;
            let mut slices = vec![IoSlice::new(b""); SLICES];
            slices.push(IoSlice::new(b"word"));
            assert_eq!(own.write_vectored(&slices).await.unwrap(), 4);
            let written = AsyncWriteExt::write_vectored(&mut by_trait, &slices);
            assert_eq!(written.await.unwrap(), 4);
            peer.read_exact(&mut [0; 8]).unwrap();

            for is_by_trait in [false, true] {
                peer.write_all(b"word").unwrap();
                let mut word = [0; 4];
                let mut slices: Vec<_> = (0..SLICES).map(|_| IoSliceMut::new(&mut [])).collect();
                slices.push(IoSliceMut::new(&mut word));
                let read = if is_by_trait {
                    AsyncReadExt::read_vectored(&mut by_trait, &mut slices).await
                } else {
                    own.read_vectored(&mut slices).await
                };
                assert_eq!(read.unwrap(), 4);
                assert_eq!(word, *b"word");
            }
        });
    });
}

/// Sends "abc", an urgent byte and "def", which a reader that waits for them finds all at once.
fn urgent_byte_amid(is_inline: bool) -> Vec<u8> {
    let length = if is_inline { 7 } else { 6 };
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = registered().await;
            SockRef::from(&own)
                .set_out_of_band_inline(is_inline)
                .unwrap();
            let reader = quintet::spawn(async move {
                let mut all = vec![0; length];
                own.read_exact(&mut all).await.unwrap();
                all
            });
            quintet::task::yield_now().await;
            peer.write_all(b"abc").unwrap();
            SockRef::from(&peer).send_out_of_band(b"!").unwrap();
            peer.write_all(b"def").unwrap();
            reader.await.unwrap()
        })
    })
}

#[test]
fn what_comes_behind_an_urgent_byte_is_read() {
    assert_eq!(urgent_byte_amid(false), b"abcdef");
}

#[test]
fn an_urgent_byte_in_line_is_read_with_the_rest() {
    assert_eq!(urgent_byte_amid(true), b"abc!def");
}

#[test]
fn an_urgent_byte_before_the_first_wait_is_no_obstacle() {
    watched(|| {
        quintet::block_on(async {
            let (own, mut peer) = crate::support::cases::connection();
            SockRef::from(&peer).send_out_of_band(b"!").unwrap();
            let other = thread::spawn(move || {
                // The other end has begun to wait, or is about to: both are to end well.
                thread::sleep(Duration::from_millis(1));
                peer.write_all(b"abcdef").unwrap();
                peer
            });
            let mut all = [0; 6];
            own.read_exact(&mut all).await.unwrap();
            assert_eq!(&all, b"abcdef");
            drop(other.join());
        });
    });
}

#[test]
fn a_silent_connection_that_had_urgent_data_is_left_alone() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = registered().await;
            SockRef::from(&peer).send_out_of_band(b"!").unwrap();
            deliver(&peer, &own, b"abc");
            let mut buf = [0; 16];
            assert_eq!(own.read(&mut buf).await.unwrap(), 3);
            let polls = std::cell::Cell::new(0);
            let mut read = std::pin::pin!(own.read(&mut buf));
            let counted = std::future::poll_fn(|cx| {
                polls.set(polls.get() + 1);
                read.as_mut().poll(cx)
            });
            let mut counted = std::pin::pin!(counted);
            let waits = futures::future::select(
                counted.as_mut(),
                Box::pin(sleep(Duration::from_millis(5))),
            );
            drop(waits.await);
            assert!(polls.get() <= 3, "{} polls in silence", polls.get());
        });
    });
}
