// Package simulation plays random histories of the whole system in one process,
// in virtual time, and checks its invariants. An interpreter with AWS's semantics
// runs the deployed state machines. They call the functions' real handlers and
// adapters, which call fakes of the services. All randomness comes from one seed.
// Everything is in tests; see TestHistories.
package simulation
