//! The heavy work: counting primes.

use quintet::blocking;

/// How many primes there are below the number that `input` is.
///
/// # Errors
///
/// Returns the reason, if `input` is no number, or the job is cancelled.
pub fn primes_below(input: &str) -> Result<u32, String> {
    let end: u32 = input
        .parse()
        .map_err(|error| format!("{input:?}: {error}"))?;
    let mut count = 0;
    for number in 2..end {
        if number % 1024 == 0 && blocking::is_cancelled() {
            return Err("it was cancelled".to_owned());
        }
        count += u32::from(is_prime(number));
    }
    Ok(count)
}

fn is_prime(number: u32) -> bool {
    let divisors = 2..;
    divisors
        .take_while(|divisor| divisor * divisor <= number)
        .all(|divisor| !number.is_multiple_of(divisor))
}
