package simulation

// The machines as they are deployed, read once.
var requestMachine, reconcileMachine = func() (*machine, *machine) {
	request, reconcile, err := definitions()
	if err != nil {
		panic(err)
	}
	return request, reconcile
}()
