package catalog

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"time"

	"sso-elevator/functions/access"
)

// Snapshot is what people can request as of some time, in the order in which forms
// show it. Each list was read completely at the time beside it. If a refresh can't
// read a list, the next snapshot keeps the old one.
type Snapshot struct {
	// ManagementAccount is the id of the organization's management account, "" if it
	// is not known.
	ManagementAccount string

	// AccountsAt is the time of Accounts and Units. Units are the organizational units
	// that the policy named, with the accounts below each, at any depth. A unit that is
	// not in Units is unknown. Units may also have accounts that Accounts lacks.
	AccountsAt time.Time
	Accounts   []access.Account
	Units      map[string][]string

	// PermissionSetsAt is the time of PermissionSets and PortalURL.
	PermissionSetsAt time.Time
	PermissionSets   []access.PermissionSet
	// NamedAt is when each permission set was last read, by ARN.
	NamedAt map[string]time.Time
	// PortalURL is the address that AWS gives the access portal, "" if it is not known.
	PortalURL string

	GroupsAt time.Time
	Groups   []access.Group

	// Members are the members of the groups that approve requests, by group id. They are
	// only for what messages and forms show. A group may be missing.
	Members map[string]Members
}

// Members are members of a group: enabled users, at most MaxMembers.
type Members struct {
	Users []Member
	More  bool // there may be others
	// Known reports whether the snapshot has the group. Catalog.ApproverGroup sets it; it is
	// not stored.
	Known bool
}

// Member is a member of a group.
type Member struct {
	UserID string
	Email  string // "" if the user has none
}

// format is the version of a snapshot's encoding. A function treats another version
// as a missing snapshot.
const format = 1

// maxSize limits how much of an unpacked snapshot is read, in bytes. 10,000 accounts,
// 1,000 permission sets and 1,000 groups take less than one million.
const maxSize = 64 << 20

// document is a snapshot's encoding. A pair is an id and a name.
type document struct {
	Format int `json:"format"`
	// ManagementAccount was added after the first release, which leaves it out.
	ManagementAccount string `json:"management_account,omitempty"`

	Accounts struct {
		ReadAt time.Time   `json:"read_at"`
		Pairs  [][2]string `json:"pairs"`
		// Units was added after the first release, which leaves it out, and ignores it.
		Units map[string][]string `json:"units,omitempty"`
	} `json:"accounts"`
	PermissionSets struct {
		ReadAt  time.Time   `json:"read_at"`
		Pairs   [][2]string `json:"pairs"`
		NamedAt []int64     `json:"named_at"` // of each pair, in seconds since 1970
		// Sessions, Descriptions and PortalURL were added after the first release, which
		// leaves them out, and ignores them. A session is in seconds, 0 if it is not known.
		Sessions     []int64  `json:"sessions,omitempty"`
		Descriptions []string `json:"descriptions,omitempty"`
		PortalURL    string   `json:"portal_url,omitempty"`
	} `json:"permission_sets"`
	Groups struct {
		ReadAt time.Time   `json:"read_at"`
		Pairs  [][2]string `json:"pairs"`
	} `json:"groups"`
	// Members were added after the first release, which leaves them out.
	Members map[string]documentMembers `json:"members,omitempty"`
}

type documentMembers struct {
	Pairs [][2]string `json:"pairs"` // user id and email
	More  bool        `json:"more,omitempty"`
}

// encode returns the snapshot as JSON, packed with gzip.
func (s *Snapshot) encode() ([]byte, error) {
	var d document
	d.Format = format
	d.ManagementAccount = s.ManagementAccount
	d.Accounts.ReadAt = s.AccountsAt.UTC()
	for _, a := range s.Accounts {
		d.Accounts.Pairs = append(d.Accounts.Pairs, [2]string{a.ID, a.Name})
	}
	d.Accounts.Units = s.Units
	d.PermissionSets.ReadAt = s.PermissionSetsAt.UTC()
	for _, p := range s.PermissionSets {
		d.PermissionSets.Pairs = append(d.PermissionSets.Pairs, [2]string{p.ARN, p.Name})
		d.PermissionSets.NamedAt = append(d.PermissionSets.NamedAt, s.NamedAt[p.ARN].Unix())
		d.PermissionSets.Sessions = append(d.PermissionSets.Sessions, int64(p.Session/time.Second))
		d.PermissionSets.Descriptions = append(d.PermissionSets.Descriptions, p.Description)
	}
	d.PermissionSets.PortalURL = s.PortalURL
	d.Groups.ReadAt = s.GroupsAt.UTC()
	for _, g := range s.Groups {
		d.Groups.Pairs = append(d.Groups.Pairs, [2]string{g.ID, g.Name})
	}
	for id, m := range s.Members {
		of := documentMembers{More: m.More}
		for _, user := range m.Users {
			of.Pairs = append(of.Pairs, [2]string{user.UserID, user.Email})
		}
		if d.Members == nil {
			d.Members = map[string]documentMembers{}
		}
		d.Members[id] = of
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if err := json.NewEncoder(w).Encode(d); err != nil {
		return nil, access.Wrap(access.CodeInternal, err, "encode the catalog")
	}
	if err := w.Close(); err != nil {
		return nil, access.Wrap(access.CodeInternal, err, "encode the catalog")
	}
	return packed.Bytes(), nil
}

// decode reverses encode. Invalid: it is not a complete snapshot.
func decode(packed io.Reader) (*Snapshot, error) {
	const doing = "read the catalog"
	r, err := gzip.NewReader(packed)
	if err != nil {
		return nil, access.Wrap(access.CodeInvalid, err, doing)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxSize)) // a truncated document is not valid JSON
	if err != nil {
		return nil, access.Wrap(access.CodeInvalid, err, doing)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, access.Wrap(access.CodeInvalid, err, doing)
	}
	switch {
	case d.Format != format:
		return nil, access.Errorf(access.CodeInvalid, "%s: its format is %d, want %d", doing, d.Format, format)
	case d.Accounts.ReadAt.IsZero() || d.PermissionSets.ReadAt.IsZero() || d.Groups.ReadAt.IsZero():
		return nil, access.Errorf(access.CodeInvalid, "%s: it is incomplete", doing)
	case len(d.PermissionSets.NamedAt) != len(d.PermissionSets.Pairs):
		return nil, access.Errorf(access.CodeInvalid, "%s: it has %d permission sets, but %d read times", doing, len(d.PermissionSets.Pairs), len(d.PermissionSets.NamedAt))
	case len(d.PermissionSets.Descriptions) > 0 && len(d.PermissionSets.Descriptions) != len(d.PermissionSets.Pairs):
		return nil, access.Errorf(access.CodeInvalid, "%s: it has %d permission sets, but %d descriptions", doing, len(d.PermissionSets.Pairs), len(d.PermissionSets.Descriptions))
	case len(d.PermissionSets.Sessions) > 0 && len(d.PermissionSets.Sessions) != len(d.PermissionSets.Pairs):
		return nil, access.Errorf(access.CodeInvalid, "%s: it has %d permission sets, but %d sessions", doing, len(d.PermissionSets.Pairs), len(d.PermissionSets.Sessions))
	}
	s := &Snapshot{
		ManagementAccount: d.ManagementAccount,

		AccountsAt:       d.Accounts.ReadAt,
		Accounts:         make([]access.Account, len(d.Accounts.Pairs)),
		Units:            d.Accounts.Units,
		PermissionSetsAt: d.PermissionSets.ReadAt,
		PermissionSets:   make([]access.PermissionSet, len(d.PermissionSets.Pairs)),
		NamedAt:          make(map[string]time.Time, len(d.PermissionSets.Pairs)),
		PortalURL:        d.PermissionSets.PortalURL,
		GroupsAt:         d.Groups.ReadAt,
		Groups:           make([]access.Group, len(d.Groups.Pairs)),
	}
	for i, pair := range d.Accounts.Pairs {
		s.Accounts[i] = access.Account{ID: pair[0], Name: pair[1]}
	}
	for i, pair := range d.PermissionSets.Pairs {
		s.PermissionSets[i] = access.PermissionSet{ARN: pair[0], Name: pair[1]}
		s.NamedAt[pair[0]] = time.Unix(d.PermissionSets.NamedAt[i], 0).UTC()
		if len(d.PermissionSets.Sessions) > 0 {
			s.PermissionSets[i].Session = time.Duration(d.PermissionSets.Sessions[i]) * time.Second
		}
		if len(d.PermissionSets.Descriptions) > 0 {
			s.PermissionSets[i].Description = d.PermissionSets.Descriptions[i]
		}
	}
	for i, pair := range d.Groups.Pairs {
		s.Groups[i] = access.Group{ID: pair[0], Name: pair[1]}
	}
	for id, of := range d.Members {
		m := Members{More: of.More}
		for _, pair := range of.Pairs {
			m.Users = append(m.Users, Member{UserID: pair[0], Email: pair[1]})
		}
		if s.Members == nil {
			s.Members = map[string]Members{}
		}
		s.Members[id] = m
	}
	return s, nil
}
