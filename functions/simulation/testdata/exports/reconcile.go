package reconcile

// NewExecutions is what main makes of Step Functions' client.
func NewExecutions(client StepFunctionsAPI, requests, reconcile string) Executions {
	return &machines{client: client, requests: requests, reconcile: reconcile}
}
