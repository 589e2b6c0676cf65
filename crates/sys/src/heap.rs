//! Memory that the process holds for later.

/// Gives memory back to the system that the allocator keeps for what may be needed next (malloc_trim(3)).
/// Nothing where the allocator is another one than that of the GNU C library.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a number and no place in memory, may be called at any time from any thread, and
    // touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
