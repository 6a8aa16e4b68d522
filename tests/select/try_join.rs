use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use quintet::time::sleep;
use quintet::{block_on, try_join};

use super::{NotesDrop, ready};

#[test]
fn all_outputs_or_the_first_error() {
    block_on(async {
        let all = try_join!(ready(Ok::<_, String>(1)), async {
            sleep(Duration::from_millis(1)).await;
            Ok("two")
        },);
        assert_eq!(all, Ok((1, "two")));

        let error = try_join!(pending::<Result<u8, &str>>(), ready(Err::<u8, _>("no")));
        assert_eq!(error, Err("no"));

        let one = try_join!(biased; ready(Ok::<_, ()>(1)));
        assert_eq!(one, Ok((1,)));
        let none: Result<(), ()> = try_join!();
        assert_eq!(none, Ok(()));
    });
}

#[test]
fn with_biased_the_first_error_of_several_is_the_first_written() {
    block_on(async {
        for _ in 0..3 {
            let error =
                try_join!(biased; ready(Ok(())), ready(Err::<(), _>(1)), ready(Err::<(), _>(2)));
            assert_eq!(error, Err(1));
        }
    });
}

#[test]
fn after_an_error_the_other_futures_are_dropped() {
    block_on(async {
        let was_dropped = Rc::new(Cell::new(false));
        let note = NotesDrop(Rc::clone(&was_dropped));
        let result: Result<((), ()), _> = try_join!(
            async {
                let _note = note;
                pending().await
            },
            ready(Err("no")),
        );
        assert!(was_dropped.get());
        assert_eq!(result, Err("no"));
    });
}

#[test]
fn the_question_mark_works_on_the_result() {
    async fn both() -> Result<u32, std::num::ParseIntError> {
        let parse = async |text: &str| text.parse::<u32>();
        let (a, b) = try_join!(parse("1"), parse("2"))?;
        try_join!(parse("x"), parse("3"))?;
        Ok(a + b)
    }
    block_on(async { assert!(both().await.is_err()) });
}
