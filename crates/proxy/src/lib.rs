//! x
mod buffer;
mod io;
mod timer;
