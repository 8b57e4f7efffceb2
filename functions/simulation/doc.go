// Package simulation holds the whole system to its invariants in one process and
// in virtual time: the state machines as they are deployed, interpreted with the
// semantics of AWS; the functions' own handlers and adapters; and behind them
// fakes of what they call. Everything random comes from one seed. All of it is in
// tests; see TestHistories.
package simulation
