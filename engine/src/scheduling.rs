//! The rules, as pure functions: values in, decision out. No clock, no I/O, no actors.
