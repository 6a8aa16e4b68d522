//! Everything that is wrong is said at once.

#[quintet::main(workers = 0, nam = "server")]
unsafe fn main<T>(argument: T) -> T
where
    T: Copy,
{
    argument
}
