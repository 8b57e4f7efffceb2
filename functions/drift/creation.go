package drift

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"sso-elevator/functions/access"
)

// caller is the part of a CloudTrail record that says who called, when, and for which
// user. It is read apart from trail, so that an unexpected field there costs only the
// names, and not the finding.
type caller struct {
	EventTime    time.Time `json:"eventTime"`
	UserIdentity struct {
		Type        string `json:"type"`
		ARN         string `json:"arn"`
		UserName    string `json:"userName"`
		PrincipalID string `json:"principalId"`
		InvokedBy   string `json:"invokedBy"`
		OnBehalfOf  struct {
			UserID string `json:"userId"`
		} `json:"onBehalfOf"`
	} `json:"userIdentity"`
	RequestParameters struct {
		PrincipalID string `json:"principalId"`
		MemberID    struct {
			UserID string `json:"userId"`
		} `json:"memberId"`
	} `json:"requestParameters"`
}

// maxCreator is how many bytes of the creator's name are kept. The message shows fewer.
const maxCreator = 300

// parseCreation reads from an event about the target who created the access of which
// user, and when. It returns nil if the event doesn't say so. AWS documents the user in
// the records of CreateAccountAssignment and CreateGroupMembership only.
func parseCreation(raw json.RawMessage, t access.Target, now time.Time) *Created {
	var record caller
	if !readTrail(raw, &record) || record.EventTime.IsZero() || record.EventTime.After(now) {
		return nil
	}
	user := record.RequestParameters.MemberID.UserID
	if t.Kind == access.KindAccount {
		user = record.RequestParameters.PrincipalID
	}
	who := record.UserIdentity
	by := cmp.Or(who.ARN, who.OnBehalfOf.UserID, who.UserName, who.PrincipalID, who.InvokedBy, who.Type)
	if user == "" || by == "" {
		return nil
	}
	return &Created{
		Subject:  access.Subject{Target: t, PrincipalID: user}.Key(),
		Creation: access.Creation{By: strings.ToValidUTF8(by[:min(len(by), maxCreator)], ""), At: record.EventTime.UTC()},
	}
}
