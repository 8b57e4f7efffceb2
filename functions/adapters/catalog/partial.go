package catalog

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sso-elevator/functions/access"
	"sso-elevator/functions/adapters/host"
)

// Partial is what the first refresh of a new deployment has listed so far. Forms offer it
// until there is a snapshot. An entry in it exists; a missing one may exist, too. So it
// answers nothing that depends on a whole list: no other function reads it.
type Partial struct {
	At time.Time `json:"at"` // when it was written

	ManagementAccount string `json:"management_account,omitempty"` // "" if it was not listed yet

	Accounts       []access.Account       `json:"accounts"`
	PermissionSets []access.PermissionSet `json:"permission_sets"`
	Groups         []access.Group         `json:"groups"`
	// HasAll… is true if the list is whole.
	HasAllAccounts       bool `json:"has_all_accounts"`
	HasAllPermissionSets bool `json:"has_all_permission_sets"`
	HasAllGroups         bool `json:"has_all_groups"`
}

// PartialKey is the key of the partial lists in the bucket. A snapshot has another one, so
// that nothing takes them for a snapshot.
const PartialKey = "catalog-loading.json.gz"

// KeyPattern matches Key and PartialKey, and nothing else that the bucket has. One pattern
// keeps the policy of the function that writes both short.
const KeyPattern = "catalog*.json.gz"

const (
	// publishEvery is the time between two writes of the partial lists.
	publishEvery = 5 * time.Second
	// publishTimeout bounds a write, for which the listing waits.
	publishTimeout = 2 * time.Second
	// partialLasts is how long partial lists are used. No refresh takes longer. Later ones
	// are the rest of a refresh that failed.
	partialLasts = 15 * time.Minute
)

// PartialStore stores partial lists; see Object.
type PartialStore interface {
	GetPartial(ctx context.Context, version string) (*Partial, string, error)
	PutPartial(context.Context, *Partial) error
}

var _ PartialStore = Object{}

// GetPartial returns the partial lists, as Get returns the snapshot.
func (o Object) GetPartial(ctx context.Context, version string) (*Partial, string, error) {
	const doing = "read the lists that are loading"
	packed, version, err := o.get(ctx, PartialKey, version, doing)
	if err != nil || packed == nil {
		return nil, version, err
	}
	r, err := gzip.NewReader(packed)
	if err != nil {
		return nil, version, access.Wrap(access.CodeInvalid, err, doing)
	}
	var p Partial
	if err := json.NewDecoder(io.LimitReader(r, maxSize)).Decode(&p); err != nil {
		return nil, version, access.Wrap(access.CodeInvalid, err, doing)
	}
	return &p, version, nil
}

// PutPartial replaces the partial lists, whoever wrote them.
func (o Object) PutPartial(ctx context.Context, p *Partial) error {
	const doing = "write the lists that are loading"
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	if err := w.Close(); err != nil {
		return access.Wrap(access.CodeInternal, err, doing)
	}
	_, err := o.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &o.Bucket, Key: aws.String(PartialKey), Body: bytes.NewReader(packed.Bytes()), ContentType: aws.String("application/gzip"),
	})
	return host.AWSError(err, doing)
}

// progress publishes what a first refresh has listed so far. A nil one does nothing. It is
// safe for concurrent use.
type progress struct {
	refresher *Refresher

	mu          sync.Mutex
	partial     Partial
	publishedAt time.Time
}

// add changes the partial lists, and publishes them if it is time. A failure is only
// logged: the snapshot doesn't depend on them.
func (p *progress) add(ctx context.Context, change func(*Partial)) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.partial)
	now := p.refresher.Now().UTC()
	if !p.publishedAt.IsZero() && now.Sub(p.publishedAt) < publishEvery {
		return
	}
	p.publishedAt = now
	next := p.partial
	next.At = now
	next.Accounts = sortedAccounts(next.Accounts)
	next.PermissionSets = sortedPermissionSets(next.PermissionSets)
	next.Groups = sortedGroups(next.Groups)
	writing, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := p.refresher.Partials.PutPartial(writing, &next); err != nil {
		p.refresher.Logger.WarnContext(ctx, "lists so far could not be published", "error", access.ErrorMessage(err))
	}
}

// Loading says how far the first refresh is.
type Loading struct {
	Accounts, PermissionSets, Groups int // listed so far
	// HasAll… is true if the list is whole.
	HasAllAccounts, HasAllPermissionSets, HasAllGroups bool
}

// partialLists are partial lists, prepared for searches.
type partialLists struct {
	lists
	at      time.Time
	loading Loading
}

func newPartialLists(p *Partial) *partialLists {
	return &partialLists{
		lists: lists{
			managementAccount: p.ManagementAccount,
			accounts:          newList(p.Accounts, AccountText), permissionSets: newList(p.PermissionSets, PermissionSetText), groups: newList(p.Groups, GroupText),
		},
		at: p.At,
		loading: Loading{
			len(p.Accounts), len(p.PermissionSets), len(p.Groups),
			p.HasAllAccounts, p.HasAllPermissionSets, p.HasAllGroups,
		},
	}
}

// offered returns the snapshot or, until there is one, the partial lists. partial is nil
// for a snapshot. NotReady: there is neither.
func (c *Catalog) offered(ctx context.Context) (l *lists, partial *partialLists, err error) {
	l, err = c.newestLists(ctx)
	if access.CodeOf(err) != access.CodeNotReady || c.Partial == nil {
		return l, nil, err
	}
	p, readErr := c.readPartial(ctx)
	if p == nil || c.Now().Sub(p.at) > partialLasts {
		if code := access.CodeOf(readErr); code != "" && code != access.CodeNotFound {
			c.Logger.WarnContext(ctx, "lists so far could not be read", "error", access.ErrorMessage(readErr))
		}
		return nil, nil, err
	}
	return &p.lists, p, nil
}

func (c *Catalog) readPartial(ctx context.Context) (*partialLists, error) {
	p, _, err := c.partial.get(ctx, c.Now(), publishEvery, func(ctx context.Context, version string) (*partialLists, string, error) {
		p, version, err := c.Partial.GetPartial(ctx, version)
		if err != nil || p == nil {
			return nil, version, err
		}
		return newPartialLists(p), version, nil
	})
	return p, err
}

// Loading returns how far the first refresh is. ok is false if there is a snapshot, or if
// nothing is known.
func (c *Catalog) Loading(ctx context.Context) (l Loading, ok bool) {
	_, p, err := c.offered(ctx)
	if err != nil || p == nil {
		return Loading{}, false
	}
	return p.loading, true
}

// errMissing is the error about a part of a target that lists don't have. NotReady if they
// are partial, because the part may still come.
func errMissing(p *partialLists, format string, args ...any) error {
	if p != nil {
		return access.Errorf(access.CodeNotReady, "the lists are still loading")
	}
	return access.Errorf(access.CodeNotFound, format, args...)
}
