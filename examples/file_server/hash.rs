//! SHA-256 (FIPS 180-4), and how to compute it for a long file without being in anybody's way.

use std::fs::File;
use std::io::{self, Read};

use quintet::spawn_blocking;

/// How much one job hashes: less than a millisecond of work. Longer jobs would keep the few workers
/// from the files of others; shorter ones would spend their time on the way there and back.
const SLICE: usize = 128 * 1024;

/// Hashes a file from where it stands to its end, and returns the hash in hexadecimal digits.
///
/// It is long work, so it is done on the pool of workers; but one slice after the other, each a job
/// that waits its turn between those of others. And when this future is dropped, because the client
/// has reset the connection, no further job is begun.
pub(crate) async fn sha256(file: File) -> io::Result<String> {
    let mut work = Work {
        file,
        sha256: Sha256::new(),
        buffer: vec![0; SLICE],
        is_done: false,
    };
    while !work.is_done {
        work = spawn_blocking(|| work.go_on()).await??;
    }
    let hash = work.sha256.finish();
    Ok(hash.iter().map(|word| format!("{word:08x}")).collect())
}

/// What goes to the worker and comes back.
struct Work {
    file: File,
    sha256: Sha256,
    buffer: Vec<u8>,
    is_done: bool,
}

impl Work {
    fn go_on(mut self) -> io::Result<Self> {
        let len = self.file.read(&mut self.buffer)?;
        self.sha256.update(&self.buffer[..len]);
        self.is_done = len == 0;
        Ok(self)
    }
}

const BLOCK: usize = 64;

/// The first 32 bits of the fractional parts of the square roots of the first 8 primes.
const INITIAL: [u32; 8] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
#[rustfmt::skip]
const ROUND: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

struct Sha256 {
    state: [u32; 8],
    /// What was given since the last whole block.
    rest: Vec<u8>,
    /// How many bytes were given.
    len: u64,
}

impl Sha256 {
    fn new() -> Self {
        Sha256 {
            state: INITIAL,
            rest: Vec::with_capacity(2 * BLOCK),
            len: 0,
        }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len() as u64;
        if !self.rest.is_empty() {
            let missing = (BLOCK - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if self.rest.len() < BLOCK {
                return;
            }
            compress(&mut self.state, &self.rest);
            self.rest.clear();
        }
        let blocks = bytes.chunks_exact(BLOCK);
        self.rest.extend_from_slice(blocks.remainder());
        blocks.for_each(|block| compress(&mut self.state, block));
    }

    fn finish(mut self) -> [u32; 8] {
        // A one, zeros, and the length in bits, to whole blocks.
        let bits = (self.len * 8).to_be_bytes();
        self.rest.push(0x80);
        while self.rest.len() % BLOCK != BLOCK - bits.len() {
            self.rest.push(0);
        }
        self.rest.extend_from_slice(&bits);
        for block in self.rest.chunks_exact(BLOCK) {
            compress(&mut self.state, block);
        }
        self.state
    }
}

fn compress(state: &mut [u32; 8], block: &[u8]) {
    let mut words = [0; 64];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    for i in 16..64 {
        let (w15, w2) = (words[i - 15], words[i - 2]);
        let s0 = w15.rotate_right(7) ^ w15.rotate_right(18) ^ (w15 >> 3);
        let s1 = w2.rotate_right(17) ^ w2.rotate_right(19) ^ (w2 >> 10);
        let sum = words[i - 16].wrapping_add(s0);
        words[i] = sum.wrapping_add(words[i - 7]).wrapping_add(s1);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (word, round) in words.iter().zip(ROUND) {
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let t1 = h.wrapping_add(s1).wrapping_add(choice);
        let t1 = t1.wrapping_add(round).wrapping_add(*word);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        let t2 = s0.wrapping_add(majority);
        (h, g, f, e) = (g, f, e, d.wrapping_add(t1));
        (d, c, b, a) = (c, b, a, t1.wrapping_add(t2));
    }
    for (state, value) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *state = state.wrapping_add(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(pieces: &[&[u8]]) -> String {
        let mut sha256 = Sha256::new();
        pieces.iter().for_each(|piece| sha256.update(piece));
        let words = sha256.finish();
        words.iter().map(|word| format!("{word:08x}")).collect()
    }

    #[test]
    fn published_examples() {
        for (text, expected) in [
            (
                "",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(hash(&[text.as_bytes()]), expected, "{text}");
        }
    }

    #[test]
    fn pieces_of_any_size_make_the_same_hash() {
        let bytes: Vec<u8> = (0..=255).cycle().take(300).collect();
        let whole = hash(&[&bytes]);
        for size in 1..=130 {
            let pieces: Vec<_> = bytes.chunks(size).collect();
            assert_eq!(hash(&pieces), whole, "pieces of {size}");
        }
    }
}
