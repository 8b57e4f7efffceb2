package catalog

import (
	"context"
	"time"
)

// Names are the names in the catalog. Command-line tools use them; the functions read the
// catalog itself.
type Names struct {
	ReadAt time.Time // when its oldest list was read
	Bytes  int64     // size of the object in S3

	Accounts       map[string]string // name by id
	PermissionSets map[string]string // name by ARN
	Groups         map[string]string // name by id
	// ManagementAccount is the id of the organization's management account, ""
	// if it is not known.
	ManagementAccount string
}

// GetNames reads the snapshot. Its errors are those of Get.
func (o Object) GetNames(ctx context.Context) (Names, error) {
	packed, _, err := o.get(ctx, Key, "", "read the catalog")
	if err != nil {
		return Names{}, err
	}
	size := int64(packed.Len())
	s, err := decode(packed)
	if err != nil {
		return Names{}, err
	}
	n := Names{
		ReadAt: s.AccountsAt, Bytes: size, ManagementAccount: s.ManagementAccount,
		Accounts: map[string]string{}, PermissionSets: map[string]string{}, Groups: map[string]string{},
	}
	for _, at := range []time.Time{s.PermissionSetsAt, s.GroupsAt} {
		if at.Before(n.ReadAt) {
			n.ReadAt = at
		}
	}
	for _, a := range s.Accounts {
		n.Accounts[a.ID] = a.Name
	}
	for _, p := range s.PermissionSets {
		n.PermissionSets[p.ARN] = p.Name
	}
	for _, g := range s.Groups {
		n.Groups[g.ID] = g.Name
	}
	return n, nil
}
