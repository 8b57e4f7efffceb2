package reconcile

// NewExecutions is what main makes of Step Functions' client.
func NewExecutions(client StepFunctionsAPI, requests, reconcile string) Executions {
	return &machines{client: client, requests: requests, reconcile: reconcile}
}

// NewRemover is what main makes of Lambda's client.
func NewRemover(client LambdaAPI, revoke string) Remover { return removerFunction{client, revoke} }

var RemoveOf = removeOf
