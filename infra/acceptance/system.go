package acceptance

import (
	"context"
	"time"

	"sso-elevator/functions/access"
	"sso-elevator/functions/access/auditrecord"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/infra/deployed"
)

// System is the deployed system. Connect returns the one on AWS.
type System interface {
	// Stack reads the stack from CloudFormation. The other methods use the
	// resources that it finds.
	Stack(context.Context) (Stack, error)
	Functions(context.Context) ([]deployed.Function, error)
	Table
	Directory
	Machines
	Storage
}

// Table is the system's table.
type Table interface {
	Open(context.Context) (ids []string, err error)
	Request(ctx context.Context, id string) (access.Request, error)
	Lease(context.Context, access.Subject) (l access.Lease, found bool, err error)
}

// Directory is Identity Center.
type Directory interface {
	// User returns the id of the user with exactly this email.
	User(ctx context.Context, email string) (id string, err error)
	// Emails returns a user's emails as Identity Center has them.
	Emails(ctx context.Context, id string) ([]string, error)
	Assigned(context.Context, access.Subject) (bool, error)
	// Assign and Unassign return when Identity Center has finished.
	Assign(context.Context, access.Subject) error
	Unassign(context.Context, access.Subject) error
}

// Machines are the state machines.
type Machines interface {
	Machines(context.Context) (problems []string, n int, err error)
	Status(ctx context.Context, execution string) (Status, error)
	Stop(ctx context.Context, execution string) error
	History(ctx context.Context, execution string) (History, error)
	// StartWarn starts a run of the reconciliation that removes nothing.
	StartWarn(ctx context.Context, name string) (execution string, err error)
}

// Storage is the two buckets.
type Storage interface {
	Catalog(context.Context) (catalog.Names, error)
	Findings(ctx context.Context, run string) ([]access.Finding, error)
	// AuditPrefix is the prefix of the audit records in their bucket.
	AuditPrefix() string
	// Records reads all audit records whose keys begin with prefix, ordered by key.
	Records(ctx context.Context, prefix string) ([]Record, error)
}

// Stack is CloudFormation's description of the stack.
type Stack struct {
	Status    string
	Changed   time.Time // last created or updated
	Resources []Resource
}

// Resource is one resource of the stack.
type Resource struct{ LogicalID, Type, PhysicalID, Status string }

// Status is the status of an execution.
type Status struct{ State, Error, Cause string }

// The states of an execution, as Step Functions writes them.
const (
	running   = "RUNNING"
	succeeded = "SUCCEEDED"
	aborted   = "ABORTED"
)

// History is the size of an execution.
type History struct {
	Events  int
	Largest int // bytes of the largest input or output
}

// Record is an audit record in the bucket.
type Record struct {
	Key   string
	Bytes int
	auditrecord.Record
}
