package simulation

// These are the deployed machines, parsed once.
var requestMachine, reconcileMachine = func() (*machine, *machine) {
	request, reconcile, err := definitions()
	if err != nil {
		panic(err)
	}
	return request, reconcile
}()
