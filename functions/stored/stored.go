// Package stored reads what the functions keep, for programs outside of them,
// and writes nothing. Errors have the codes of functions/access.
package stored

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/catalog"
	"sso-elevator/functions/adapters/findings"
	"sso-elevator/functions/adapters/table"
)

// Table is the system's table.
type Table struct{ rows *table.Table }

// NewTable returns the table of that name.
func NewTable(client table.API, name string) Table { return Table{table.New(client, name)} }

// Open returns the ids of the requests that are not closed. The list may be some
// moments behind the table.
func (t Table) Open(ctx context.Context) ([]string, error) {
	due, err := t.rows.OpenRequests(ctx)
	ids := make([]string, len(due))
	for i, d := range due {
		ids[i] = d.ID
	}
	return ids, err
}

// Request reads a request with strong consistency. NotFound: there is none.
func (t Table) Request(ctx context.Context, id string) (access.Request, error) {
	return t.rows.Get(ctx, id)
}

// Lease reads the lease of a subject with strong consistency. found is false if
// this system holds no such access.
func (t Table) Lease(ctx context.Context, s access.Subject) (l access.Lease, found bool, err error) {
	return t.rows.Lease(ctx, s.Key())
}

// Catalog is what people can ask for.
type Catalog struct {
	ReadAt time.Time // when the oldest of its lists was read
	Bytes  int64     // as it is stored

	Accounts       map[string]string // id to name
	PermissionSets map[string]string // ARN to name
	Groups         map[string]string // id to name
	// ManagementAccount is the organization's, by id; "" if it is not known.
	ManagementAccount string
}

// ReadCatalog reads the catalog from its bucket. NotFound: there is none yet.
func ReadCatalog(ctx context.Context, client catalog.S3, bucket string) (Catalog, error) {
	sized := &sizing{S3: client}
	s, _, err := catalog.Object{Client: sized, Bucket: bucket}.Get(ctx, "")
	if err != nil {
		return Catalog{}, err
	}
	c := Catalog{
		ReadAt: s.AccountsAt, Bytes: sized.bytes, ManagementAccount: s.ManagementAccount,
		Accounts:       named(s.Accounts, func(a access.Account) (string, string) { return a.ID, a.Name }),
		PermissionSets: named(s.PermissionSets, func(p access.PermissionSet) (string, string) { return p.ARN, p.Name }),
		Groups:         named(s.Groups, func(g access.Group) (string, string) { return g.ID, g.Name }),
	}
	for _, at := range []time.Time{s.PermissionSetsAt, s.GroupsAt} {
		if at.Before(c.ReadAt) {
			c.ReadAt = at
		}
	}
	return c, nil
}

func named[T any](list []T, pair func(T) (id, name string)) map[string]string {
	m := make(map[string]string, len(list))
	for _, one := range list {
		id, name := pair(one)
		m[id] = name
	}
	return m
}

// sizing notes the size of the object that was read last.
type sizing struct {
	catalog.S3
	bytes int64
}

func (s *sizing) GetObject(ctx context.Context, in *s3.GetObjectInput, options ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	out, err := s.S3.GetObject(ctx, in, options...)
	if err == nil {
		s.bytes = aws.ToInt64(out.ContentLength)
	}
	return out, err
}

// ReadFindings reads what a run of the reconciliation found, from the catalog's
// bucket. NotFound: there is no such run, or it has not collected yet.
func ReadFindings(ctx context.Context, client findings.S3, bucket, run string) ([]access.Finding, error) {
	return findings.New(client, bucket).Findings(ctx, run)
}
