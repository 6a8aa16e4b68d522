//! What a loop runs for its user, in eight bits.

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserCode(u8);

/// By their codes.
const NAMES: [&str; 12] = [
    "a poll",
    "the destructor of a task's future",
    "the destructor of a task's output",
    "the destructor of a context variable's value",
    "the destructor of a waker",
    "a waker of another executor",
    "a message of another thread",
    "a blocking job, which runs on the loop because of the seed",
    "an `on_thread_park` function",
    "an `on_thread_unpark` function",
    "a `before_exit` hook",
    "a destructor",
];

impl UserCode {
    pub(crate) const POLL: UserCode = UserCode(0);
    /// The destructor of a task's future.
    pub(crate) const FUTURE: UserCode = UserCode(1);
    pub(crate) const WAKER: UserCode = UserCode(5);
    pub(crate) const MESSAGE: UserCode = UserCode(6);
    pub(crate) const JOB: UserCode = UserCode(7);
    pub(crate) const ON_PARK: UserCode = UserCode(8);
    pub(crate) const ON_UNPARK: UserCode = UserCode(9);
    pub(crate) const BEFORE_EXIT: UserCode = UserCode(10);
    const DESTRUCTOR: UserCode = UserCode(11);

    pub(super) fn from_bits(bits: u8) -> Self {
        UserCode(bits)
    }

    pub(super) fn to_bits(self) -> u8 {
        self.0
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).unwrap_or(&NAMES[11])
    }
}

/// The code of a name, or that of any destructor.
impl From<&'static str> for UserCode {
    fn from(name: &'static str) -> Self {
        let code = NAMES.iter().position(|known| *known == name);
        code.map_or(UserCode::DESTRUCTOR, |code| UserCode(code as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_agree() {
        for (code, name) in NAMES.iter().enumerate() {
            assert_eq!(UserCode::from(*name).to_bits(), code as u8);
            assert_eq!(UserCode::from_bits(code as u8).name(), *name);
        }
        for (code, name) in [
            (UserCode::POLL, "a poll"),
            (UserCode::FUTURE, "the destructor of a task's future"),
            (UserCode::WAKER, "a waker of another executor"),
            (UserCode::MESSAGE, "a message of another thread"),
            (UserCode::BEFORE_EXIT, "a `before_exit` hook"),
            (
                UserCode::from("the destructor of something else"),
                "a destructor",
            ),
        ] {
            assert_eq!(code.name(), name);
        }
    }
}
