package access

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// MaxExemption is the longest time after a deployment that an exemption can last, and the
// longest time after a run first found the access.
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

// EndFor returns when the exemption ends for access that a run first found at that time;
// zero if that isn't known. Then only the deployment limits the exemption.
func (e Exemption) EndFor(firstSeen time.Time) time.Time { return limitExemption(e.Until, firstSeen) }

func limitExemption(until, firstSeen time.Time) time.Time {
	if latest := firstSeen.Add(MaxExemption); !firstSeen.IsZero() && until.After(latest) {
		return latest
	}
	return until
}

// LimitExemption ends an exemption in the settings at most MaxExemption after a run first
// found the access. If it has ended by now, it becomes ExemptionOver. Leaves are limited
// when they are made.
func (f *Finding) LimitExemption(now time.Time) {
	s := f.Exemption
	if s == nil || s.By != nil {
		return
	}
	limited := *s
	limited.Until = limitExemption(s.Until, f.FirstSeen)
	f.Exemption = &limited
	if f.ExemptionOver = !now.Before(limited.Until); f.ExemptionOver {
		f.Exemption = nil
	}
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
