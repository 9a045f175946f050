//! The stack on which scripts run, and the door between it and the engine's.

#![allow(unsafe_code)]

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::ffi::State;

/// Bytes of a script's stack: 200 nested C calls (Lua's limit) with the largest frames fit. Untouched pages cost nothing.
const STACK_BYTES: usize = 8 << 20;

/// What a script's stack tells the engine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// Carry out the command in the call's buffer.
    Call,
    /// Say whether the user may run the command in the call's buffer.
    MayCall,
    /// The share of the turn is used up.
    Pause,
    /// The job has ended.
    Done,
}

/// The way back to the engine's stack.
pub(crate) struct Door(*const Yielder<(), Out>);

impl Door {
    /// Goes to the engine's stack, and comes back when it resumes this one.
    pub(crate) fn leave(&self, message: Out) {
        // SAFETY: the yielder lives as long as the fiber's closure, on whose stack we are.
        unsafe { (*self.0).suspend(message) }
    }
}

/// A stack that carries out one job after the other.
pub(crate) struct Fiber(Coroutine<(), Out, (), DefaultStack>);

impl Fiber {
    /// A fiber on which each job is a call of `job` with the state.
    ///
    /// # Errors
    /// The operating system gives no memory for the stack.
    pub(crate) fn new(
        l: *mut State,
        job: unsafe fn(*mut State),
        set_door: impl FnOnce(Door) + 'static,
    ) -> std::io::Result<Self> {
        let stack = DefaultStack::new(STACK_BYTES)?;
        Ok(Fiber(Coroutine::with_stack(stack, move |yielder: &Yielder<(), Out>, ()| {
            set_door(Door(yielder));
            loop {
                // SAFETY: the state lives longer than its fiber, and nobody else uses it while the fiber runs.
                unsafe { job(l) };
                yielder.suspend(Out::Done);
            }
        })))
    }

    /// Runs the script until it has something to say.
    pub(crate) fn go_on(&mut self) -> Out {
        match self.0.resume(()) {
            CoroutineResult::Yield(out) => out,
            CoroutineResult::Return(()) => Out::Done,
        }
    }
}
