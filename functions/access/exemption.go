package access

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// MaxExemption is the longest time after a deployment that an exemption can last.
const MaxExemption = 72 * time.Hour

// Exemption is access that one person got outside this system in an emergency.
// Runs in mode revoke don't remove it before Until. It names either a permission
// set in an account, or a group.
type Exemption struct {
	AccountID     string    `json:"account_id,omitempty"`
	PermissionSet string    `json:"permission_set,omitempty"` // its name
	GroupID       string    `json:"group_id,omitempty"`
	Email         string    `json:"email"` // the user's email or user name
	Until         time.Time `json:"until"`
	Reason        string    `json:"reason"`
}

// Spared is the exemption that protects a finding. Since and Run say when a run in
// mode revoke first left it alone under this exemption; they are zero if none has.
type Spared struct {
	Key    string    `json:"key"` // of the exemption
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	// By is set if a person left the access alone with a button, and the settings don't
	// exempt it for longer.
	By    *Person   `json:"by,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Run   string    `json:"run,omitempty"`
}

// Covers reports whether the exemption is about the target.
func (e Exemption) Covers(t Target) bool {
	if e.GroupID != "" {
		return t.Kind == KindGroup && t.GroupID == e.GroupID
	}
	return t.Kind == KindAccount && e.AccountID != "" && e.PermissionSet != "" && t.AccountID == e.AccountID && t.PermissionSet == e.PermissionSet
}

// IsFor reports whether one of a user's names (the user name, the emails) is the
// exemption's email. The comparison ignores the case of ASCII letters only.
func (e Exemption) IsFor(names ...string) bool {
	for _, name := range names {
		if name != "" && lower(name) == lower(e.Email) {
			return true
		}
	}
	return false
}

// Key identifies the exemption. With another Until or Reason it is another
// exemption.
func (e Exemption) Key() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q", e.AccountID, e.PermissionSet, e.GroupID, e.Email, e.Until.UTC().Format(time.RFC3339Nano), e.Reason))
	return hex.EncodeToString(sum[:8])
}

// ExemptionsOf returns the exemptions for the target that have not ended.
func (p *Policy) ExemptionsOf(t Target, now time.Time) []Exemption {
	var all []Exemption
	for _, e := range p.Exemptions {
		if e.Covers(t) && now.Before(e.Until) {
			all = append(all, e)
		}
	}
	return all
}

// DeployedAt returns the policy with every exemption cut to end at most
// MaxExemption after the deployment. If the time of the deployment is zero, no
// exemption remains.
func (p Policy) DeployedAt(at time.Time) Policy {
	if len(p.Exemptions) == 0 {
		return p
	}
	given := p.Exemptions
	p.Exemptions = nil
	if at.IsZero() {
		return p
	}
	latest := at.Add(MaxExemption).UTC()
	for _, e := range given {
		if e.Until.After(latest) {
			e.Until = latest
		}
		p.Exemptions = append(p.Exemptions, e)
	}
	return p
}
