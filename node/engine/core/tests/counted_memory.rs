//! What the allocator counts. A process of its own: other tests allocate meanwhile.
#![cfg(not(any(miri, system_allocator)))]

use garrison_engine_core::base::alloc::{peak_memory, used_memory};

#[test]
fn allocated_and_freed_bytes_are_counted() {
    let before = used_memory();
    let block = vec![1_u8; 50_000_000];
    assert!(used_memory() >= before + 50_000_000);
    assert!(peak_memory() >= before + 50_000_000);
    drop(block);
    assert!(used_memory() < before + 10_000_000);
}
