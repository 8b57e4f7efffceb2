package ingress

// NewMachine is what main makes of Step Functions' client.
func NewMachine(client StartAPI, arn string) (Machine, error) { return newMachine(client, arn) }
