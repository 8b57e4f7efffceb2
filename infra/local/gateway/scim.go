package gateway

import (
	"context"
	"encoding/json"
)

// SetSCIMGroups sets the ids of the groups that an identity provider manages.
// Identity Center marks them with external identifiers, which moto lacks.
func (g *Gateway) SetSCIMGroups(ids []string) {
	scim := map[string]bool{}
	for _, id := range ids {
		scim[id] = true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.scim = scim
}

// describeGroup adds the group's external identifiers.
func (g *Gateway) describeGroup(ctx context.Context, call *Call) *Answer {
	answer := g.forward(ctx, call)
	if !answer.succeeded() {
		return answer
	}
	var group map[string]json.RawMessage
	if err := json.Unmarshal(answer.Body, &group); err != nil {
		return failure(500, "InternalFailure", err.Error())
	}
	g.addExternalID(group)
	return success(group)
}

// listGroups adds each group's external identifiers.
func (g *Gateway) listGroups(ctx context.Context, call *Call) *Answer {
	answer := g.forward(ctx, call)
	if !answer.succeeded() {
		return answer
	}
	var out map[string]json.RawMessage
	var groups []map[string]json.RawMessage
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		return failure(500, "InternalFailure", err.Error())
	}
	if err := json.Unmarshal(out["Groups"], &groups); err != nil {
		return failure(500, "InternalFailure", err.Error())
	}
	for _, group := range groups {
		g.addExternalID(group)
	}
	raw, err := json.Marshal(groups)
	if err != nil {
		return failure(500, "InternalFailure", err.Error())
	}
	out["Groups"] = raw
	return success(out)
}

// addExternalID adds a group's external identifiers, as the API shows them.
func (g *Gateway) addExternalID(group map[string]json.RawMessage) {
	var id string
	if json.Unmarshal(group["GroupId"], &id) != nil {
		return
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	if !g.scim[id] {
		return
	}
	raw, err := json.Marshal([]map[string]string{{"Issuer": "https://scim.aws.com/" + id, "Id": id}})
	if err == nil {
		group["ExternalIds"] = raw
	}
}
