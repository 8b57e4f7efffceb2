package access

import (
	"encoding/json"
	"time"
)

// Rebuilt has what a lease says about a request whose row someone deleted. The new
// row has this attribute in place of those written at the request's creation. Its
// removal can be recorded, but it can't be decided or granted.
type Rebuilt struct {
	ID           string  `json:"id"`
	Subject      Subject `json:"subject"`
	ExecutionARN string  `json:"execution_arn"`
	// Both are zero if the access was never confirmed.
	GrantedAt time.Time `json:"granted_at,omitzero"`
	End       time.Time `json:"end,omitzero"`
	// ChainSince and Extends are as in Request.
	ChainSince        time.Time `json:"chain_since,omitzero"`
	Extends           string    `json:"extends,omitempty"`
	GroupMembershipID string    `json:"group_membership_id,omitempty"`
	// AWSCreateRequestID is as in Request. The previous release wrote none.
	AWSCreateRequestID string    `json:"aws_create_request_id,omitempty"`
	Channel            string    `json:"channel,omitempty"` // as in Decision
	At                 time.Time `json:"at"`                // when the row was found missing
}

// RebuiltFrom returns what the lease says about the request, which must be one of
// its holders.
func RebuiltFrom(l Lease, id string, at time.Time) Rebuilt {
	holder := l.Holders[id]
	b := Rebuilt{ID: id, Subject: l.Subject, ExecutionARN: holder.ExecutionARN, GrantedAt: holder.GrantedAt, End: holder.End, ChainSince: holder.ChainSince, Extends: holder.Extends, Channel: holder.Channel, AWSCreateRequestID: l.CreateRequestID, At: at.UTC()}
	if b.GrantedAt.IsZero() && !b.End.IsZero() {
		b.GrantedAt = earlier(b.End, b.At) // the latest that it can have been
	}
	if len(l.MembershipIDs) == 1 {
		b.GroupMembershipID = l.MembershipIDs[0]
	}
	return b
}

// UnmarshalJSON reads a request's row. Only a row without an id of its own is a
// rebuilt row. In other rows, the attribute is ignored.
func (r *Request) UnmarshalJSON(text []byte) error {
	type row Request // without this method
	if err := json.Unmarshal(text, (*row)(r)); err != nil {
		return err
	}
	if r.ID != "" || r.Rebuilt == nil {
		r.Rebuilt = nil
		return nil
	}
	b := *r.Rebuilt
	r.ID, r.Target, r.Requester.PrincipalID, r.ExecutionARN = b.ID, b.Subject.Target, b.Subject.PrincipalID, b.ExecutionARN
	r.GrantedAt, r.End, r.GroupMembershipID, r.AWSCreateRequestID = b.GrantedAt, b.End, b.GroupMembershipID, b.AWSCreateRequestID
	r.ChainSince, r.Extends = b.ChainSince, b.Extends
	if r.Duration = int64(b.End.Sub(b.GrantedAt) / time.Second); r.IsExtension() {
		r.Duration = 0 // unknown: it began at the end of what it extends
	}
	r.Failure = &Failure{Code: CodeRowLost, Message: "Someone deleted this app's record of the request while its access was active.", At: b.At}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
