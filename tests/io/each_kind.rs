//! What holds for sources of every kind: an idle one costs nothing, a flooded one delays no other,
//! and several tasks use one.

mod flooded;
mod idle;
mod shared;
